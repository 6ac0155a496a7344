"""The paired bootstrap: p-values are uniform without a difference, and pairing takes out luck."""

from dataclasses import replace

import numpy as np
import pytest

from lanistr.evaluation.comparison import paired_difference, two_sided
from lanistr.evaluation.metrics import weighted_auroc
from tests.lanistr.made_predictions import MORTALITY, STAY, predictions


def drawn(rng, n=200, skill=(1.0, 1.0), shared=0.0):
    """Two scores of one test set; `shared` is the part of their noise that they have in common."""
    label = rng.random(n) < 0.3
    common = rng.standard_normal(n)
    noise = [shared * common + (1 - shared) * rng.standard_normal(n) for _ in skill]
    return [predictions(MORTALITY, label, s * label + e) for s, e in zip(skill, noise, strict=True)]


def test_the_difference_is_that_of_the_means_over_runs():
    rng = np.random.default_rng(0)
    label = rng.random(80) < 0.4
    runs = [predictions(MORTALITY, label, label * s + rng.random(80)) for s in (0.1, 0.5, 0.9)]
    once = np.ones((1, 80))
    areas = [weighted_auroc(run.label[:, 0], run.answer[:, 1], once)[0] for run in runs]
    found = paired_difference(runs[:2], runs[2:], 100)
    assert found.value == pytest.approx(np.mean(areas[:2]) - areas[2])


def test_without_a_difference_p_is_seldom_small():
    rng = np.random.default_rng(1)
    p = [paired_difference(*([run] for run in drawn(rng)), 200).p_value for _ in range(200)]
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.11
    assert 0.4 < np.mean(np.array(p) < 0.5) < 0.6


def test_a_difference_is_found():
    rng = np.random.default_rng(2)
    better, worse = drawn(rng, 400, skill=(2.0, 0.5))
    found = paired_difference([better], [worse], 500)
    assert 0 < found.low < found.value < found.high
    assert found.p_value == pytest.approx(2 / 501)
    back = paired_difference([worse], [better], 500)
    assert (back.value, back.p_value) == (-found.value, found.p_value)


def test_what_is_hard_for_both_cancels():
    rng = np.random.default_rng(3)
    alike = paired_difference(*([run] for run in drawn(rng, shared=0.95)), 300)
    apart = paired_difference(*([run] for run in drawn(rng, shared=0.0)), 300)
    assert alike.high - alike.low < 0.4 * (apart.high - apart.low)


def test_a_method_does_not_differ_from_itself():
    run = drawn(np.random.default_rng(4))[0]
    found = paired_difference([run], [run], 100)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_other_test_samples_are_not_compared():
    run = drawn(np.random.default_rng(5))[0]
    fewer = predictions(MORTALITY, run.label[:150], run.answer[:150])
    assert paired_difference([run], [fewer], 50) is None
    other = replace(run, task=replace(MORTALITY, name="readmission"))
    assert paired_difference([run], [other], 50) is None


def test_numbers_are_compared_in_their_unit():
    true = np.array([10.0, 20.0, 30.0, 40.0])
    near, far = (predictions(STAY, true, (true + off)[:, None]) for off in (1.0, 4.0))
    found = paired_difference([near], [far], 50)
    assert (found.value, found.low, found.high) == (-3, -3, -3)


def test_undefined_resamples_do_not_count():
    assert two_sided(np.array([np.nan, 1.0, 2.0, 3.0])) == 0.5
