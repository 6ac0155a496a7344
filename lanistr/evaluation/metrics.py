"""Metrics under many weightings at once, exact.

Of two classes by the score of the positive one; of more classes by the predicted one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def weighted_auroc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights; ties count half.

    Args:
        label: 1 = positive, (N,).
        score: higher = more likely positive, (N,).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where only one class has weight.

    >>> weighted_auroc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.35]), np.ones((1, 4)))
    array([0.875])
    """
    positive, negative = _class_weights(label, score, weight)
    below = negative.cumsum(axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return wins / (positive.sum(axis=1) * negative.sum(axis=1))


def weighted_auprc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Average precision for each row of weights, as sklearn defines it.

    Args:
        label: 1 = positive, (N,).
        score: higher = more likely positive, (N,).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where only one class has weight.

    >>> weighted_auprc(np.array([0, 1, 1]), np.array([0.5, 0.2, 0.9]), np.ones((1, 3))).round(4)
    array([0.8333])
    """
    positive, negative = (part[:, ::-1] for part in _class_weights(label, score, weight))
    found = positive.cumsum(axis=1)
    flagged = found + negative.cumsum(axis=1)
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    with np.errstate(invalid="ignore"):
        area = (positive * precision).sum(axis=1) / positive.sum(axis=1)
    return np.where(negative.sum(axis=1) > 0, area, np.nan)


def weighted_accuracy(label: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of samples whose class is predicted, for each row of weights.

    Args:
        label: class, (N,) int.
        predicted: class, (N,) int.
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where nothing has weight.

    >>> weighted_accuracy(np.array([0, 4]), np.array([4, 4]), np.array([[1, 1], [1, 3]]))
    array([0.5 , 0.75])
    """
    with np.errstate(invalid="ignore"):
        return weight @ (label == predicted).astype(np.float64) / weight.sum(axis=1)


def weighted_macro_f1(label: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """F1 averaged over the classes that occur, for each row of weights.

    Args:
        label: class, (N,) int.
        predicted: class, (N,) int.
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where nothing has weight.

    >>> weighted_macro_f1(np.array([0, 4, 4]), np.array([4, 4, 4]), np.ones((1, 3)))
    array([0.4])
    """
    classes = np.union1d(label, predicted)[:, None]
    true, found = label == classes, predicted == classes
    hits, either = (part.astype(np.float64) for part in (true & found, 1.0 * true + found))
    both = weight @ either.T
    f1 = np.divide(2 * (weight @ hits.T), both, out=np.zeros_like(both), where=both > 0)
    with np.errstate(invalid="ignore"):
        return f1.sum(axis=1) / (both > 0).sum(axis=1)


BINARY: dict[str, Metric] = {"auroc": weighted_auroc, "auprc": weighted_auprc}
MULTICLASS: dict[str, Metric] = {"accuracy": weighted_accuracy, "macro_f1": weighted_macro_f1}


def metrics_of(classes: int) -> dict[str, Metric]:
    """The metrics of as many classes by name; the first is the one that is reported and selects."""
    return BINARY if classes == 2 else MULTICLASS


def _class_weights(
    label: np.ndarray, score: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, ascending, (R, scores) each."""
    order = np.argsort(score, kind="stable")
    ascending = score[order]
    starts = np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]])
    sorted_weight, is_positive = weight[:, order].astype(np.float64), label[order] == 1
    return (
        np.add.reduceat(sorted_weight * is_positive, starts, axis=1),
        np.add.reduceat(sorted_weight * ~is_positive, starts, axis=1),
    )
