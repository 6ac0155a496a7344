"""What of the exact counts may be shared: no ids, no small cells, none to be worked out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from preprocessing.audit.missingness import cells
from preprocessing.audit.missingness.cells import COUNT, WITH, WITHOUT, Cell
from preprocessing.audit.missingness.counts import ALL, Unit, members, patterns
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Tables

# Readers miss some numbers more than others: those of all units, and how large a group is.
WEIGHTS = {"total": 10.0, "pattern": 1.0, "has": 0.05, "lacks": 0.05, "absence": 0.05}
WEIGHT_OF_ALL = 100.0
# A breakdown of whose patterns more than this share are small is withheld as a whole: its zeros
# are then secret too, which lets more of the numbers of all units be told.
SPARSE = 0.5

Row = dict[str, Any]


def tables(counts: Counts, limit: int = LIMIT) -> Tables:
    """Every number of a data set, as (data set, cell), with how they add up."""
    every = {cell: n for unit in counts.units for cell, n in cells.list_cells(unit).items()}
    known = [relation for unit in counts.units for relation in cells.list_relations(unit)]
    sparse = set(sparse_breakdowns(every, limit))
    return Tables(
        counts={(counts.dataset, cell): n for cell, n in every.items()},
        relations=[
            {(counts.dataset, cell): n for cell, n in relation.items() if cell in every}
            for relation in [*known, *counts.relations]
        ],
        also={(counts.dataset, cell) for cell in every if (cell.unit, cell.breakdown) in sparse},
        weights={
            (counts.dataset, cell): WEIGHTS[cell.kind]
            * (WEIGHT_OF_ALL if cell.breakdown == ALL else 1)
            for cell in every
        },
        # A share is told of those with an outcome and those without.
        together=[
            ((counts.dataset, cell), (counts.dataset, cell._replace(measure=WITHOUT)))
            for cell in every
            if cell.measure == WITH
        ],
    )


def sparse_breakdowns(counts: Mapping[Cell, int], limit: int) -> Iterator[tuple[str, str]]:
    """Units and breakdowns with small counts in most of the patterns that there are."""
    small: dict[tuple[str, str], list[bool]] = {}
    for cell, n in counts.items():
        if cell.kind == "pattern" and cell.measure == COUNT and n and cell.breakdown != ALL:
            small.setdefault((cell.unit, cell.breakdown), []).append(n < limit)
    for place, which in small.items():
        if sum(which) > SPARSE * len(which):
            yield place


def rows(unit: Unit, hidden: Collection[Cell]) -> Iterator[Row]:
    """One row per level and pattern, modality or reason; what is withheld is None."""
    counts = cells.list_cells(unit)

    def told(cell: Cell) -> int | None:
        return None if cell in hidden else counts[cell]

    for cell in counts:
        if cell.measure != COUNT or cell.kind == "lacks":
            continue
        count = told(cell)
        row: Row = {
            **cell._asdict(),
            "count": count,
            "share": _share(count, told(cell._replace(kind="total", name="any"))),
            "suppressed": count is None,
        }
        del row["measure"]
        if cell.kind in ("total", "pattern"):
            row |= _outcome(told(cell._replace(measure=WITH)), told(cell._replace(measure=WITHOUT)))
        yield row


def _outcome(with_outcome: int | None, without: int | None) -> Row:
    """How many have a known outcome, and the share of those it happened to."""
    if with_outcome is None or without is None:
        # None and all are told, of however many.
        told = 0.0 if with_outcome == 0 else 1.0 if without == 0 else None
        return {"known": None, "outcome": told, "outcome_suppressed": told is None}
    known = with_outcome + without
    share = _share(with_outcome, known)
    return {"known": known, "outcome": share, "outcome_suppressed": False}


def _share(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 6) if part is not None and whole else None


def completeness(
    units: Sequence[Unit], hidden: Collection[Cell], needed: Sequence[str]
) -> list[Row]:
    """Of every unit, the share that lacks a modality, from what is told alone.

    Args:
        units: of one dataset.
        hidden: the cells that are withheld.
        needed: the modalities that make a unit complete.

    Returns:
        Per unit `count`, `incomplete`, `share` and, where there is a join, `join_rows`: how many
        rows of the join there are per unit.
    """
    counts = {cell: n for unit in units for cell, n in cells.list_cells(unit).items()}

    def told(unit: Unit, names: Sequence[tuple[str, str]]) -> int | None:
        wanted = [Cell(unit.name, ALL, ALL, kind, name) for kind, name in names]
        return (
            None if any(cell in hidden for cell in wanted) else sum(counts[cell] for cell in wanted)
        )

    totals = {unit.name: told(unit, [("total", "any")]) for unit in units}
    found = []
    for unit in units:
        full = [name for name in patterns(unit.modalities) if set(needed) <= set(members(name))]
        count, complete = totals[unit.name], told(unit, [("pattern", name) for name in full])
        incomplete = None if count is None or complete is None else count - complete
        found.append(
            {
                "unit": unit.name,
                "count": count,
                "incomplete": incomplete,
                "share": _share(incomplete, count),
                "join_rows": _share(totals["join"], count) if "join" in totals else None,
            }
        )
    return found
