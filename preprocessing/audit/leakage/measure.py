"""How well a giveaway alone predicts: AUROC or accuracy on the test split, with an interval.

What turns a giveaway into a prediction is learned from the training split, so that a measure is
itself free of the leak it measures. Resamples are of subjects: patients, or products.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preprocessing.audit.suppression import LIMIT

RESAMPLES = 1000
AT_ONCE = 100  # resamples whose weights are in memory together
BINS = 10  # of a number, cut at quantiles of the training split

Metric = Callable[[NDArray[Any], NDArray[Any], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Measure:
    """A figure with its 95 % interval, or why there is none.

    Attributes:
        of: what was measured.
        metric: its name, such as "AUROC".
        value: the figure; None = withheld.
        low: lower end of the interval; None = has none.
        high: upper end.
        n: test samples behind it.
        chance: what knows nothing reaches: 0.5, or the share of the majority.
        withheld: why there is no value.
    """

    of: str
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    chance: float | None = None
    withheld: str | None = None

    @property
    def better_than_chance(self) -> bool:
        """True if all of the interval is."""
        return self.low is not None and self.chance is not None and self.low > self.chance

    def entry(self) -> dict[str, Any]:
        """As JSON; a small n is not told."""
        return asdict(self) | {"n": self.n if self.n >= LIMIT else None}


def auroc(
    label: NDArray[Any], score: NDArray[Any], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Area under the ROC curve for each row of weights; ties count half.

    Args:
        label: 1 = positive, (N,).
        score: higher = more likely positive, (N,).
        weight: how often each sample counts, (R, N).

    Returns:
        (R,); NaN where only one class has weight.

    >>> auroc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.35]), np.ones((1, 4)))
    array([0.875])
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    weight, positive = weight[:, order], label[order] == 1
    hits = np.add.reduceat(weight * positive, starts, axis=1)
    misses = np.add.reduceat(weight * ~positive, starts, axis=1)
    wins = (hits * (misses.cumsum(axis=1) - misses / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return wins / (hits.sum(axis=1) * misses.sum(axis=1))


def accuracy(
    label: NDArray[Any], predicted: NDArray[Any], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of samples whose class is predicted, for each row of weights.

    >>> accuracy(np.array([0, 4]), np.array([4, 4]), np.array([[1.0, 1.0], [1.0, 3.0]]))
    array([0.5 , 0.75])
    """
    return weight @ (label == predicted) / weight.sum(axis=1)


def measured(of: str, test: pl.DataFrame, *, classes: int, resamples: int) -> Measure:
    """The AUROC (two classes) or accuracy (more) of `score` on the test split.

    Args:
        of: what the score is made of.
        test: subject, label and score: a number, or the predicted class.
        classes: of the label.
        resamples: behind the interval.
    """
    name, metric = ("AUROC", auroc) if classes == 2 else ("accuracy", accuracy)
    if reason := _too_small(test, classes):
        return Measure(of, name, n=test.height, withheld=reason)
    label, score = test["label"].to_numpy(), test["score"].to_numpy()
    draws = _resampled(metric, label, score, test["subject"], resamples)
    chance = 0.5 if classes == 2 else float(np.bincount(label).max() / len(label))
    value = metric(label, score, np.ones((1, len(label))))[0]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Measure(of, name, float(value), float(low), float(high), test.height, chance)


def _too_small(test: pl.DataFrame, classes: int) -> str | None:
    """Why a figure would be about too few: of a class, or of what is given away."""
    if test.height < LIMIT:
        return f"fewer than {LIMIT} test samples"
    if test["score"].n_unique() == 1:
        return "nothing is given away: the same of every test sample"
    if classes > 2:
        return None
    for column, group in (("label", "outcome"), ("score", "giveaway")):
        counts = test[column].value_counts()["count"]
        if len(counts) == 1:
            return f"all test samples have the same {group}"
        if len(counts) == 2 and counts.min() < LIMIT:  # type: ignore[operator]
            return f"fewer than {LIMIT} test samples with one {group}"
    return None


def _resampled(
    metric: Metric, label: NDArray[Any], score: NDArray[Any], subject: pl.Series, resamples: int
) -> NDArray[np.float64]:
    """The metric in each resample of subjects."""
    rng = np.random.default_rng(0)
    _, whose = np.unique(subject.to_numpy(), return_inverse=True)
    subjects = int(whose.max()) + 1
    draws = []
    for start in range(0, resamples, AT_ONCE):
        some = min(AT_ONCE, resamples - start)
        counts = rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=some)
        draws.append(metric(label, score, counts[:, whose].astype(np.float64)))
    return np.concatenate(draws)


def learned(
    train: pl.DataFrame, test: pl.DataFrame, by: Sequence[str], *, classes: int
) -> pl.DataFrame:
    """`test` with the score that training gives to its group.

    Args:
        train: label and the columns `by`.
        test: subject, label and the columns `by`.
        by: what is given away; null is a group of its own.
        classes: two: the score is the group's prevalence in training; more: its most frequent
            class. A group that training does not have gets that of all.

    >>> train = pl.DataFrame({"label": [0, 1, 1], "sex": ["F", "M", "M"]})
    >>> test = pl.DataFrame({"subject": [7, 8], "label": [0, 1], "sex": ["M", "X"]})
    >>> learned(train, test, ["sex"], classes=2)["score"].round(2).to_list()
    [1.0, 0.67]
    """
    label = pl.col("label")
    rule = label.mean() if classes == 2 else label.mode().sort().first()
    of_group = train.group_by(by).agg(score=rule)
    joined = test.join(of_group, on=by, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.col("score").fill_null(train.select(rule).item()))


def binned(number: str, train: pl.DataFrame) -> pl.Expr:
    """The column as one of at most `BINS` ranges with equally many training samples; null stays."""
    edges = train[number].drop_nulls()
    cuts = {edges.quantile(i / BINS) for i in range(1, BINS)} if len(edges) else set()
    breaks = sorted(cut for cut in cuts if cut is not None)
    above = pl.sum_horizontal(pl.lit(0), *(pl.col(number) > cut for cut in breaks))
    return pl.when(pl.col(number).is_not_null()).then(above).alias(f"{number}_range")
