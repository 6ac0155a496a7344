"""Which subgroups test samples are of, and of which of them results may be told.

Of a group its samples are told, and results that name no outcome: of two classes that each is of
ten samples or more, or one of none. `publish-audits` decides over these counts and those of both
audits at once; which of the withheld groups are the small ones is not written.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from typer import Option

from preprocessing.audit.missingness.cells import COUNT, SPLIT, WITH, WITHOUT, Cell
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.audit.shards import Shards
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Key, Tables
from preprocessing.card import Card, Subgroup
from preprocessing.shards import write_facts

UNKNOWN = "not known"
# Readers can spare a group before what all groups add up to.
WEIGHT_OF_TOTAL = 10.0

# A task, empty for all samples, and the measure of its outcome.
What = tuple[str, str]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grouped:
    """The test samples of a data set and the subgroups that they are of.

    Attributes:
        dataset: name in the manifest.
        card: what the data set says of itself.
        rows: sample_id, answers, and a column of groups per subgroup.
    """

    dataset: str
    card: Card
    rows: pl.DataFrame

    def key(self, column: str, group: str, what: What) -> Key:
        """The name of a count among those of all data sets."""
        return (self.dataset, "subgroup", column, group, *what)


def write_groups(
    shards: Annotated[Path, Option(help="Folder with a manifest.json")],
    *,
    groups: Annotated[Path, Option(help="Parquet to write: a column of groups per subgroup")],
    told: Annotated[
        Path | None,
        Option(help="JSON to write of groups whose results may be told if no audit is shared"),
    ] = None,
) -> None:
    """Write the groups of every test sample, and which may be told where nothing else is.

    Raises:
        SourceMissingError: there is no manifest.
        DataContractError: the shards are not what their card says.
    """
    grouped = group_samples(Shards.open(shards))
    named = [subgroup.column for subgroup in grouped.card.subgroups]
    groups.parent.mkdir(parents=True, exist_ok=True)
    grouped.rows.select("sample_id", *named).sort("sample_id").write_parquet(groups)
    if told:
        tables = Tables()
        add_groups(tables, grouped, [])
        write_told([grouped], tables.withheld(), told)
    log.info("%d test samples in %d subgroups", grouped.rows.height, len(named))


def group_samples(shards: Shards) -> Grouped:
    """The test samples of shards by the subgroups of their card."""
    subgroups = shards.card.subgroups
    rows = shards.finetuned.filter(split="test")
    if named := [subgroup.column for subgroup in subgroups]:
        rows = shards.add_columns(rows.drop(named, strict=False), named)
    rows = rows.with_columns(group_names(subgroup) for subgroup in subgroups)
    return Grouped(shards.manifest["dataset"], shards.card, rows)


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


def add_groups(tables: Tables, grouped: Grouped, counted: Sequence[Counts]) -> None:
    """Add the counts of groups, which add up to those of all test samples, and what they are of.

    Args:
        tables: with the cells of the missingness audit.
        grouped: the test samples.
        counted: what the missingness audit counted.
    """
    of = {counts.dataset: counts for counts in counted}.get(grouped.dataset)
    totals = _add_place(tables, grouped, ("", ""), grouped.rows)
    tables.weights |= dict.fromkeys(totals.values(), WEIGHT_OF_TOTAL)
    _relate(tables, grouped, of, ("", ""), (SPLIT, "test"))
    for subgroup in grouped.card.subgroups:
        parts: dict[What, list[Key]] = {what: [] for what in totals}
        for (group,), some in grouped.rows.group_by(subgroup.column):
            place = (subgroup.column, str(group))
            own = _add_place(tables, grouped, place, some)
            _hide(tables, own)
            _relate(tables, grouped, of, place, place)
            for what, cell in own.items():
                parts[what].append(cell)
        tables.relations += [
            {totals[what]: -1, **dict.fromkeys(cells, 1)} for what, cells in parts.items()
        ]


def _add_place(
    tables: Tables, grouped: Grouped, place: tuple[str, str], rows: pl.DataFrame
) -> dict[What, Key]:
    """Add samples, and of each task with two classes those without and with the outcome."""
    whole = ("", COUNT)
    own = {whole: grouped.key(*place, whole)}
    tables.counts[own[whole]] = rows.height
    for task in (task for task in grouped.card.tasks if task.kind == "binary"):
        parts = []
        for answer, measure in enumerate((WITHOUT, WITH)):
            parts.append(grouped.key(*place, (task.name, measure)))
            tables.counts[parts[-1]] = int((rows[task.name] == answer).sum())
            own[task.name, measure] = parts[-1]
        tables.relate((*own[whole], task.name), [own[whole]], parts)
    return own


def _hide(tables: Tables, own: Mapping[What, Key]) -> None:
    """Say that outcomes of a group are told nowhere, and a group with few of one not at all.

    A result tells that of two classes there are `LIMIT` samples each, or none of one.
    """
    whole, *outcomes = own.values()
    for cell in outcomes:
        if tables.counts[cell] >= LIMIT:
            tables.free.add(cell)
            tables.bounds[cell] = (LIMIT, np.inf)
        elif tables.counts[cell]:
            tables.also.add(whole)


def _relate(
    tables: Tables,
    grouped: Grouped,
    counts: Counts | None,
    place: tuple[str, str],
    level: tuple[str, str],
) -> None:
    """Say what of the missingness audit the samples of a place are part of, if it has it."""
    unit = next((u for u in counts.units if u.name == counts.sample), None) if counts else None
    if not counts or not unit or level not in unit.levels():
        return
    task = grouped.card.tasks[0]
    same = {("", COUNT): COUNT}
    if task.kind == "binary":
        same |= {(task.name, measure): measure for measure in (WITHOUT, WITH)}
    for what, measure in same.items():
        cell = (counts.dataset, Cell(unit.name, *level, "total", "any", measure))
        own = grouped.key(*place, what)
        tables.relate((*own, "rest"), [cell], [own])


def write_told(found: Iterable[Grouped], hidden: Collection[Key], output: Path) -> None:
    """Write of which groups results may be told, and of how many others not."""
    write_facts({"limit": LIMIT, "datasets": [_shareable(each, hidden) for each in found]}, output)


def _shareable(grouped: Grouped, hidden: Collection[Key]) -> dict[str, Any]:
    """The groups that may be told with their samples, and how many there are beside them."""
    told = []
    for subgroup in grouped.card.subgroups:
        sizes = dict(grouped.rows.group_by(subgroup.column).len().iter_rows())
        every = levels(subgroup, grouped.rows)
        may = [g for g in every if grouped.key(subgroup.column, g, ("", COUNT)) not in hidden]
        told.append(
            {
                "column": subgroup.column,
                "title": subgroup.title,
                "groups": [{"group": group, "samples": sizes[group]} for group in may],
                "withheld": len(every) - len(may),
            }
        )
    return {"dataset": grouped.dataset, "subgroups": told}
