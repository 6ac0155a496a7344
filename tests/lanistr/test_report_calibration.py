"""Calibration, ROC curves and confusion against what they are by definition."""

from dataclasses import replace

import numpy as np
import pytest

from lanistr.evaluation.calibration import calibration_error, claims, reliability
from lanistr.evaluation.finetuned import Finetuned
from lanistr.evaluation.metrics import weighted_auroc
from lanistr.evaluation.temperature import Temperature
from lanistr.report.discrimination import GRID, confusion, label_areas, roc
from lanistr.report.page import Section, page
from lanistr.report.predicted import drawing, tempered_error
from tests.lanistr.made_predictions import MORTALITY, SIGNS, STARS, predictions
from tests.lanistr.pages import check

RNG = np.random.default_rng(0)


def binary(samples=400, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.random(samples) < share
    return predictions(MORTALITY, label, np.clip(0.25 * label + 0.6 * rng.random(samples), 0, 1))


def test_the_calibration_error_is_that_of_a_loop_over_bins():
    confidence, came_true = RNG.random(500), RNG.random(500) < 0.4
    expected = 0.0
    for low in np.arange(0, 1, 0.1):
        inside = (confidence >= low) & (confidence < low + 0.1)
        gap = abs(confidence[inside].mean() - came_true[inside].mean())
        expected += inside.mean() * gap
    assert calibration_error(confidence, came_true) == pytest.approx(expected, abs=1e-9)


def test_probabilities_that_come_true_as_often_as_they_say_have_no_error():
    confidence = np.repeat([0.25, 0.75], 4)
    came_true = np.array([1, 0, 0, 0, 1, 1, 1, 0], bool)
    assert calibration_error(confidence, came_true) == 0
    assert calibration_error(confidence, ~came_true) == pytest.approx(0.5)


def test_certainty_belongs_to_the_last_bin_and_empty_bins_do_no_harm():
    found = reliability(np.array([1.0, 0.0]), np.array([True, False]))
    assert found.count.tolist() == [1] + [0] * 8 + [1]
    assert calibration_error(np.array([1.0]), np.array([True])) == 0


def test_the_roc_curve_has_the_area_that_the_metric_says():
    run = binary(4000)
    label, score = run.label[:, 0], run.answer[:, 1]
    area = np.trapezoid(roc(label, score), GRID)
    assert area == pytest.approx(weighted_auroc(label, score, np.ones((1, 4000)))[0], abs=0.01)
    assert (np.diff(roc(label, score)) >= 0).all()


def test_a_constant_score_is_the_diagonal():
    assert roc(np.array([0, 1, 0, 1]), np.full(4, 0.5)) == pytest.approx(GRID)


def test_small_cells_of_the_confusion_are_not_told():
    label = np.repeat([0, 1], [50, 12])
    probability = np.eye(5)[np.r_[np.zeros(50, int), np.repeat([0, 1], [9, 3])]]
    runs = [predictions(STARS, label, probability)]
    shares = confusion(runs)
    assert shares[0, 0] == 1
    assert np.isnan(shares[1]).all()
    html = drawing("Table 2", "LANISTR", runs)
    assert "by true class: 1 star: 100 %." in html and ">5 star</text>" in html


def test_rare_outcomes_are_not_drawn():
    few = binary(200, share=0.02)
    assert 0 < few.label.sum() < 10
    assert "No ROC curve" in drawing("Table 1", "few", [few])


def test_several_seeds_make_one_figure():
    html = drawing("Table 1", "LANISTR, mimic", [binary(seed=seed) for seed in range(3)])
    outline = check(page("T", [Section("a", "A", html)]))
    assert len(outline.all("svg")) == 1
    assert "3 seeds" in html and "Expected calibration error" in html


def test_the_error_under_a_temperature_stands_beside_that_of_the_model():
    runs = [binary(seed=seed) for seed in range(2)]
    assert tempered_error(runs) is None and "tempered" not in drawing("T", "R", runs)
    warm = Finetuned(patterns={}, temperature=Temperature(value=2.0, samples=300))
    runs[0] = replace(runs[0], finetuned=warm)
    answers = [warm.temper(MORTALITY, runs[0].answer), runs[1].answer]
    found = [
        calibration_error(answer[:, 1], run.label[:, 0] == 1)
        for run, answer in zip(runs, answers, strict=True)
    ]
    assert tempered_error(runs) == pytest.approx(np.mean(found))
    assert f"tempered {np.mean(found):.3f}" in drawing("T", "R", runs)


def test_labels_are_calibrated_over_all_pairs_that_are_known():
    nan = np.nan
    made = predictions(SIGNS, [[1, 0, nan], [nan, 1, 0]], [[0.9, 0.2, 0.5], [0.1, 0.8, 0.3]])
    confidence, came_true = claims(made.task, made.label, made.answer)
    assert confidence.tolist() == [0.9, 0.2, 0.8, 0.3]
    assert came_true.tolist() == [True, False, True, False]


def test_rare_labels_are_not_told():
    rng = np.random.default_rng(0)
    label = (rng.random((60, 3)) < 0.5).astype(float)
    label[:, 2] = np.arange(60) < 9
    label[::2, 1] = np.nan
    answer = np.clip(0.4 * np.nan_to_num(label) + 0.6 * rng.random((60, 3)), 0, 1)
    runs = [predictions(SIGNS, label, answer)]
    areas = label_areas(runs)
    assert set(areas) == {"sepsis", "shock"}
    known = label[1::2, 1]
    expected = weighted_auroc(known, answer[1::2, 1], np.ones((1, 30)))[0]
    assert areas["shock"] == pytest.approx(expected)
    html = drawing("Phenotypes", "LANISTR", runs)
    outline = check(page("T", [Section("a", "A", html)]))
    assert len(outline.all("svg")) == 1
    assert "Labels with fewer than 10 samples on one side: 1." in html and "stroke 0." not in html
