"""Mean and deviation of each value column, over observed hours, gathered bucket by bucket."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.schemas import VALUES


def normalise(
    values: NDArray[np.float64], mean: Sequence[float], std: Sequence[float]
) -> NDArray[np.float64]:
    """(x - mean) / std on the last axis, the value columns.

    Source: the reference's Normalizer; timeseries-reference.md 2.7.
    """
    return (values - np.asarray(mean)) / np.asarray(std)


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of each continuous column.

    >>> moments = Moments()
    >>> for value in (2.0, 4.0):
    ...     moments.add(pl.DataFrame({"column": [50], "value": [value]}))
    >>> mean, std = moments.mean_and_std()
    >>> mean[50], std[50], mean[0], std[0]
    (3.0, 1.0, 0.0, 1.0)
    """

    count: NDArray[np.float64] = field(default_factory=lambda: np.zeros(VALUES))
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(VALUES))
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(VALUES))

    def add(self, cells: pl.DataFrame) -> None:
        """Take in more observed hours: column, value.

        Source: Chan, Golub and LeVeque (1979), which loses no digits to large means.
        """
        value = pl.col("value")
        more = (
            cells.filter(value.is_finite())
            .sort("column", "value")
            .group_by("column", maintain_order=True)
            .agg(
                pl.len().alias("n"), mean=value.mean(), squares=((value - value.mean()) ** 2).sum()
            )
        )
        columns = more["column"].to_numpy()
        n, mean, squares = (more[name].to_numpy() for name in ("n", "mean", "squares"))
        before, delta = self.count[columns], mean - self.mean[columns]
        total = before + n
        self.mean[columns] += delta * n / total
        self.squares[columns] += squares + delta**2 * before * n / total
        self.count[columns] = total

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """Mean and population deviation; 0 and 1 for categories and for what never varies."""
        mean, std = np.zeros(VALUES), np.ones(VALUES)
        numbers = variables.continuous()
        mean[numbers] = self.mean[numbers]
        spread = np.sqrt(self.squares[numbers] / np.maximum(self.count[numbers], 1))
        std[numbers] = np.where(spread > 0, spread, 1.0)
        return mean.tolist(), std.tolist()
