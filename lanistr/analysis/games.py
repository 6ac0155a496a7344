"""Exact Shapley values of games of a few players."""

from __future__ import annotations

from math import factorial

import numpy as np


def shapley_values(worth: np.ndarray) -> np.ndarray:
    """What each player adds to a coalition, averaged over all orders in which players may join.

    They are the only such shares that add up to what all players together are worth (above what
    none of them is), are equal for players that add the same everywhere, and zero for players
    that add nothing anywhere.

    Args:
        worth: of each coalition, (2^M, ...); bit i of its number says whether player i is in it.

    Returns:
        (M, ...).

    Source:
        Shapley, A value for n-person games, 1953.

    The owner of one left glove and those of two right gloves, a pair being worth 1:

    >>> shapley_values(np.array([0, 0, 0, 1, 0, 1, 0, 1])).round(3)
    array([0.667, 0.167, 0.167])
    """
    players = len(worth).bit_length() - 1
    values = np.zeros((players, *worth.shape[1:]))
    for coalition in range(len(worth)):
        size = coalition.bit_count()
        for player in range(players):
            if not coalition >> player & 1:
                gain = worth[coalition | 1 << player] - worth[coalition]
                orders = factorial(size) * factorial(players - size - 1)
                values[player] += orders / factorial(players) * gain
    return values
