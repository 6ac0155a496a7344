"""Which subgroups test samples are of, and of which of them results may be told.

A group is told where nothing of it is withheld: neither its samples nor, of a task with two
classes, those of each. `suppression` decides over all columns at once, as it does of the audits;
which of the withheld groups are the small ones is not written.
"""

import logging
from collections.abc import Hashable
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.audit.shards import Shards
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Key, Tables
from preprocessing.card import Subgroup, Task
from preprocessing.errors import DataContractError
from preprocessing.shards import write_facts

UNKNOWN = "not known"

log = logging.getLogger(__name__)


def write_groups(
    shards: Annotated[Path, Option(help="Folder with a manifest.json")],
    *,
    groups: Annotated[Path, Option(help="Parquet to write: a column of groups per subgroup")],
    told: Annotated[Path, Option(help="JSON to write: groups of which results may be told")],
) -> None:
    """Write the groups of every test sample, and which may be told.

    Raises:
        SourceMissingError: there is no manifest.
        DataContractError: the shards are not what their card says.
    """
    opened = Shards.open(shards)
    subgroups = opened.card.subgroups
    rows = opened.finetuned.filter(split="test")
    named = [subgroup.column for subgroup in subgroups]
    if named:
        rows = opened.add_columns(rows.drop(named, strict=False), named)
    rows = rows.with_columns(group_names(subgroup) for subgroup in subgroups)
    groups.parent.mkdir(parents=True, exist_ok=True)
    rows.select("sample_id", *named).sort("sample_id").write_parquet(groups)
    may = tellable(rows, named, opened.card.tasks)
    write_facts(
        {
            "dataset": opened.manifest["dataset"],
            "limit": LIMIT,
            "subgroups": [
                {
                    "column": subgroup.column,
                    "title": subgroup.title,
                    "groups": [g for g in levels(subgroup, rows) if (subgroup.column, g) in may],
                    "withheld": sum(
                        (subgroup.column, g) not in may for g in levels(subgroup, rows)
                    ),
                }
                for subgroup in subgroups
            ],
        },
        told,
    )
    log.info("%d test samples in %d subgroups", rows.height, len(named))


def bands(cuts: tuple[float, ...]) -> list[str]:
    """The names of a number's bands.

    >>> bands((45, 65)), bands((40,))
    (['under 45', '45 to under 65', '65 and over'], ['under 40', '40 and over'])
    """
    names = [f"{cut:g}" for cut in cuts]
    between = [f"{low} to under {high}" for low, high in pairwise(names)]
    return [f"under {names[0]}", *between, f"{names[-1]} and over"]


def group_names(subgroup: Subgroup) -> pl.Expr:
    """The group of each row, by its column: the category, or the band of the number."""
    column = pl.col(subgroup.column)
    group = column.cast(pl.String)
    if subgroup.cuts:
        first, *names = bands(subgroup.cuts)
        group = pl.when(column.is_not_null()).then(pl.lit(first))
        for cut, name in zip(subgroup.cuts, names, strict=True):
            group = pl.when(column >= cut).then(pl.lit(name)).otherwise(group)
    return group.fill_null(UNKNOWN).alias(subgroup.column)


def levels(subgroup: Subgroup, rows: pl.DataFrame) -> list[str]:
    """The groups that there are, bands in their order, others by name, unknown ones last."""
    there = set(rows[subgroup.column])
    order = bands(subgroup.cuts) if subgroup.cuts else sorted(there - {UNKNOWN})
    return [group for group in [*order, UNKNOWN] if group in there]


def tellable(
    rows: pl.DataFrame, columns: list[str], tasks: tuple[Task, ...]
) -> set[tuple[Hashable, Hashable]]:
    """The columns and groups of which no count is withheld."""
    tables = count_groups(rows, columns, tasks)
    every = {(column, group) for column, group, *_ in tables.counts}
    try:
        hidden = tables.withheld()
    except DataContractError:  # a small count follows from totals that anyone has
        return set()
    return every - {(column, group) for column, group, *_ in hidden}


def count_groups(rows: pl.DataFrame, columns: list[str], tasks: tuple[Task, ...]) -> Tables:
    """The counts of groups, (column, group, task, kind of count), with how they add up.

    Of a group its samples are told, and of two classes no count; but where one is small, results
    are of few people, and say so. Totals over the groups of a column are public.
    """
    tables = Tables()
    for column in columns:
        kinds: dict[Key, list[Key]] = {}
        for (group,), some in rows.group_by(column):
            whole = (column, group, "", "all")
            tables.counts[whole] = some.height
            kinds.setdefault(("", "all"), []).append(whole)
            for task in (task for task in tasks if task.kind == "binary"):
                parts = [(column, group, task.name, kind) for kind in ("without", "with")]
                for answer, cell in enumerate(parts):
                    tables.counts[cell] = int((some[task.name] == answer).sum())
                    kinds.setdefault(cell[2:], []).append(cell)
                if not some[task.name].null_count():
                    tables.relations.append({whole: -1, **dict.fromkeys(parts, 1)})
        tables.relations += [dict.fromkeys(cells, 1) for cells in kinds.values()]
    return tables
