"""Metrics equal sklearn's, intervals resample patients, and every test sample is demanded."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from lanistr.data.cache import open_cache
from lanistr.errors import DataContractError
from lanistr.evaluation.metrics import (
    Metric,
    metrics_of,
    primary_of,
    weighted_accuracy,
    weighted_auprc,
    weighted_auroc,
    weighted_macro_f1,
)
from lanistr.evaluation.predictions import (
    evaluate,
    interval,
    measured,
    resample_weights,
    resampled,
    why_undefined,
)
from lanistr.evaluation.shares import shares, trivial
from tests.lanistr.made_predictions import (
    MORTALITY,
    PHENOTYPES,
    SIGNS,
    STARS,
    STAY,
    of_cache,
    predictions,
    write,
)
from tests.lanistr.shards import write_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("evaluation"))


def plain(function):
    return Metric("m", "M", function)


def drawn(n, levels, seed):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(np.int8)
    label[:2] = 0, 1
    score = np.round(rng.random(n) * 0.5 + 0.3 * label, levels)
    return label, score, rng.integers(0, 4, (5, n))


@pytest.mark.parametrize("levels", [1, 2, 12], ids=["many ties", "some ties", "no ties"])
def test_metrics_equal_sklearn_with_any_weights(levels):
    label, score, weight = drawn(200, levels, seed=levels)
    for ours, theirs in [
        (weighted_auroc, roc_auc_score),
        (weighted_auprc, average_precision_score),
    ]:
        expected = [theirs(label, score, sample_weight=row) for row in weight]
        np.testing.assert_allclose(ours(label, score, weight), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 5])
def test_metrics_of_classes_equal_sklearn_with_any_weights(classes):
    rng = np.random.default_rng(classes)
    label, predicted = rng.integers(0, classes, (2, 150))
    for weight in (np.ones(150), rng.integers(1, 4, 150)):
        accuracy = weighted_accuracy(label, predicted, weight[None])
        macro = weighted_macro_f1(label, predicted, weight[None])
        assert accuracy == pytest.approx(
            accuracy_score(label, predicted, sample_weight=weight), abs=1e-12
        )
        expected = f1_score(label, predicted, average="macro", sample_weight=weight)
        assert macro == pytest.approx(expected, abs=1e-12)


def test_bootstrap_of_classes_equals_resampled_rows():
    """Classes that a resample does not hold do not count in it."""
    rng = np.random.default_rng(1)
    label, predicted = rng.integers(0, 5, (2, 12))
    weights = resample_weights(np.arange(12), 30)
    copies = [np.repeat(np.arange(12), row) for row in weights]
    expected = [f1_score(label[rows], predicted[rows], average="macro") for rows in copies]
    found = resampled(plain(weighted_macro_f1), label, predicted, weights)
    np.testing.assert_allclose(found, expected)


def test_stars_are_measured_by_accuracy_and_drawn_by_product():
    rng = np.random.default_rng(2)
    label = rng.integers(0, 5, 60)
    probabilities = rng.random((60, 5))
    right = probabilities.argmax(axis=1) == label
    products = np.where(right, 0, 1 + np.arange(60) % 3)  # one product holds all that is right
    result = measured(predictions(STARS, label, probabilities, products), resamples=400)
    assert list(result) == ["accuracy", "macro_f1"]
    assert result["accuracy"]["value"] == right.mean()
    assert result["accuracy"]["low"] == 0  # that product is not drawn in 0.75^4 of the resamples
    by_review = measured(predictions(STARS, label, probabilities), resamples=400)
    assert 0 < by_review["accuracy"]["low"] < right.mean() < by_review["accuracy"]["high"]


def test_one_class_of_five_is_defined():
    result = measured(predictions(STARS, np.full(4, 4), np.eye(5)[[4, 4, 0, 4]]), resamples=20)
    assert result["accuracy"]["value"] == 0.75


def test_numbers_are_measured_in_their_unit():
    made = predictions(STAY, [10.0, 20.0, 60.0], [[12.0], [20.0], [50.0]])
    result = measured(made, resamples=100)
    assert result["mae"]["value"] == 4.0  # of 2, 0 and 10
    assert result["r2"]["value"] == pytest.approx(1 - 104 / 1400)  # of 400 + 100 + 900
    assert 0 <= result["mae"]["low"] < 4 < result["mae"]["high"] <= 10
    # One sample alone, thrice, has no variance: 3 in 27 resamples.
    assert 0 < result["r2"]["undefined_resamples"] < 30
    told = shares(STAY, made.label)
    assert told == {"label_mean": 30.0, "label_std": pytest.approx((1400 / 3) ** 0.5)}
    assert trivial(STAY, made.primary, made.label) == 50 / 3  # of the median, 20


def test_numbers_that_do_not_differ_have_an_error_but_no_r2():
    made = predictions(STAY, [5.0, 5.0], [[4.0], [7.0]])
    result = measured(made, resamples=5)
    assert result["mae"]["value"] == 1.5
    assert result["r2"] == {"value": None, "reason": "the numbers of 2 test samples do not differ"}
    assert why_undefined(made) is None


def test_labels_are_averaged_where_they_are_known_and_differ():
    nan = np.nan
    label = [[0, 1, 1], [1, 0, 1], [1, 1, nan], [0, nan, 1]]
    answer = [[0.1, 0.6, 0.9], [0.8, 0.7, 0.2], [0.2, 0.9, 0.1], [0.3, 0.1, 0.4]]
    made = predictions(SIGNS, label, answer)
    result = measured(made, resamples=50)
    # 3 of 4 pairs in order, 1 of 2, and a label that all have.
    assert result["macro_auroc"]["value"] == pytest.approx((0.75 + 0.5) / 2)
    known = ~np.isnan(made.label)
    expected = roc_auc_score(made.label[known], made.answer[known])
    assert result["micro_auroc"]["value"] == pytest.approx(expected)
    assert shares(SIGNS, made.label) == {
        "prevalences": {"sepsis": 0.5, "shock": 2 / 3, "stroke": 1.0},
        "n_labels": 3,
        "n_labels_defined": 2,
    }
    assert trivial(SIGNS, made.primary, made.label) == 0.5


def test_labels_that_do_not_differ_are_undefined():
    made = predictions(SIGNS, np.ones((3, 3)), np.ones((3, 3)))
    assert why_undefined(made) == "none of the labels differs between 3 test samples"
    assert measured(made, resamples=5)["macro_auroc"]["value"] is None


def test_constants_reach_what_is_called_trivial():
    label = np.array([[0.0], [0.0], [1.0], [0.0]])
    assert [trivial(MORTALITY, metric, label) for metric in metrics_of(MORTALITY).values()] == [
        0.5,
        0.25,
    ]
    assert trivial(STARS, primary_of(STARS), label) == 0.75


def test_bootstrap_equals_resampled_rows():
    """A weight of k is k copies of the row."""
    label, score, _ = drawn(60, 1, seed=0)
    weights = resample_weights(np.arange(60), 20)
    copies = [np.repeat(np.arange(60), row) for row in weights]
    expected = [roc_auc_score(label[rows], score[rows]) for rows in copies]
    np.testing.assert_allclose(resampled(plain(weighted_auroc), label, score, weights), expected)


def test_one_class_is_undefined_not_an_error():
    for metric in (weighted_auroc, weighted_auprc):
        for label in (np.zeros(3, np.int8), np.ones(3, np.int8)):
            assert np.isnan(metric(label, np.arange(3.0), np.ones((1, 3)))).all()


def test_a_patients_samples_are_drawn_together():
    subjects = np.array([7, 7, 9, 9, 9, 4])
    weights = resample_weights(subjects, 50)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 3]).all()
    assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_resamples_follow_the_patients_not_the_row_order():
    subjects, order = np.array([5, 3, 3, 8]), np.array([2, 0, 3, 1])
    one, other = resample_weights(subjects, 30), resample_weights(subjects[order], 30)
    np.testing.assert_array_equal(one[:, order], other)


def test_interval_covers_its_share_and_leaves_undefined_values_out():
    low, high = interval(np.r_[np.arange(1001.0), np.nan])
    assert (low, high) == pytest.approx((25, 975))
    assert interval(np.array([np.nan])) is None


def test_metrics_file_says_what_was_measured(folder, tmp_path):
    cache = open_cache(folder)
    path = write(tmp_path / "p.parquet", of_cache(cache, MORTALITY, seed=3))
    evaluate(path, folder, tmp_path / "m.json", resamples=300)
    content = json.loads((tmp_path / "m.json").read_text())
    table = pl.read_parquet(path)
    label, score = table["label"].to_numpy()[:, 0], table["answer"].to_numpy()[:, 1]
    area = content["metrics"]["auroc"]
    assert content["n"] == content["n_subjects"] == 12
    assert content["n_positive"] == label.sum()
    assert content["prevalence"] == label.astype(float).mean()
    assert (content["task"], content["trivial"]) == ("in_hospital_mortality", 0.5)
    assert area["value"] == pytest.approx(roc_auc_score(label, score))
    assert area["low"] < area["value"] <= area["high"] <= 1
    assert content["data"]["digest"] == "0123456789abcdef"
    evaluate(path, folder, tmp_path / "again.json", resamples=300)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "m.json").read_bytes()


def test_one_class_is_reported_as_null_with_the_reason(folder, tmp_path):
    no_deaths = open_cache(folder).labels.copy()
    no_deaths[:, 0] = 0
    np.save(tmp_path / "labels.npy", no_deaths)
    for file in folder.glob("*"):
        if file.name != "labels.npy":
            (tmp_path / file.name).symlink_to(file)
    path = write(tmp_path / "p.parquet", of_cache(open_cache(tmp_path), MORTALITY))
    evaluate(path, tmp_path, tmp_path / "m.json", resamples=10)
    area = json.loads((tmp_path / "m.json").read_text())["metrics"]["auroc"]
    assert area == {"value": None, "reason": "all 12 test samples have label 0"}


@pytest.mark.parametrize(
    ("task", "name", "known"),
    [(STAY, "mae", 11), (PHENOTYPES, "macro_auroc", 11)],
    ids=["stay", "phenotypes"],
)
def test_every_kind_is_evaluated_where_the_answer_is_known(folder, tmp_path, task, name, known):
    made = of_cache(open_cache(folder), task)
    path = write(tmp_path / "p.parquet", made)
    evaluate(path, folder, tmp_path / "m.json", resamples=20)
    content = json.loads((tmp_path / "m.json").read_text())
    assert (content["task"], content["n"]) == (task.name, known)
    assert content["metrics"][name]["value"] == made.once(made.primary)
    assert next(iter(content["metrics"])) == name


def test_a_restricted_population_is_complete_in_itself(folder, tmp_path):
    made = of_cache(open_cache(folder), MORTALITY, data={"require": ["image"]})
    path = write(tmp_path / "p.parquet", made)
    evaluate(path, folder, tmp_path / "m.json", resamples=10)
    assert json.loads((tmp_path / "m.json").read_text())["n"] == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.head(11), "1 are missing and 0 repeated; 0 others"),
        (lambda t: pl.concat([t, t.head(2)]), "0 are missing and 2 repeated; 0 others"),
        (lambda t: t.with_columns(pl.col("sample_id") + 1), "are missing and 0 repeated; "),
        (lambda t: t.with_columns(label=1 - pl.col("label")), "label differs from the cache in 12"),
        (lambda t: t.with_columns(subject_id=pl.lit(1)), "subject_id differs"),
        (lambda t: t.drop("answer"), "is not a file of `python -m lanistr predict`"),
        (lambda t: t.with_columns(seed=pl.int_range(pl.len())), "holds 12 seeds"),
    ],
    ids=["missing", "repeated", "foreign", "label", "patient", "column", "seeds"],
)
def test_incomplete_predictions_are_refused(folder, tmp_path, change, message):
    path = write(tmp_path / "p.parquet", of_cache(open_cache(folder), MORTALITY), change)
    with pytest.raises(DataContractError, match=message):
        evaluate(path, folder, tmp_path / "m.json", resamples=10)
    assert not (tmp_path / "m.json").exists()
