"""What a table says of pretraining follows from its rows, whichever way they fall."""

from dataclasses import replace

import pytest

from lanistr.evaluation.claim import told_claims, told_luck
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.render import latex, markdown
from lanistr.evaluation.row import Row, Stamp, Table
from lanistr.evaluation.tables import adjusted

FULL = Row(
    *("LANISTR", "ok", "full", "stays", "auroc"),
    **{"mean": 77.0, "low": 70.0, "high": 84.0, "n_runs": 5, "labels": 64, "unlabeled": 11080},
)


def other(name, difference, half=3.0, p=0.5, full=FULL, **columns):
    """A row whose interval of the difference reaches half as far to both sides."""
    ends = {"difference_low": difference - half, "difference_high": difference + half}
    return replace(
        full,
        row=name,
        mean=full.mean + difference,
        difference=difference,
        **{**ends, "p_value": p, "unlabeled": None, **columns},
    )


def scratch(difference, name="LANISTR w/o pretraining", **columns):
    return other(name, difference, **columns)


def told(*rows, curve=None, scale="smoke"):
    layout = Layout(title="Mortality", data="stays", curve=curve)
    stamp = Stamp(scale, "corrected", "radiology", False, "0123", subjects="patients")
    return told_claims(Table("table1", layout, adjusted(rows), stamp))


@pytest.mark.parametrize(
    ("difference", "begins"),
    [
        (-7.0, "Pretraining lifts LANISTR: AUROC 77.00 with it, 70.00 without, +7.00 points"),
        (7.0, "Pretraining lowers LANISTR: AUROC 77.00 with it, 84.00 without, -7.00 points"),
        (-2.0, "No difference is shown between LANISTR with pretraining and without: AUROC 77.00"),
    ],
)
def test_pretraining_lifts_lowers_or_shows_no_difference(difference, begins):
    (sentence,) = told(FULL, scratch(difference))
    assert sentence.startswith(begins)
    assert f"95 % interval {-difference - 3:+.2f} to {-difference + 3:+.2f}, p = 0.500" in sentence
    assert sentence.endswith("; 64 labels, 11,080 unlabeled samples, 5 seeds, generated data.")


def test_real_data_are_not_called_generated():
    assert "generated" not in told(FULL, scratch(-7.0), scale="open")[0]


def test_of_an_error_less_is_more():
    full = replace(FULL, metric="mae", unit="days", mean=7.0)
    rivals = [other(n, d, p=0.001, full=full) for n, d in (("ridge", 0.5), ("boosting", 0.2))]
    (sentence,) = told(full, scratch(1.0, half=0.5, full=full), *rivals)
    assert sentence.startswith("Pretraining lowers LANISTR: MAE (lower is better) 7.00 with it")
    assert "-1.00 days (95 % interval -1.50 to -0.50" in sentence
    assert "LANISTR beats the best other row, boosting (7.20): -0.20 days" in sentence


@pytest.mark.parametrize(
    ("difference", "p", "verb"),
    [(-2.0, 0.01, "beats"), (2.0, 0.01, "is behind"), (2.0, 0.04, "is not shown to differ from")],
)
def test_the_best_other_row_is_judged_by_the_adjusted_p(difference, p, verb):
    far = other("FLAVA", -20.0, p=0.5)
    (sentence,) = told(FULL, scratch(-7.0, p=0.5), other("MedFuse", difference, p=p), far)
    assert f"LANISTR {verb} the best other row, MedFuse ({77 + difference:.2f})" in sentence


def test_another_form_of_lanistr_is_no_rival():
    form = other("LANISTR on a quarter of the unlabeled data", -0.5)
    (sentence,) = told(FULL, scratch(-7.0), form, other("MedFuse", -2.0))
    assert "the best other row, MedFuse (75.00)" in sentence
    assert "other row" not in told(FULL, scratch(-7.0), form)[0]


def test_without_a_row_of_lanistr_or_of_its_runs_nothing_is_claimed():
    assert told(other("LateFusion", -2.0)) == []
    failed = replace(FULL, status="failed", mean=None)
    lost = replace(scratch(-7.0), difference=None)
    assert told(failed, lost) == [
        "Whether pretraining helps LANISTR is not known: LANISTR, failed."
    ]


def test_a_curve_over_unlabeled_data_compares_its_ends_alone():
    rows = [scratch(-7.0, "0 %"), other("50 %", 3.0, p=0.001), replace(FULL, row="100 %")]
    (sentence,) = told(*rows, curve="unlabeled")
    assert sentence.startswith("Pretraining lifts LANISTR") and "best other" not in sentence


def points(*differences):
    """Rows of a curve over labels, 64 and then four times as many at a time."""
    for power, difference in enumerate(differences):
        labels = 64 * 4**power
        yield replace(FULL, row=f"LANISTR, {labels}", labels=labels)
        yield scratch(difference, f"LANISTR w/o pretraining, {labels}", labels=labels)


def test_a_curve_over_labels_says_where_the_effect_ends():
    *each, end = told(*points(-7.0, -4.0, 1.0), curve="labels")
    assert [text.split(" LANISTR")[0] for text in each] == [
        *("Pretraining lifts", "Pretraining lifts", "No difference is shown between")
    ]
    assert "256 labels" in each[1]
    assert end == "Of 64, 256 and 1,024 labels, pretraining is shown to be better with 64 and 256."
    *_, end = told(*points(-1.0, 7.0), curve="labels")
    assert end == "At no number of labels is pretraining shown to be better."


def test_each_data_set_has_its_sentence():
    rows = [replace(row, dataset=name) for name in ("all", "placebo") for row in (FULL,)]
    rows += [scratch(-7.0, dataset="all"), scratch(7.0, dataset="placebo")]
    lifted, lowered = told(*rows)
    assert lifted.startswith("all: Pretraining lifts")
    assert lowered.startswith("placebo: Pretraining lowers")


def test_claims_stand_in_every_form():
    layout = Layout(title="Mortality", data="stays")
    stamp = Stamp("smoke", "corrected", "radiology", False, "0123", subjects="patients")
    made = Table("table1", layout, adjusted([FULL, scratch(-7.0)]), stamp)
    (sentence,) = told_claims(made)
    head, *_ = markdown(made).split("\n|")
    assert sentence in head
    assert sentence.replace("%", "\\%") in latex(made)


@pytest.mark.parametrize(
    ("runs", "words"),
    [(1, "over patients alone"), (2, "2 seeds cannot bound"), (5, "the same in all runs.")],
)
def test_what_intervals_cover_depends_on_the_number_of_seeds(runs, words):
    told = told_luck([replace(FULL, n_runs=runs)], "patients")
    assert words in told
    assert ("cannot bound" in told) == (runs == 2)
