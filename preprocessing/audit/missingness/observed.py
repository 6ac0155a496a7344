"""How often each variable of the series was observed in each step, by split."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from preprocessing.audit.missingness.counts import ALL
from preprocessing.audit.shards import Shards
from preprocessing.audit.suppression import LIMIT, withheld
from preprocessing.splits import SPLITS

SEEN, UNSEEN = "seen", "unseen"

# Group, variable, step and which; the step after the last one stands for all of them together.
Cell = tuple[str, int, int, str]
Groups = Mapping[str, tuple[int, np.ndarray]]


def count(shards: Shards, wanted: pl.Series | None = None) -> dict[str, tuple[int, np.ndarray]]:
    """Series, and of them those with an observation, by split and together.

    Args:
        shards: with series.
        wanted: keys of the series that count; None = all.

    Returns:
        For `ALL` and each split the series and a (steps, variables) array of counts.
    """
    facts, place = shards.manifest["timeseries"], shards.card.modalities["timeseries"]
    shape = (facts["hours"], len(facts["variable_names"]))
    nothing = (0, np.zeros(shape, dtype=np.int64))
    found: dict[str, tuple[int, np.ndarray]] = dict.fromkeys(SPLITS, nothing)
    for path in shards.parts(place.table):
        rows = pl.read_parquet(path, columns=[place.key, "split", "observed"], glob=False)
        if wanted is not None:
            rows = rows.filter(pl.col(place.key).is_in(wanted.implode()))
        for (split,), group in rows.group_by("split"):
            series, seen = found[str(split)]
            flags = group["observed"].explode().to_numpy().reshape(-1, *shape)
            found[str(split)] = series + group.height, seen + flags.sum(axis=0, dtype=np.int64)
    whole = sum(series for series, _ in found.values()), sum(seen for _, seen in found.values())
    return {ALL: (whole[0], np.asarray(whole[1])), **found}


def shares(counts: Groups, limit: int = LIMIT) -> dict[str, np.ndarray]:
    """The observed shares that may be published, (steps + 1, variables) by group; others are NaN.

    The last row is that of all steps together: the share of steps with an observation.

    Args:
        counts: of `count`, without the splits if the series of one of them are withheld.
        limit: shares of which either side is from 1 to one below it are withheld.
    """
    cells = dict(_list_cells(counts))
    hidden = withheld(
        cells,
        _relations(cells, counts),
        weights={cell: 100 for cell in cells if cell[0] == ALL},
        limit=limit,
    )
    found = {}
    for name, (series, seen) in counts.items():
        share = np.vstack([seen / max(series, 1), seen.sum(axis=0) / max(series * len(seen), 1)])
        for _, variable, step, _ in (cell for cell in hidden if cell[0] == name):
            share[step, variable] = np.nan
        found[name] = share if series else np.full_like(share, np.nan)
    return found


def _list_cells(counts: Groups) -> Iterator[tuple[Cell, int]]:
    """Seen and unseen where there are both: none and all may be known, and cannot be moved."""
    for name, (series, seen) in counts.items():
        steps, variables = seen.shape
        for variable in range(variables):
            for step, n in enumerate([*seen[:, variable], seen[:, variable].sum()]):
                unseen = (series * steps if step == steps else series) - n
                if n and unseen:
                    yield (name, variable, step, SEEN), int(n)
                    yield (name, variable, step, UNSEEN), int(unseen)


def _relations(cells: Mapping[Cell, int], counts: Groups) -> list[dict[Cell, int]]:
    """Seen and unseen are all series, splits are all of them, steps are all steps."""
    found: list[dict[Cell, int]] = []
    parts = [name for name in counts if name != ALL]
    steps, variables = counts[ALL][1].shape
    for variable in range(variables):
        for step in range(steps + 1):
            found += [
                {(name, variable, step, SEEN): 1, (name, variable, step, UNSEEN): 1}
                for name in counts
            ]
            if parts:
                splits = {(name, variable, step, SEEN): 1 for name in parts}
                found.append({(ALL, variable, step, SEEN): -1, **splits})
        for name in counts:
            every = {(name, variable, step, SEEN): 1 for step in range(steps)}
            found.append({(name, variable, steps, SEEN): -1, **every})
    return [{cell: n for cell, n in relation.items() if cell in cells} for relation in found]
