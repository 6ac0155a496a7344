"""Results by subgroup: a planted gap is found, its interval is right, and the files hold it."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from lanistr.errors import DataContractError
from lanistr.evaluation.runs import Runs
from lanistr.evaluation.status import Status
from lanistr.evaluation.subgroup_table import latex, markdown, read_csv, write_csv
from lanistr.evaluation.subgroups import Line, Subgroup, adjusted, lines_of, read_subgroups, told
from lanistr.report.page import page
from lanistr.report.subgroups import sections
from tests.lanistr.made_predictions import MORTALITY, STAY, predictions

LINE = Line("model", "stays", "mortality", "AUROC", "percent", subgroup="Sex", group="")
RESAMPLES = 300


def made(skill, n=600, seeds=2, rng=None):
    """Runs whose scores know the label in each of two halves as well as its skill says."""
    rng = rng or np.random.default_rng(0)
    label = rng.random(n) < 0.4
    known = np.repeat(skill, n // 2)
    scores = [known * label + rng.standard_normal(n) for _ in range(seeds)]
    return [predictions(MORTALITY, label, score, seed=k) for k, score in enumerate(scores)]


def halves(n=600, groups=("F", "M"), withheld=0):
    names = np.repeat(["F", "M"], n // 2).tolist()
    return Subgroup("Sex", dict.fromkeys(groups, n // 2), withheld, dict(enumerate(names)))


def test_each_group_is_measured_on_its_own_samples():
    runs = made((3.0, 0.0))
    lines = {line.group: line for line in told(runs, halves(), LINE, RESAMPLES)}
    for group, own in (("F", slice(0, 300)), ("M", slice(300, 600))):
        alone = [
            predictions(MORTALITY, run.label[own], run.answer[own]).once(run.primary)
            for run in runs
        ]
        assert lines[group].mean == round(100 * np.mean(alone))
        assert lines[group].low <= lines[group].mean <= lines[group].high
        assert lines[group].n_test == 300
    gap = lines["F less M"]
    assert gap.mean == pytest.approx(lines["F"].mean - lines["M"].mean, abs=1)
    assert gap.mean == lines["F"].difference
    assert 0 < gap.low < gap.mean < gap.high
    assert gap.p_value == pytest.approx(2 / (RESAMPLES + 1))


def test_without_a_difference_the_gap_is_seldom_shown():
    rng = np.random.default_rng(4)
    p = [
        list(told(made((1.0, 1.0), 200, 1, rng), halves(200), LINE, 200))[-1].p_value
        for _ in range(100)
    ]
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_p_of_a_gap_counts_the_pairs_and_the_gaps():
    thirds = dict(enumerate(np.repeat(["a", "b", "c"], 200).tolist()))
    *_, gap = told(
        made((3.0, 0.0)), Subgroup("Age", dict.fromkeys("abc", 200), 0, thirds), LINE, RESAMPLES
    )
    assert gap.p_value == pytest.approx(3 * 2 / (RESAMPLES + 1))
    both = adjusted([gap, LINE, replace(gap, p_value=0.4)])
    assert [line.p_holm for line in both] == [pytest.approx(2 * gap.p_value), None, 0.4]


def test_of_a_number_less_error_is_better():
    rng = np.random.default_rng(1)
    hours = rng.normal(50, 10, (600, 1))
    run = predictions(STAY, hours, hours + np.repeat([1.0, 9.0], 300)[:, None])
    *_, gap = told([run], halves(), LINE, RESAMPLES)
    assert gap.group == "F less M"
    assert gap.mean == -8


def test_what_may_not_be_told_is_withheld_and_what_is_not_there_says_so():
    runs = Runs(made_runs(made((1.0, 1.0))), {})
    lines = list(lines_of(runs, [halves(groups=("F",), withheld=1)], LINE, RESAMPLES))
    assert [(line.group, line.status) for line in lines] == [
        ("F", "ok"),
        ("1 of 2 groups", "withheld"),
    ]
    none = Runs([], {0: Status("failed", "see the log")})
    (line,) = lines_of(none, [halves()], LINE, RESAMPLES)
    assert (line.status, line.mean) == ("failed", None)


def test_an_experiment_on_some_test_samples_tells_no_group():
    few = [
        replace(
            run,
            experiment=run.experiment.model_copy(
                update={"data": run.experiment.data.model_copy(update={"require": {"text"}})}
            ),
        )
        for run in made((1.0, 1.0))
    ]
    (line,) = lines_of(Runs(made_runs(few), {}), [halves()], LINE, RESAMPLES)
    assert (line.status, line.n_test) == ("asked of some test samples alone", None)


def test_groups_of_other_samples_are_refused():
    with pytest.raises(DataContractError, match="test samples are in no group"):
        list(told(made((1.0, 1.0)), halves(100), LINE, RESAMPLES))


def test_a_variant_has_the_groups_of_its_data_set(tmp_path):
    groups = tmp_path / "groups/stays/notes.parquet"
    groups.parent.mkdir(parents=True)
    pl.DataFrame({"sample_id": [4, 9], "sex": ["F", "M"]}).write_parquet(groups)
    sex = {"column": "sex", "title": "Sex", "withheld": 1}
    own = {"dataset": "stays", "subgroups": [sex | {"groups": [{"group": "M", "samples": 41}]}]}
    told = tmp_path / "subgroups.json"
    told.write_text(json.dumps({"limit": 10, "datasets": [own]}))
    (found,) = read_subgroups(tmp_path / "groups", told, "stays/notes")
    assert found == Subgroup("Sex", {"M": 41}, 1, {4: "F", 9: "M"}, 10)
    with pytest.raises(DataContractError, match="Make them again"):
        read_subgroups(tmp_path / "groups", told, "others")


def test_the_files_hold_what_was_found(tmp_path):
    lines = adjusted(list(told(made((3.0, 0.0)), halves(), LINE, RESAMPLES)))
    write_csv(tmp_path / "subgroups.csv", lines)
    assert read_csv(tmp_path / "subgroups.csv") == lines
    text = markdown(lines)
    assert f"| Sex | F | 300 | {lines[0].mean:g} | " in text
    assert "**gap: F less M**" in text
    assert latex(lines).count(r"\\") == 5


def test_the_report_has_a_table_of_each_experiment(tmp_path):
    assert not sections(tmp_path)
    lines = adjusted(list(told(made((3.0, 0.0)), halves(), LINE, RESAMPLES)))
    write_csv(tmp_path / "tables/subgroups.csv", [*lines, replace(LINE, status="failed")])
    note, one = sections(tmp_path)
    content = page("Report", [note, one], stamp=[])
    for part in ("gap: F less M", f">{lines[0].mean:g}<", "failed"):
        assert part in content


def made_runs(found):
    """Runs of which only the predictions count."""

    class Run:
        def __init__(self, predictions):
            self.predictions = predictions

    return [Run(each) for each in found]
