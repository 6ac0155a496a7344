"""The paired bootstrap: p-values are uniform without a difference, pairing takes out luck of both
kinds, and what is left of it is in the interval.
"""

from dataclasses import replace

import numpy as np
import pytest

from lanistr.evaluation.comparison import interval_of_mean, paired_difference, two_sided
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


def trained(rng, label, skills):
    """A run per skill, with seeds 0, 1, ...; all scores have the same noise."""
    noise = rng.standard_normal(len(label))
    return [
        predictions(MORTALITY, label, skill * label + noise, seed=seed)
        for seed, skill in enumerate(skills)
    ]


def test_seeds_are_drawn_as_subjects_are():
    """Without a difference but luck of training, p is seldom small; over subjects alone it is."""
    rng = np.random.default_rng(6)
    label = np.arange(120) < 40
    p, alone = [], []
    for _ in range(80):
        ours, theirs = (trained(rng, label, rng.normal(1, 0.5, 5)) for _ in range(2))
        p.append(paired_difference(ours, theirs, 100).p_value)
        alone.append(paired_difference(ours[:1], theirs[:1], 100).p_value)
    assert np.mean(np.array(p) < 0.05) < 0.13
    assert np.mean(np.array(alone) < 0.05) > 0.2


def test_the_luck_of_training_is_in_the_interval_of_a_mean():
    rng = np.random.default_rng(7)
    label = np.arange(300) < 100
    same, *_ = trained(rng, label, [1.0])
    one = interval_of_mean([same], 500)
    assert interval_of_mean([replace(same, seed=seed) for seed in range(5)], 500) == one
    low, high = interval_of_mean(trained(rng, label, [0.2, 0.6, 1.0, 1.4, 1.8]), 500)
    assert high - low > 1.5 * (one[1] - one[0])


def test_runs_are_paired_by_seed():
    label = np.arange(400) < 100
    skills = np.array([0.2, 0.6, 1.0, 1.4, 1.8])
    ours, theirs = (trained(np.random.default_rng(8), label, skills + s) for s in (0.3, 0.0))
    paired = paired_difference(ours, theirs, 500)
    moved = [replace(run, seed=run.seed + 5) for run in theirs]
    apart = paired_difference(ours, moved, 500)
    assert paired.value == apart.value
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


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
