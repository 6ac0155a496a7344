"""Mean and deviation of each variable over what was observed, gathered some rows at a time."""

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Count, mean and sum of squared deviations of each variable.

    >>> moments = Moments(2)
    >>> moments.add(np.array([[2.0, np.nan]]))
    >>> moments.add(np.array([[4.0, np.nan]]))
    >>> moments.mean.tolist(), moments.deviation.tolist()
    ([3.0, 0.0], [1.0, 1.0])

    Source: Chan, Golub and LeVeque (1979), which loses no digits to large means.
    """

    def __init__(self, variables: int) -> None:
        self.count = np.zeros(variables)
        self.mean = np.zeros(variables)
        self.squares = np.zeros(variables)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take in more values, (rows, variables); NaN = not observed."""
        known = ~np.isnan(values)
        n = known.sum(axis=0)
        values = np.where(known, values, 0).astype(np.float64)
        mean = values.sum(axis=0) / np.maximum(n, 1)
        squares = (np.where(known, values - mean, 0) ** 2).sum(axis=0)
        delta, total = mean - self.mean, np.maximum(self.count + n, 1)
        self.mean = self.mean + delta * n / total
        self.squares = self.squares + squares + delta**2 * self.count * n / total
        self.count = self.count + n

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Population deviation; 1 for what never varies."""
        spread = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(spread > 0, spread, 1.0)
