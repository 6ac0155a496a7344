"""What is known of the test samples, by the kind of the task, and what no model is needed for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lanistr.evaluation.metrics import Metric
from lanistr.task import Kind, Task


def shares(task: Task, label: np.ndarray) -> dict[str, Any]:
    """How labels are distributed.

    Args:
        task: says what they are.
        label: what is known of each sample, NaN = nothing, (N, targets) float64.

    Returns:
        Of two classes the positives, of more the counts and the largest share, of several labels
        the share of samples with each, of numbers their mean and standard deviation; null where
        there are no samples.

    >>> stars = Task("stars", Kind.MULTICLASS, "stars", classes=("1", "2", "3"))
    >>> shares(stars, np.array([[0.0], [2.0], [2.0], [2.0]]))
    {'class_counts': [1, 0, 3], 'majority_rate': 0.75}
    """
    return SHARES[Kind(task.kind)](label, task)


def trivial(task: Task, metric: Metric, label: np.ndarray) -> float | None:
    """What the best constant answer reaches: class shares, label shares, or the median.

    >>> stay = Task("stay", Kind.REGRESSION, "length of stay", unit="hours")
    >>> from lanistr.evaluation.metrics import primary_of
    >>> trivial(stay, primary_of(stay), np.array([[1.0], [2.0], [6.0]]))
    1.6666666666666667
    """
    if not len(label):
        return None
    answer = np.broadcast_to(CONSTANT[Kind(task.kind)](label, task), (len(label), task.outputs))
    value = float(metric.function(label, answer, np.ones((1, len(label))))[0])
    return None if np.isnan(value) else value


def why_undefined(task: Task, label: np.ndarray) -> str:
    """Why a metric is not defined on these samples."""
    if not len(label):
        return "no test samples"
    return UNDEFINED[Kind(task.kind)].format(n=len(label), first=f"{label[0, 0]:g}")


def _of_two_classes(label: np.ndarray, task: Task) -> dict[str, Any]:
    return {"n_positive": int(label.sum()), "prevalence": _mean(label)}


def _of_classes(label: np.ndarray, task: Task) -> dict[str, Any]:
    counts = np.bincount(label[:, 0].astype(np.int64), minlength=len(task.classes))
    majority = float(counts.max() / len(label)) if len(label) else None
    return {"class_counts": counts.tolist(), "majority_rate": majority}


def _of_labels(label: np.ndarray, task: Task) -> dict[str, Any]:
    known = [column[~np.isnan(column)] for column in label.T]
    told = dict(zip(task.classes, map(_mean, known), strict=True))
    both = sum(len(column) > 0 and column.min() < column.max() for column in known)
    return {"prevalences": told, "n_labels": len(task.classes), "n_labels_defined": int(both)}


def _of_numbers(label: np.ndarray, task: Task) -> dict[str, Any]:
    return {"label_mean": _mean(label), "label_std": float(label.std()) if len(label) else None}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _class_shares(label: np.ndarray, task: Task) -> np.ndarray:
    return np.bincount(label[:, 0].astype(np.int64), minlength=task.outputs) / len(label)


def _label_shares(label: np.ndarray, task: Task) -> np.ndarray:
    known = ~np.isnan(label)
    return np.where(known, label, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


SHARES: dict[Kind, Callable[[np.ndarray, Task], dict[str, Any]]] = {
    Kind.BINARY: _of_two_classes,
    Kind.MULTICLASS: _of_classes,
    Kind.MULTILABEL: _of_labels,
    Kind.REGRESSION: _of_numbers,
}
CONSTANT: dict[Kind, Callable[[np.ndarray, Task], np.ndarray]] = {
    Kind.BINARY: _class_shares,
    Kind.MULTICLASS: _class_shares,
    Kind.MULTILABEL: _label_shares,
    Kind.REGRESSION: lambda label, task: np.median(label),
}
UNDEFINED = {
    Kind.BINARY: "all {n} test samples have label {first}",
    Kind.MULTICLASS: "no class of {n} test samples counts",
    Kind.MULTILABEL: "none of the labels differs between {n} test samples",
    Kind.REGRESSION: "the numbers of {n} test samples do not differ",
}
