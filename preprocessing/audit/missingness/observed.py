"""How often each variable of the series was measured in each hour, by split."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from preprocessing.audit.missingness.counts import ALL
from preprocessing.audit.suppression import LIMIT, withheld
from preprocessing.datasets.mimic.schemas import HOURS, VARIABLES
from preprocessing.splits import SPLITS

# Beside the hours: all of them together, in stay-hours.
ANY = HOURS
SEEN, UNSEEN = "seen", "unseen"

Cell = tuple[str, int, int, str]


def count(parts: Sequence[Path]) -> dict[str, tuple[int, np.ndarray]]:
    """Stays, and of them those with an observation, by split and together.

    Returns:
        For `ALL` and each split the stays and an (hours, variables) array of counts.
    """
    nothing = (0, np.zeros((HOURS, VARIABLES), dtype=np.int64))
    found: dict[str, tuple[int, np.ndarray]] = dict.fromkeys(SPLITS, nothing)
    for path in parts:
        rows = pl.read_parquet(path, columns=["split", "observed"])
        for (split,), group in rows.group_by("split"):
            stays, seen = found[str(split)]
            flags = group["observed"].to_numpy().reshape(-1, HOURS, VARIABLES)
            found[str(split)] = stays + group.height, seen + flags.sum(axis=0, dtype=np.int64)
    whole = sum(stays for stays, _ in found.values()), sum(seen for _, seen in found.values())
    return {ALL: (whole[0], np.asarray(whole[1])), **found}


def shares(
    counts: Mapping[str, tuple[int, np.ndarray]], limit: int = LIMIT
) -> dict[str, np.ndarray]:
    """The observed shares that may be published, (hours + 1, variables) by group; others are NaN.

    The last row is that of all hours together: the share of stay-hours with an observation.

    Args:
        counts: of `count`, without the splits if the stays of one of them are withheld.
        limit: shares of which either side is from 1 to one below it are withheld.
    """
    cells = dict(_between(counts))
    hidden = withheld(
        cells,
        _relations(cells, list(counts)),
        weights={cell: 100 for cell in cells if cell[0] == ALL},
        limit=limit,
    )
    found = {}
    for name, (stays, seen) in counts.items():
        share = np.vstack([seen / max(stays, 1), seen.sum(axis=0) / max(stays * HOURS, 1)])
        for _, variable, hour, _ in (cell for cell in hidden if cell[0] == name):
            share[hour, variable] = np.nan
        found[name] = share if stays else np.full_like(share, np.nan)
    return found


def _between(counts: Mapping[str, tuple[int, np.ndarray]]) -> Iterator[tuple[Cell, int]]:
    """Seen and unseen where there are both: none and all may be known, and cannot be moved."""
    for name, (stays, seen) in counts.items():
        for variable in range(VARIABLES):
            for hour, n in enumerate([*seen[:, variable], seen[:, variable].sum()]):
                unseen = (stays * HOURS if hour == ANY else stays) - n
                if n and unseen:
                    yield (name, variable, hour, SEEN), int(n)
                    yield (name, variable, hour, UNSEEN), int(unseen)


def _relations(cells: Mapping[Cell, int], groups: Sequence[str]) -> list[dict[Cell, int]]:
    """Seen and unseen are all stays, splits are all of them, hours are all hours."""
    found: list[dict[Cell, int]] = []
    parts = [name for name in groups if name != ALL]
    for variable in range(VARIABLES):
        for hour in range(HOURS + 1):
            found += [
                {(name, variable, hour, SEEN): 1, (name, variable, hour, UNSEEN): 1}
                for name in groups
            ]
            if parts:
                splits = {(name, variable, hour, SEEN): 1 for name in parts}
                found.append({(ALL, variable, hour, SEEN): -1, **splits})
        for name in groups:
            hours = {(name, variable, hour, SEEN): 1 for hour in range(HOURS)}
            found.append({(name, variable, ANY, SEEN): -1, **hours})
    return [{cell: n for cell, n in relation.items() if cell in cells} for relation in found]
