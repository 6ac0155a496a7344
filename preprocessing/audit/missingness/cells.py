"""The counts of an audit as cells for `preprocessing.audit.suppression`, and how they add up."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from preprocessing.audit.among import Among
from preprocessing.audit.missingness.counts import ALL, Group, Unit, members, patterns
from preprocessing.audit.missingness.dataset import Counts

# What is counted of a group of units.
COUNT, WITH, WITHOUT, UNKNOWN = "count", "with outcome", "without outcome", "outcome unknown"
MEASURES = (COUNT, WITH, WITHOUT, UNKNOWN)
SPLIT = "split"


class Cell(NamedTuple):
    """One number of an audit.

    Attributes:
        unit: such as "stay".
        breakdown: such as "split", or "all".
        level: such as "train", or "all".
        kind: "total", "pattern", "has", "lacks" or "absence".
        name: of the pattern or modality; for an absence "<modality>: <reason>".
        measure: one of `MEASURES`.
    """

    unit: str
    breakdown: str
    level: str
    kind: str
    name: str
    measure: str = COUNT


Relation = dict[Cell, int]


def add_up(total: Cell, parts: Sequence[Cell]) -> Relation:
    """The relation that says that the parts add up to the total."""
    return {total: -1, **dict.fromkeys(parts, 1)}


def list_cells(unit: Unit) -> dict[Cell, int]:
    """Every number of a unit, zeros included."""
    found: dict[Cell, int] = {}
    for breakdown, level in unit.levels():
        place = (unit.name, breakdown, level)
        found |= _list_group(Cell(*place, "total", "any"), unit.total(breakdown, level))
        for pattern in patterns(unit.modalities):
            group = unit.group(breakdown, level, pattern)
            found |= _list_group(Cell(*place, "pattern", pattern), group)
        for modality in unit.modalities:
            having = unit.having(breakdown, level, modality)
            found[Cell(*place, "has", modality)] = having
            lacking = unit.total(breakdown, level).count - having
            found[Cell(*place, "lacks", modality)] = lacking
    for split in dict.fromkeys(split for split, _, _ in unit.absences):
        for modality, reason in reasons(unit):
            n = unit.absences.get((split, modality, reason), 0)
            found[Cell(unit.name, SPLIT, split, "absence", f"{modality}: {reason}")] = n
    for modality, reason in reasons(unit):
        n = sum(n for (_, *why), n in unit.absences.items() if why == [modality, reason])
        found[Cell(unit.name, ALL, ALL, "absence", f"{modality}: {reason}")] = n
    return found


def _list_group(cell: Cell, group: Group) -> dict[Cell, int]:
    numbers = (group.count, group.with_outcome, group.without_outcome, group.unknown)
    return {cell._replace(measure=measure): n for measure, n in zip(MEASURES, numbers, strict=True)}


def reasons(unit: Unit) -> list[tuple[str, str]]:
    """Every modality with each reason for its absence."""
    return sorted({(modality, reason) for _, modality, reason in unit.absences})


def list_relations(unit: Unit) -> Iterator[Relation]:
    """How the numbers of one unit add up."""
    levels = list(unit.levels())
    for breakdown, level in levels:
        yield from _relate_level(unit, (unit.name, breakdown, level))
    for breakdown in dict.fromkeys(name for name, _ in levels if name != ALL):
        places = [(unit.name, breakdown, level) for name, level in levels if name == breakdown]
        for kind, name in [("total", "any"), *(("pattern", p) for p in patterns(unit.modalities))]:
            for measure in MEASURES:
                whole = Cell(unit.name, ALL, ALL, kind, name, measure)
                yield add_up(whole, [Cell(*place, kind, name, measure) for place in places])
    yield from _relate_absences(unit)


def _relate_level(unit: Unit, place: tuple[str, str, str]) -> Iterator[Relation]:
    total = Cell(*place, "total", "any")
    every = {pattern: Cell(*place, "pattern", pattern) for pattern in patterns(unit.modalities)}
    for measure in MEASURES:
        parts = [cell._replace(measure=measure) for cell in every.values()]
        yield add_up(total._replace(measure=measure), parts)
    for cell in (total, *every.values()):
        yield add_up(cell, [cell._replace(measure=measure) for measure in MEASURES[1:]])
    for modality in unit.modalities:
        has, lacks = Cell(*place, "has", modality), Cell(*place, "lacks", modality)
        yield add_up(total, [has, lacks])
        yield add_up(has, [cell for name, cell in every.items() if modality in members(name)])


def _relate_absences(unit: Unit) -> Iterator[Relation]:
    """Reasons add up to what lacks the modality, and splits to all of them."""
    splits = list(dict.fromkeys(split for split, _, _ in unit.absences))
    for modality in unit.modalities:
        names = [f"{name}: {reason}" for name, reason in reasons(unit) if name == modality]
        without = [
            pattern
            for pattern in patterns(unit.modalities)
            if modality not in members(pattern) and unit.is_sampled(pattern)
        ]
        for split in splits:
            why = [Cell(unit.name, SPLIT, split, "absence", name) for name in names]
            lacking = [Cell(unit.name, SPLIT, split, "pattern", pattern) for pattern in without]
            yield {**dict.fromkeys(why, 1), **dict.fromkeys(lacking, -1)}
        for name in names:
            parts = [Cell(unit.name, SPLIT, split, "absence", name) for split in splits]
            yield add_up(Cell(unit.name, ALL, ALL, "absence", name), parts)


def list_among(counts: Counts, among: Among) -> list[Cell]:
    """The cells that add up to some samples or units.

    Of a variant that is not counted itself, those of the data set: whatever they have.
    """
    name = counts.sample if among.role == "sample" else counts.owner
    unit = next(unit for unit in counts.units if unit.name == name)
    place = (unit.name, SPLIT, among.split) if among.split else (unit.name, ALL, ALL)
    measures = {"with": [WITH], "known": [WITH, WITHOUT], "any": [COUNT]}
    measure = measures[among.outcome if unit.outcome else "any"]
    has = among.modality if among.dataset == counts.dataset else ""
    wanted = [("pattern", name) for name in patterns(unit.modalities) if has in members(name)]
    return [
        Cell(*place, kind, name, one)
        for kind, name in (wanted if has else [("total", "any")])
        for one in measure
    ]
