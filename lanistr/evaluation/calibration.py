"""How far probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lanistr.evaluation.metrics import Metric
from lanistr.task import Kind, Task

BINS = 10
FLOOR = np.finfo(np.float64).eps
"""A probability below counts as this much, so that one mistake does not make a mean infinite."""


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of equal width.

    Attributes:
        count: predictions in each bin, (bins,) int.
        predicted: their mean probability, (bins,); NaN in an empty bin.
        observed: share that came true, (bins,); NaN in an empty bin.
    """

    count: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray


def reliability(confidence: np.ndarray, came_true: np.ndarray, bins: int = BINS) -> Reliability:
    """What was predicted and what came true, by bin.

    Args:
        confidence: probability of what is claimed, (N,).
        came_true: True where the claim holds, (N,) bool.
        bins: of equal width from 0 to 1; a value between two belongs to the upper one.

    >>> found = reliability(np.array([0.1, 0.3, 0.9]), np.array([False, True, True]), bins=2)
    >>> found.count, found.predicted, found.observed
    (array([2, 1]), array([0.2, 0.9]), array([0.5, 1. ]))
    """
    place = _bins(confidence, bins)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(place, confidence, minlength=bins) / count
        observed = np.bincount(place, came_true, minlength=bins) / count
    return Reliability(count, predicted, observed)


def calibration_error(confidence: np.ndarray, came_true: np.ndarray) -> float:
    """Expected calibration error of claims that count alike; see `weighted_ece`.

    >>> round(calibration_error(np.array([0.1, 0.3, 0.9]), np.array([False, True, True])), 4)
    0.3
    """
    return float(weighted_ece(confidence, came_true, np.ones((1, len(confidence))))[0])


def weighted_ece(confidence: np.ndarray, came_true: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Expected calibration error: mean distance of predicted and observed, by claims of a bin.

    Args:
        confidence: probability of what is claimed, (N,).
        came_true: True where the claim holds, (N,) bool.
        weight: how often each claim counts, (R, N).

    Returns:
        (R,) float64; NaN where nothing has weight.

    Source:
        Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning,
        AAAI 2015.
    """
    gap = np.eye(BINS)[_bins(confidence, BINS)] * (confidence - came_true)[:, None]
    with np.errstate(invalid="ignore"):
        return np.abs(weight @ gap).sum(axis=1) / weight.sum(axis=1)


def _bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of equal width that each value is in; one between two is in the upper one."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def claims(task: Task, label: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What should be calibrated, and whether it came true, as bool.

    Args:
        task: says what the answers are; no regression.
        label: what is known of each sample, NaN = nothing, (N, targets).
        answer: probabilities of classes or labels, (N, outputs).

    Returns:
        Of two classes the positive one's probability, of more that of the most probable one, (N,);
        of labels that of each whose truth is known, (pairs,).
    """
    return CLAIMS[Kind(task.kind)](label, answer)


def _of_labels(label: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(label)
    return answer[known], label[known] == 1


CLAIMS: dict[Kind, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    Kind.BINARY: lambda label, answer: (answer[:, 1], label[:, 0] == 1),
    Kind.MULTICLASS: lambda label, answer: (
        answer.max(axis=1),
        label[:, 0] == answer.argmax(axis=1),
    ),
    Kind.MULTILABEL: _of_labels,
}


def measures_of(task: Task) -> tuple[Metric, ...]:
    """How far probabilities can be taken at their word, 0 is best; none of a regression."""
    if task.kind == Kind.REGRESSION:
        return ()
    plain = partial(Metric, percent=False, higher_is_better=False)
    return (
        plain("ece", "expected calibration error", partial(ece, task)),
        plain("brier", "Brier score", partial(brier, task)),
        plain("nll", "negative log-likelihood", partial(nll, task)),
    )


def ece(task: Task, label: np.ndarray, answer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Expected calibration error of `claims` for each row of weights (R, N), (R,)."""
    return weighted_ece(*claims(task, label, answer), _by_claim(task, label, weight))


def brier(task: Task, label: np.ndarray, answer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Brier score for each row of weights (R, N), (R,).

    Of two classes of the second one, of more the sum over them (0 to 2), of several labels over
    all pairs of sample and label that are known.

    Source:
        Brier, Verification of Forecasts Expressed in Terms of Probability, 1950.
    """
    chance = chances(task, label, answer)
    missed = (1 - chance) ** 2
    if task.kind == Kind.MULTICLASS:
        missed = missed - chance**2 + (answer**2).sum(axis=1)
    return _mean(missed, _by_claim(task, label, weight))


def nll(task: Task, label: np.ndarray, answer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean negative log-likelihood in nats for each row of weights (R, N), (R,).

    Of several labels over all pairs of sample and label that are known.
    """
    surprise = -np.log(np.maximum(chances(task, label, answer), FLOOR))
    return _mean(surprise, _by_claim(task, label, weight))


def chances(task: Task, label: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """The probability that was given to what came true, (N,); of labels (pairs that are known,)."""
    if task.chooses:
        return answer[np.arange(len(label)), label[:, 0].astype(np.int64)]
    chance, came_true = _of_labels(label, answer)
    return np.where(came_true, chance, 1 - chance)


def _by_claim(task: Task, label: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weights of samples as those of claims, of which a sample has one for each known label."""
    return weight if task.chooses else weight[:, np.nonzero(~np.isnan(label))[0]]


def _mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return weight @ values / weight.sum(axis=1)
