"""Two methods on the same test samples: is the difference more than the luck of who was tested?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lanistr.evaluation.predictions import Predictions, differ, interval, resample_weights


@dataclass(frozen=True)
class Difference:
    """One method minus another, in the unit of the metric.

    Attributes:
        value: difference of the means over runs.
        low: lower end of its 95 % interval.
        high: upper end.
        p_value: two-sided.
    """

    value: float
    low: float
    high: float
    p_value: float


def same_samples(one: Predictions, other: Predictions) -> bool:
    """Whether both answer the same task for the same samples."""
    return (
        one.task.name == other.task.name
        and np.array_equal(one.sample_id, other.sample_id)
        and not differ(one.label, other.label).any()
    )


def paired_difference(
    ours: Sequence[Predictions], theirs: Sequence[Predictions], resamples: int
) -> Difference | None:
    """The difference in the reported metric, with a paired bootstrap over subjects.

    Each resample of subjects is the same for both methods and all seeds, so what
    makes a test set easy or hard for both cancels. In each, the metric is averaged over the runs
    of a method. The interval is the central 95 % of the differences; p is the smallest level at
    which such an interval excludes 0: twice the share of differences on the far side of 0, where
    the resample that is the data itself counts too, so that p is never 0.

    The trained models are taken as they are: this says how the difference depends on the test
    samples, not on the seeds; for those see the standard deviation over runs. `holm` adjusts
    for the number of rows that are compared.

    Args:
        ours: runs of one method.
        theirs: runs of the other.
        resamples: R.

    Returns:
        None where the metric is defined in no resample, or the test samples differ.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 15.4.
    """
    first = ours[0]
    if not all(same_samples(first, run) for run in [*ours, *theirs]):
        return None
    weights = resample_weights(first.subject_id, resamples)
    once = np.ones((1, len(first.label)), weights.dtype)

    def mean_of(runs: Sequence[Predictions], weight: np.ndarray) -> np.ndarray:
        return np.mean([run.measure(first.primary, weight) for run in runs], axis=0)

    differences = mean_of(ours, weights) - mean_of(theirs, weights)
    if not (ends := interval(differences)):
        return None
    value = float((mean_of(ours, once) - mean_of(theirs, once))[0])
    return Difference(value, *ends, p_value=two_sided(differences))


def two_sided(differences: np.ndarray) -> float:
    """The p-value of resampled differences; undefined ones are left out.

    >>> two_sided(np.array([1.0, 2.0, 3.0])), two_sided(np.array([-1.0, 1.0, 0.0]))
    (0.5, 1.0)
    """
    defined = differences[~np.isnan(differences)]
    farther = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (farther + 1) / (len(defined) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted for their number by Holm's step-down.

    Rejecting those below a level keeps the chance of any false rejection below it, whatever the
    tests have to do with each other.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).

    >>> holm([0.01, 0.04, 0.03, 0.5])
    [0.04, 0.09, 0.09, 0.5]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * np.asarray(p_values)[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()
