"""Metrics equal sklearn's, intervals resample patients, and every test sample is demanded."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from lanistr.data.cache import open_cache
from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.metrics import (
    weighted_accuracy,
    weighted_auprc,
    weighted_auroc,
    weighted_macro_f1,
)
from lanistr.evaluation.predictions import (
    Predictions,
    evaluate,
    interval,
    measured,
    resample_weights,
    resampled,
)
from tests.lanistr.shards import experiment, write_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("evaluation"))


def write_predictions(path, cache, change=lambda table: table, positive=None, **settings):
    """A predictions file as `lanistr predict` writes it, with scores near the label."""
    made = experiment(**settings)
    test = cache.samples[(cache.samples["stage"] == 1) & (cache.samples["split"] == 2)]
    for modality in made.data.require:
        test = test[test[f"{modality}_row"] >= 0]
    rng = np.random.default_rng(3)
    score = np.clip(0.3 * test["label"] + 0.7 * rng.random(len(test)), 0, 1)
    table = pl.DataFrame(
        {
            "experiment": made.name,
            "seed": 0,
            "sample_id": test["sample_id"],
            "subject_id": test["subject_id"],
            "label": test["label"],
            "probabilities": np.stack([1 - score, score], axis=1),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    change(table).write_parquet(path, metadata={"experiment": made.model_dump_json()})
    return path


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
    np.testing.assert_allclose(resampled(weighted_macro_f1, label, predicted, weights), expected)


def of_reviews(label, probabilities, products):
    made = experiment(dataset="amazon/All_Beauty", classes=5, modalities=["text", "tabular"])
    return Predictions(
        made, 0, np.arange(len(label)), products, label, probabilities.argmax(axis=1)
    )


def test_stars_are_measured_by_accuracy_and_drawn_by_product():
    rng = np.random.default_rng(2)
    label = rng.integers(0, 5, 60).astype(np.int8)
    probabilities = rng.random((60, 5))
    right = probabilities.argmax(axis=1) == label
    products = np.where(right, 0, 1 + np.arange(60) % 3)  # one product holds all that is right
    result = measured(of_reviews(label, probabilities, products), resamples=400)
    assert list(result) == ["accuracy", "macro_f1"]
    assert result["accuracy"]["value"] == right.mean()
    assert result["accuracy"]["low"] == 0  # that product is not drawn in 0.75^4 of the resamples
    by_review = measured(of_reviews(label, probabilities, np.arange(60)), resamples=400)
    assert 0 < by_review["accuracy"]["low"] < right.mean() < by_review["accuracy"]["high"]


def test_one_class_of_five_is_defined():
    label = np.full(4, 4, np.int8)
    result = measured(of_reviews(label, np.eye(5)[[4, 4, 0, 4]], np.arange(4)), resamples=20)
    assert result["accuracy"]["value"] == 0.75


def test_bootstrap_equals_resampled_rows():
    """A weight of k is k copies of the row."""
    label, score, _ = drawn(60, 1, seed=0)
    weights = resample_weights(np.arange(60), 20)
    copies = [np.repeat(np.arange(60), row) for row in weights]
    expected = [roc_auc_score(label[rows], score[rows]) for rows in copies]
    np.testing.assert_allclose(resampled(weighted_auroc, label, score, weights), expected)


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
    path = write_predictions(tmp_path / "p.parquet", cache)
    evaluate(path, folder, tmp_path / "m.json", resamples=300)
    content = json.loads((tmp_path / "m.json").read_text())
    table = pl.read_parquet(path)
    score = table["probabilities"].to_numpy()[:, 1]
    area = content["metrics"]["auroc"]
    assert content["n"] == content["n_subjects"] == 12
    assert content["n_positive"] == table["label"].sum()
    assert area["value"] == pytest.approx(roc_auc_score(table["label"], score))
    assert area["low"] < area["value"] <= area["high"] <= 1
    assert content["data"]["digest"] == "0123456789abcdef"
    evaluate(path, folder, tmp_path / "again.json", resamples=300)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "m.json").read_bytes()


def test_one_class_is_reported_as_null_with_the_reason(folder, tmp_path):
    cache = open_cache(folder)
    no_deaths = cache.samples.copy()
    no_deaths["label"] = 0
    np.save(tmp_path / "samples.npy", no_deaths)
    for file in folder.glob("*"):
        if file.name != "samples.npy":
            (tmp_path / file.name).symlink_to(file)
    path = write_predictions(tmp_path / "p.parquet", open_cache(tmp_path))
    evaluate(path, tmp_path, tmp_path / "m.json", resamples=10)
    area = json.loads((tmp_path / "m.json").read_text())["metrics"]["auroc"]
    assert area == {"value": None, "reason": "all 12 test samples have label 0"}


def test_a_regression_is_refused(folder, tmp_path):
    path = write_predictions(tmp_path / "p.parquet", open_cache(folder), task="regression")
    with pytest.raises(ConfigError, match="is of a regression, evaluate knows classifications"):
        evaluate(path, folder, tmp_path / "m.json", resamples=10)


def test_a_restricted_population_is_complete_in_itself(folder, tmp_path):
    path = write_predictions(
        tmp_path / "p.parquet", open_cache(folder), data={"require": ["image"]}
    )
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
        (lambda t: t.drop("probabilities"), "is not a file of `python -m lanistr predict`"),
        (lambda t: t.with_columns(seed=pl.int_range(pl.len())), "holds 12 seeds"),
    ],
    ids=["missing", "repeated", "foreign", "label", "patient", "column", "seeds"],
)
def test_incomplete_predictions_are_refused(folder, tmp_path, change, message):
    path = write_predictions(tmp_path / "p.parquet", open_cache(folder), change)
    with pytest.raises(DataContractError, match=message):
        evaluate(path, folder, tmp_path / "m.json", resamples=10)
    assert not (tmp_path / "m.json").exists()
