"""Calibration: measures as scikit-learn has them, and a temperature that finds what was done."""

import json

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from lanistr.data.cache import open_cache
from lanistr.evaluation.calibration import measures_of
from lanistr.evaluation.finetuned import Finetuned
from lanistr.evaluation.metrics import metrics_of
from lanistr.evaluation.predictions import evaluate, read_predictions
from lanistr.evaluation.temperature import (
    LEAST_OTHERS,
    LEAST_SAMPLES,
    Temperature,
    fit_temperature,
    temper,
)
from tests.lanistr.made_predictions import MORTALITY, SIGNS, STARS, STAY, of_cache, write
from tests.lanistr.shards import write_cache

TASKS = pytest.mark.parametrize("task", [MORTALITY, STARS, SIGNS], ids=lambda task: task.kind)


def drawn(task, samples, seed=0):
    """Labels that come true exactly as often as their probabilities say; some are not known."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(samples, task.outputs)) - 0.5
    if not task.chooses:
        chance = 1 / (1 + np.exp(-logits))
        label = (rng.random(chance.shape) < chance).astype(float)
        label[rng.random(chance.shape) < 0.2] = np.nan
        return label, chance
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (chance.cumsum(axis=1) < rng.random((samples, 1))).sum(axis=1, keepdims=True)
    return label.astype(float), chance


def once(task, label, answer):
    weight = np.ones((1, len(label)))
    return {each.name: each.function(label, answer, weight)[0] for each in measures_of(task)}


def test_measures_equal_sklearn_with_any_weights():
    weight = np.random.default_rng(1).integers(0, 4, (3, 300))
    for task in (MORTALITY, STARS):
        label, answer = drawn(task, 300)
        _, brier, nll = measures_of(task)
        classes = range(task.outputs)
        values = (each.function(label, answer, weight) for each in (brier, nll))
        for row, squared, surprise in zip(weight, *values, strict=True):
            told = {"sample_weight": row, "labels": classes}
            assert surprise == pytest.approx(log_loss(label[:, 0], answer, **told))
            shown = answer[:, 1] if task is MORTALITY else answer
            both = {"scale_by_half": task is MORTALITY, **told}
            assert squared == pytest.approx(brier_score_loss(label[:, 0], shown, **both))


def test_labels_are_measured_over_all_pairs_that_are_known():
    label, answer = drawn(SIGNS, 200)
    known = ~np.isnan(label)
    _, brier, nll = once(SIGNS, label, answer).values()
    assert brier == pytest.approx(brier_score_loss(label[known], answer[known]))
    assert nll == pytest.approx(log_loss(label[known], answer[known]))
    twice = measures_of(SIGNS)[2].function(label, answer, np.full((1, 200), 2))
    assert twice[0] == pytest.approx(nll)


@TASKS
@pytest.mark.parametrize("exaggerated", [0.5, 3.0])
def test_the_temperature_undoes_what_was_exaggerated(task, exaggerated):
    label, chance = drawn(task, 5000)
    answer = temper(task, chance, 1 / exaggerated)
    found = fit_temperature(task, label, answer)
    assert found.value == pytest.approx(exaggerated, rel=0.1)
    assert found.why_kept is None and found.samples == (~np.isnan(label)).any(axis=1).sum()
    before, after = once(task, label, answer), once(task, label, temper(task, answer, found.value))
    assert all(after[name] < before[name] for name in before)


@TASKS
def test_no_metric_of_a_table_changes_with_the_temperature(task):
    label, answer = drawn(task, 300)
    weight = np.ones((1, 300))
    for metric in metrics_of(task).values():
        same = metric.function(label, answer, weight)[0]
        for temperature in (0.5, 4.0):
            value = metric.function(label, temper(task, answer, temperature), weight)[0]
            assert value == pytest.approx(same, abs=1e-12)
    assert temper(task, answer, 1.0) is answer


def test_answers_that_were_rounded_to_certainty_stay_probabilities():
    for task in (MORTALITY, SIGNS):
        told = temper(task, np.eye(task.outputs)[[0, 1]], 2.0)
        assert np.isfinite(told).all() and (told >= 0).all() and (told <= 1).all()


def test_too_few_validation_samples_fit_no_temperature():
    label, answer = drawn(MORTALITY, LEAST_SAMPLES)
    assert fit_temperature(MORTALITY, label, answer).why_kept is None
    few = fit_temperature(MORTALITY, label[1:], answer[1:])
    assert few.value == 1 and few.samples == LEAST_SAMPLES - 1
    assert few.why_kept.endswith(f"needed are {LEAST_SAMPLES} and {LEAST_OTHERS}")
    label[:, 0] = np.arange(LEAST_SAMPLES) < LEAST_OTHERS - 1
    assert (
        f"of which {LEAST_OTHERS - 1} answers" in fit_temperature(MORTALITY, label, answer).why_kept
    )
    none = fit_temperature(MORTALITY, label[:0], answer[:0])
    assert (none.value, none.samples) == (1, 0)
    assert fit_temperature(STAY, np.ones((500, 1)), np.ones((500, 1))) is None


def test_answers_without_a_best_temperature_keep_theirs():
    label, _ = drawn(MORTALITY, 400)
    right = np.where(label == np.arange(2), 0.6, 0.4)  # without a mistake: the colder the better
    assert "no temperature from 0.1 to 10" in fit_temperature(MORTALITY, label, right).why_kept


def test_metrics_hold_calibration_before_and_after_and_the_patterns(tmp_path):
    folder = write_cache(tmp_path / "stays")
    made = of_cache(open_cache(folder), MORTALITY)
    known = Finetuned(
        patterns={"timeseries": 40, "text+timeseries": 3},
        temperature=Temperature(value=2.0, samples=400),
    )
    told = {}
    for name, finetuned in {"known": known, "not": None}.items():
        path = write(tmp_path / f"{name}.parquet", made, finetuned=finetuned)
        assert read_predictions(path).finetuned == finetuned
        evaluate(path, folder, tmp_path / "m.json", resamples=50)
        told[name] = json.loads((tmp_path / "m.json").read_text())
    both, expected = told["known"]["calibration"], once(MORTALITY, made.label, made.answer)
    tempered = once(MORTALITY, made.label, temper(MORTALITY, made.answer, 2.0))
    for name, value in expected.items():
        assert both["before"][name]["value"] == pytest.approx(value)
        assert both["after"][name]["value"] == pytest.approx(tempered[name])
        assert both["after"][name]["low"] < tempered[name] < both["after"][name]["high"]
    assert both["temperature"] == {"value": 2.0, "samples": 400, "why_kept": None}
    seen = {each["pattern"]: each["seen"] for each in told["known"]["patterns"]}
    assert seen["timeseries"] == "often" and seen["text+timeseries"] == "rarely"
    assert seen["text+image+timeseries"] == "never"
    assert sum(each["n"] for each in told["known"]["patterns"]) == len(made.label)
    assert told["known"]["metrics"] == told["not"]["metrics"]
    assert told["not"]["patterns"] is None and told["not"]["calibration"]["temperature"] is None
