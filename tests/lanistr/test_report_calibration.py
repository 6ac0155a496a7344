"""Calibration, ROC curves and confusion against what they are by definition."""

import numpy as np
import pytest

from lanistr.evaluation.metrics import weighted_auroc
from lanistr.report.calibration import calibration_error, reliability
from lanistr.report.page import Section, page
from lanistr.report.predicted import GRID, Predicted, confusion, drawing, roc
from tests.lanistr.pages import check

RNG = np.random.default_rng(0)


def binary(samples=400, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(samples) < share).astype(np.int64)
    score = np.clip(0.25 * label + 0.6 * rng.random(samples), 0, 1)
    return Predicted(label, np.stack([1 - score, score], axis=1))


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
    score = run.probability[:, 1]
    area = np.trapezoid(roc(run.label, score), GRID)
    assert area == pytest.approx(weighted_auroc(run.label, score, np.ones((1, 4000)))[0], abs=0.01)
    assert (np.diff(roc(run.label, score)) >= 0).all()


def test_a_constant_score_is_the_diagonal():
    assert roc(np.array([0, 1, 0, 1]), np.full(4, 0.5)) == pytest.approx(GRID)


def test_small_cells_of_the_confusion_are_not_told():
    label = np.repeat([0, 1], [50, 12])
    probability = np.eye(2)[np.r_[np.zeros(50, int), np.repeat([0, 1], [9, 3])]]
    shares = confusion([Predicted(label, probability)])
    assert shares[0, 0] == 1
    assert np.isnan(shares[1]).all()


def test_rare_outcomes_are_not_drawn():
    few = binary(200, share=0.02)
    assert 0 < few.label.sum() < 10
    assert "No ROC curve" in drawing("few", {0: few})


def test_several_seeds_make_one_figure():
    html = drawing("LANISTR, mimic", {seed: binary(seed=seed) for seed in range(3)})
    outline = check(page("T", [Section("a", "A", html)]))
    assert len(outline.all("svg")) == 1
    assert "3 seeds" in html and "Expected calibration error" in html
