"""Metrics under many weightings at once, exact, and which of them each kind of task has.

`metrics_of(task)` is the registry. The functions above it take what they compare; a `Metric` takes
what is known of each sample, what a model answers, and the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lanistr.task import Kind, Task

Weighted = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of labels (N, targets), answers (N, outputs) and weights (R, N) the values, (R,)."""


@dataclass(frozen=True)
class Metric:
    """How well answers fit what is known.

    Attributes:
        name: key in files, such as "auroc".
        title: name in captions, such as "AUROC".
        function: the values of labels (N, targets; NaN = not known), of answers (N, outputs) and
            of each row of weights (R, N), as (R,) float64; NaN where it is not defined. Of classes
            and labels any answers that rank alike do, such as probabilities or logits.
        percent: whether people write it in percent; the values are shares of 1 all the same.
        higher_is_better: whether more is better.
        has_unit: whether the values are in the unit of the task.
    """

    name: str
    title: str
    function: Weighted
    percent: bool = True
    higher_is_better: bool = True
    has_unit: bool = False

    @property
    def factor(self) -> int:
        """What the values are multiplied by for readers."""
        return 100 if self.percent else 1

    def unit(self, task_unit: str) -> str:
        """What the numbers that readers see are in: percent, the task's unit, or nothing."""
        return "percent" if self.percent else task_unit if self.has_unit else ""


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


def weighted_mae(label: np.ndarray, answer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean absolute error for each row of weights, in the unit of the numbers.

    Args:
        label: the true numbers, (N,).
        answer: the numbers answered, (N,).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where nothing has weight.

    >>> weighted_mae(np.array([1.0, 4.0]), np.array([1.0, 2.0]), np.array([[1, 1], [1, 3]]))
    array([1. , 1.5])
    """
    with np.errstate(invalid="ignore"):
        return weight @ np.abs(label - answer) / weight.sum(axis=1)


def weighted_r2(label: np.ndarray, answer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of the numbers' variance that answers explain, for each row of weights.

    Args:
        label: the true numbers, (N,).
        answer: the numbers answered, (N,).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64, at most 1; NaN where all numbers with weight are the same.

    >>> weighted_r2(np.array([1.0, 3.0]), np.array([1.0, 2.0]), np.array([[1, 1], [1, 0]]))
    array([0.5, nan])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight @ label / weight.sum(axis=1))[:, None]
        spread = (weight * (label - mean) ** 2).sum(axis=1)
        return np.where(spread > 0, 1 - weight @ (label - answer) ** 2 / spread, np.nan)


def macro(metric: Weighted, label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A metric of two classes, averaged over labels; where it is not defined it does not count.

    Args:
        metric: such as `weighted_auroc`.
        label: 1 = the sample has the label, NaN = not known, (N, labels).
        score: higher = more likely, (N, labels).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where it is defined for none of the labels.

    >>> label, score = np.array([[0, 1], [1, 1]]), np.array([[0.1, 0.3], [0.2, 0.4]])
    >>> macro(weighted_auroc, label, score, np.ones((1, 2)))
    array([1.])
    """
    known = ~np.isnan(label)
    values = np.stack(
        [
            metric(label[known[:, k], k], score[known[:, k], k], weight[:, known[:, k]])
            for k in range(label.shape[1])
            if known[:, k].any()
        ]
        or [np.full(len(weight), np.nan)]
    )
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)


def micro(metric: Weighted, label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A metric of two classes over all pairs of a sample and a label.

    Args:
        metric: such as `weighted_auroc`.
        label: 1 = the sample has the label, NaN = not known, (N, labels).
        score: higher = more likely, comparable between labels, (N, labels).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,) float64; NaN where the metric is not defined.

    >>> label, score = np.array([[0, 1], [1, 1]]), np.array([[0.1, 0.3], [0.2, 0.4]])
    >>> micro(weighted_auroc, label, score, np.ones((1, 2)))
    array([1.])
    """
    sample, _ = known = np.nonzero(~np.isnan(label))
    return metric(label[known], score[known], weight[:, sample])


METRICS: dict[Kind, tuple[Metric, ...]] = {
    Kind.BINARY: (
        Metric("auroc", "AUROC", lambda y, p, w: weighted_auroc(y[:, 0], p[:, 1], w)),
        Metric("auprc", "AUPRC", lambda y, p, w: weighted_auprc(y[:, 0], p[:, 1], w)),
    ),
    Kind.MULTICLASS: (
        Metric("accuracy", "Accuracy", lambda y, p, w: weighted_accuracy(y[:, 0], p.argmax(1), w)),
        Metric("macro_f1", "Macro F1", lambda y, p, w: weighted_macro_f1(y[:, 0], p.argmax(1), w)),
    ),
    Kind.MULTILABEL: (
        Metric("macro_auroc", "Macro AUROC", lambda y, p, w: macro(weighted_auroc, y, p, w)),
        Metric("micro_auroc", "Micro AUROC", lambda y, p, w: micro(weighted_auroc, y, p, w)),
        Metric("macro_auprc", "Macro AUPRC", lambda y, p, w: macro(weighted_auprc, y, p, w)),
    ),
    Kind.REGRESSION: (
        Metric(
            "mae",
            "MAE",
            lambda y, p, w: weighted_mae(y[:, 0], p[:, 0], w),
            percent=False,
            higher_is_better=False,
            has_unit=True,
        ),
        Metric("r2", "R2", lambda y, p, w: weighted_r2(y[:, 0], p[:, 0], w), percent=False),
    ),
}
"""The metrics of each kind of task; the first is reported and selects, unless the task says."""
METRIC = {metric.name: metric for metrics in METRICS.values() for metric in metrics}
"""Every metric by its name, which no two kinds share."""
KIND_OF = {metric.name: kind for kind, metrics in METRICS.items() for metric in metrics}
"""The kind of task that each metric is of."""


def metrics_of(task: Task) -> dict[str, Metric]:
    """The metrics of a task by name, the one that is reported and selects first.

    Raises:
        KeyError: the task's score is none of its kind's metrics.

    >>> task = Task("stay", Kind.REGRESSION, "length of stay", unit="hours", score="r2")
    >>> list(metrics_of(task))
    ['r2', 'mae']
    """
    metrics = {metric.name: metric for metric in METRICS[Kind(task.kind)]}
    if not task.score:
        return metrics
    if task.score not in metrics:
        raise KeyError(f"score: {task.name} has no {task.score}. Allowed: {', '.join(metrics)}.")
    return {task.score: metrics[task.score], **metrics}


def primary_of(task: Task) -> Metric:
    """The metric that is reported and that selects the epoch.

    >>> primary_of(Task("died", Kind.BINARY, "mortality", classes=("no", "yes"))).title
    'AUROC'
    """
    return next(iter(metrics_of(task).values()))


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
