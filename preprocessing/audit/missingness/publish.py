"""What of the exact counts may be shared: no ids, no small cells, none to be worked out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from preprocessing.audit.missingness import cells
from preprocessing.audit.missingness.cells import COUNT, WITH, WITHOUT, Cell, Relation
from preprocessing.audit.missingness.counts import ALL, Unit, members, patterns
from preprocessing.audit.suppression import LIMIT, withheld

# Readers miss some numbers more than others: those of all units, and how large a group is.
WEIGHTS = {"total": 10.0, "pattern": 1.0, "has": 0.05, "lacks": 0.05, "absence": 0.05}
WEIGHT_OF_ALL = 100.0
# A breakdown that would lose more than this share of its patterns is withheld as a whole: its
# zeros are then secret too, which lets more of the numbers of all units be told.
SPARSE = 0.8

Row = dict[str, Any]


def secrets(
    units: Sequence[Unit], between: Sequence[Relation] = (), limit: int = LIMIT
) -> frozenset[Cell]:
    """The cells of all units of a dataset that must not be told; none with a limit of 0.

    Args:
        units: with their counts.
        between: how numbers of different units follow from each other.
        limit: of small cells.
    """
    counts = {cell: n for unit in units for cell, n in cells.list_cells(unit).items()}
    known = [relation for unit in units for relation in cells.list_relations(unit)]
    known += between
    relations = [{cell: n for cell, n in one.items() if cell in counts} for one in known]
    weights = {
        cell: WEIGHTS[cell.kind] * (WEIGHT_OF_ALL if cell.breakdown == ALL else 1)
        for cell in counts
    }
    hidden = withheld(counts, relations, weights=weights, limit=limit)
    sparse = set(sparse_breakdowns(counts, hidden))
    if not sparse:
        return hidden
    whole = [cell for cell in counts if (cell.unit, cell.breakdown) in sparse]
    return withheld(counts, relations, also=whole, weights=weights, limit=limit)


def sparse_breakdowns(
    counts: Mapping[Cell, int], hidden: Collection[Cell]
) -> Iterator[tuple[str, str]]:
    """Units and breakdowns of whose patterns, where there are any, hardly one could be told."""
    told: dict[tuple[str, str], list[bool]] = {}
    for cell, n in counts.items():
        if cell.kind == "pattern" and cell.measure == COUNT and n and cell.breakdown != ALL:
            told.setdefault((cell.unit, cell.breakdown), []).append(cell not in hidden)
    for place, visible in told.items():
        if sum(visible) < (1 - SPARSE) * len(visible):
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
        return {"known": None, "outcome": None, "outcome_suppressed": True}
    known = with_outcome + without
    share = _share(with_outcome, known)
    return {"known": known, "outcome": share, "outcome_suppressed": False}


def _share(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 6) if part is not None and whole else None


def completeness(
    units: Sequence[Unit], hidden: frozenset[Cell], needed: Sequence[str]
) -> list[Row]:
    """Of every unit, the share that lacks a modality, from what is told alone.

    Args:
        units: of one dataset.
        hidden: of `secrets`.
        needed: the modalities that make a unit complete.

    Returns:
        Per unit `count`, `incomplete`, `share` and, where there is a join, `join_rows`: how many
        rows of the join there are per unit.
    """
    counts = {cell: n for unit in units for cell, n in cells.list_cells(unit).items()}

    def told(unit: Unit, names: Sequence[tuple[str, str]]) -> int | None:
        wanted = [Cell(unit.name, ALL, ALL, kind, name) for kind, name in names]
        return None if not hidden.isdisjoint(wanted) else sum(counts[cell] for cell in wanted)

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
