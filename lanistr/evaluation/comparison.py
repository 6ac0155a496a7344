"""Is a mean, or a difference, more than the luck of who was tested and of how training went?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

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
    """The difference in the reported metric, with a paired bootstrap over subjects and seeds.

    What makes a test set easy or hard for both methods cancels, and so does what a seed does to
    both. The interval is the central 95 % of the differences; p is the smallest level at
    which such an interval excludes 0: twice the share of differences on the far side of 0, where
    the resample that is the data itself counts too, so that p is never 0. `holm` adjusts
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
    one, other = resampled_means([ours, theirs], resamples)
    if not (ends := interval(one - other)):
        return None
    ours_mean, their_mean = (
        np.mean([run.once(first.primary) for run in m]) for m in (ours, theirs)
    )
    return Difference(float(ours_mean - their_mean), *ends, p_value=two_sided(one - other))


def interval_of_mean(runs: Sequence[Predictions], resamples: int) -> tuple[float, float] | None:
    """95 % interval of the mean of the reported metric over runs, over subjects and seeds."""
    (means,) = resampled_means([runs], resamples)
    return interval(runs[0].primary.factor * means)


@cache
def resample_primary(run: Predictions, resamples: int) -> np.ndarray:
    """The reported metric of a run, had other subjects been tested, (R,); once for all rows."""
    return run.measure(run.primary, draw_subjects(run.subject_id.tobytes(), resamples))


def resampled_means(
    methods: Sequence[Sequence[Predictions]],
    resamples: int,
    measure: Callable[[Predictions, int], np.ndarray] = resample_primary,
) -> list[np.ndarray]:
    """The mean over runs of each method, had other subjects been tested and other seeds drawn.

    Every run answers for the same subjects, so that both are drawn anew independently, and the
    draws are the same for all methods: a run is paired with that of its seed, where the other
    method has one. Of K seeds K - 1 are drawn: with K of them the luck of training would be
    understated by a share of 1 / K, half of it for two seeds. With one seed subjects alone are
    drawn, and the trained models taken as they are. Few seeds cannot bound this luck however they
    are drawn: with two, each resample has one of the two.

    Args:
        methods: runs of each, on the same test samples.
        resamples: R.
        measure: what is resampled of a run, (R,).

    Returns:
        Per method (R,); NaN where the metric is not defined, or no run of the method was drawn.

    Source: Owen, The pigeonhole bootstrap (2007), for both at once; Rao and Wu, Resampling
    inference with complex survey data (1988), for K - 1.
    """
    seeds = sorted({run.seed for runs in methods for run in runs})
    drawn = draw_seeds(len(seeds), resamples)
    means = []
    for runs in methods:
        count = drawn[:, [seeds.index(run.seed) for run in runs]].T
        values = np.stack([measure(run, resamples) for run in runs])
        with np.errstate(invalid="ignore"):  # none of its runs was drawn
            means.append((count * values).sum(axis=0) / count.sum(axis=0))
    return means


@lru_cache(maxsize=1)
def draw_subjects(subjects: bytes, resamples: int) -> np.ndarray:
    """How often each sample counts in each resample, (R, N), of the bytes of (N,) int64."""
    return resample_weights(np.frombuffer(subjects, np.int64), resamples)


def draw_seeds(seeds: int, resamples: int) -> np.ndarray:
    """How often each seed counts in each resample, (resamples, seeds).

    >>> draw_seeds(1, 2).tolist(), draw_seeds(5, 100).sum(axis=1).max()
    ([[1], [1]], np.int64(4))
    """
    shares = np.full(seeds, 1 / seeds)
    return np.random.default_rng([0, seeds]).multinomial(max(1, seeds - 1), shares, resamples)


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
