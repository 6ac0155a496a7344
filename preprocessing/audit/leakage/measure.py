"""How well a giveaway alone predicts: one figure on the test split, with an interval.

What turns a giveaway into a prediction is learned from the training split, so that a measure is
itself free of the leak it measures. Resamples are of units of the splits: patients, or products.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.figures import accuracy, auroc, explained, macro_auroc
from preprocessing.audit.suppression import LIMIT
from reading.rounding import round_figure, round_number

RESAMPLES = 1000
AT_ONCE = 100  # resamples whose weights are in memory together
BINS = 10  # of a number, cut at quantiles of the training split

# That both outcomes are of ten samples or more would else say how many have either.
FEWEST_OF_TWO = 3 * LIMIT
FIGURE = ("value", "low", "high", "chance")
DEVIATIONS = "standard deviations"
# Why there is no figure: in one sentence, as which of the three it is would be told of a count.
TOO_FEW = f"fewer than {LIMIT} test samples, or of them with one outcome or giveaway"

Metric = Callable[[NDArray[Any], NDArray[Any], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Figure:
    """The figure of a kind of task.

    Attributes:
        name: as it is published.
        metric: of labels, scores and weights.
        chance: what knows nothing reaches, from the labels.
    """

    name: str
    metric: Metric
    chance: Callable[[NDArray[Any]], float]


FIGURES = {
    "binary": Figure("AUROC", auroc, lambda label: 0.5),
    "multiclass": Figure(
        "accuracy", accuracy, lambda label: float(np.bincount(label).max() / len(label))
    ),
    "multilabel": Figure("macro AUROC", macro_auroc, lambda label: 0.5),
    "regression": Figure("R2", explained, lambda label: 0.0),
}


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
        chance: what knows nothing reaches: 0.5, the share of the majority, or 0.
        withheld: why there is no value.
        among: what the test samples are in the missingness audit.
        few: True if the figure was withheld as few have one of two outcomes, False if enough
            have both, None = neither follows.
    """

    of: str
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    chance: float | None = None
    withheld: str | None = None
    among: Among | None = None
    few: bool | None = None

    @property
    def better_than_chance(self) -> bool:
        """True if all of the interval is."""
        return self.low is not None and self.chance is not None and self.low > self.chance

    @property
    def knowledge(self) -> float:
        """How far the figure is on the way from chance (0) to always right (1); 0 if withheld."""
        if self.value is None or self.chance is None or self.chance >= 1:
            return 0.0
        return (self.value - self.chance) / (1 - self.chance)

    def entry(self) -> dict[str, Any]:
        """As JSON, rounded so that the figures name no count; n is exact."""
        rounded = {name: self.rounded(getattr(self, name)) for name in FIGURE}
        return asdict(self) | rounded | {"better_than_chance": self.better_than_chance}

    def rounded(self, figure: float | None) -> float | None:
        """A figure that names no count.

        >>> Measure("x", "accuracy", n=181).rounded(0.6713), Measure("x", "AUROC").rounded(0.6713)
        (0.7, 0.67)
        """
        if figure is None or self.metric == DEVIATIONS:
            return figure and round_number(figure)
        is_share = self.metric == FIGURES["multiclass"].name
        return round_figure(figure, LIMIT, self.n, is_share=is_share)


def measured(of: str, test: pl.DataFrame, among: Among, *, kind: str, resamples: int) -> Measure:
    """The figure of `score` on the test split.

    Args:
        of: what the score is made of.
        test: subject, label and score: a number, a number per label, or the predicted class.
        among: what the test samples are in the missingness audit.
        kind: of the task.
        resamples: behind the interval; 0 for none.
    """
    figure, told = FIGURES[kind], Measure(of, FIGURES[kind].name, n=test.height, among=among)
    told = replace(told, few=_has_few(test["label"]) if kind == "binary" else None)
    if reason := _too_small(test, kind):
        return replace(told, withheld=reason)
    label, score = (_array(test[name]) for name in ("label", "score"))
    value = figure.metric(label, score, np.ones((1, len(label))))[0]
    if np.isnan(value):
        return replace(told, withheld=TOO_FEW)
    low = high = None
    if resamples:
        draws = _resampled(figure.metric, label, score, test["subject"], resamples)
        low, high = map(float, np.nanquantile(draws, [0.025, 0.975]))
    chance = figure.chance(label)
    return replace(told, value=float(value), low=low, high=high, chance=chance)


def _array(column: pl.Series) -> NDArray[Any]:
    """A column as (N,), or one of lists as (N, labels) with NaN for null."""
    if column.dtype.is_nested():
        return np.array(column.to_list(), dtype=np.float64)
    return column.to_numpy()


def _too_small(test: pl.DataFrame, kind: str) -> str | None:
    """Why a figure would be about too few: of a class, or of what is given away."""
    if test.height < LIMIT:
        return TOO_FEW
    if test["score"].n_unique() == 1:
        return "nothing is given away: the same of every test sample"
    if kind == "binary" and (
        test.height < FEWEST_OF_TWO or any(map(_has_few, (test["label"], test["score"])))
    ):
        return TOO_FEW
    return None


def _has_few(values: pl.Series) -> bool:
    """Whether there are one or two values, and few samples with one."""
    counts = values.value_counts()["count"].to_list()
    return len(counts) == 1 or (len(counts) == 2 and min(counts) < LIMIT)


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


def divide(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of training and those of the test split."""
    return rows.filter(split="train"), rows.filter(split="test")


def learned(
    train: pl.DataFrame, test: pl.DataFrame, by: Sequence[str], *, kind: str
) -> pl.DataFrame:
    """`test` with the score that training gives to its group.

    Args:
        train: label and the columns `by`.
        test: subject, label and the columns `by`.
        by: what is given away; null is a group of its own.
        kind: of the task. Of several classes the score is the group's most frequent one in
            training, else the mean of the label, or of each label. A group that training does
            not have gets that of all.

    >>> train = pl.DataFrame({"label": [0, 1, 1], "sex": ["F", "M", "M"]})
    >>> test = pl.DataFrame({"subject": [7, 8], "label": [0, 1], "sex": ["M", "X"]})
    >>> learned(train, test, ["sex"], kind="binary")["score"].round(2).to_list()
    [1.0, 0.67]
    """
    rules = _rules(train["label"], kind)
    of_group = train.group_by(by).agg(**rules)
    joined = test.join(of_group, on=by, how="left", nulls_equal=True, maintain_order="left")
    usual = train.select(**rules).row(0, named=True)
    filled = joined.with_columns(pl.col(name).fill_null(value) for name, value in usual.items())
    if kind != "multilabel":
        return filled
    return filled.with_columns(score=pl.concat_list(list(rules))).drop(list(rules))


def _rules(label: pl.Series, kind: str) -> dict[str, pl.Expr]:
    """What is learned of a group, by the column that it is put into."""
    column = pl.col("label")
    if kind == "multiclass":
        return {"score": column.mode().sort().first()}
    if kind != "multilabel":
        return {"score": column.mean()}
    pick = column.arr if isinstance(label.dtype, pl.Array) else column.list
    return {f"score {place}": pick.get(place).mean() for place in range(len(label[0]))}


def binned(number: str, train: pl.DataFrame) -> pl.Expr:
    """The column as one of at most `BINS` ranges with equally many training samples; null stays."""
    edges = train[number].drop_nulls()
    cuts = {edges.quantile(i / BINS) for i in range(1, BINS)} if len(edges) else set()
    breaks = sorted(cut for cut in cuts if cut is not None)
    above = pl.sum_horizontal(pl.lit(0), *(pl.col(number) > cut for cut in breaks))
    return pl.when(pl.col(number).is_not_null()).then(above).alias(f"{number}_range")
