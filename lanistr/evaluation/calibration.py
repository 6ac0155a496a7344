"""How far probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lanistr.task import Kind, Task

BINS = 10


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
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(place, confidence, minlength=bins) / count
        observed = np.bincount(place, came_true, minlength=bins) / count
    return Reliability(count, predicted, observed)


def calibration_error(confidence: np.ndarray, came_true: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of predicted and observed, by samples of a bin.

    Source:
        Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning,
        AAAI 2015.

    >>> round(calibration_error(np.array([0.1, 0.3, 0.9]), np.array([False, True, True]), 2), 4)
    0.2333
    """
    found = reliability(confidence, came_true, bins)
    distance = np.nan_to_num(np.abs(found.predicted - found.observed))
    return float((found.count * distance).sum() / found.count.sum())


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
