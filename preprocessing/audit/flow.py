"""From raw rows to what the missingness audit counts: what each step dropped, from the ledgers."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from preprocessing.audit.missingness.cells import Cell
from preprocessing.audit.missingness.counts import ALL
from preprocessing.audit.tables import Key, Tables


class Step(NamedTuple):
    """Rows that left for one reason.

    Attributes:
        reason: as in the ledger.
        dropped: how many.
        left: how many were left.
        unit: data set and unit that are left, where the step is the last of its ledger.
    """

    reason: str
    dropped: int
    left: int
    unit: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """What becomes of one kind of row.

    Attributes:
        rows: what they are.
        read: how many there were.
        steps: those that dropped any.
    """

    rows: str
    read: int
    steps: Sequence[Step]


def read_ways(folder: Path) -> list[Way]:
    """The ways on which the ledgers of a folder continue each other to a unit of the audit."""
    ledgers = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    ]
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for ledger in ledgers:
        if (ledger["flow"] or {}).get("ends_in"):
            found[ledger["flow"]["rows"]].append(ledger)
    ways = [
        _way(rows, sorted(some, key=lambda ledger: int(ledger["flow"]["order"])))
        for rows, some in found.items()
    ]
    return [way for way in ways if way.steps]


def _way(rows: str, ledgers: Sequence[Mapping[str, Any]]) -> Way:
    """The steps that continue each other's count."""
    entries = [
        (entry, ledger["flow"])
        for ledger in ledgers
        for entry in ledger["entries"]
        if entry["table"] in ledger["flow"]["tables"]
    ]
    read = left = int(entries[0][0]["rows_before"])
    steps: list[Step] = []
    for entry, told in entries:
        after = int(entry["rows_after"])
        if entry["rows_before"] == left and after < left:
            if steps and steps[-1].unit == tuple(told["ends_in"]):
                steps[-1] = steps[-1]._replace(unit=())
            steps.append(Step(entry["reason"], left - after, after, tuple(told["ends_in"])))
            left = after
    return Way(rows, read, steps)


def add_ways(tables: Tables, ways: Sequence[Way]) -> None:
    """Add the counts of each way, and which of them the audit has, too."""
    for way in ways:
        before: Key = (way.rows, "read")
        tables.counts[before] = way.read
        for number, step in enumerate(way.steps):
            dropped, left = (way.rows, number, "dropped"), (way.rows, number, "left")
            tables.counts |= {dropped: step.dropped, left: step.left}
            tables.relations.append({before: -1, dropped: 1, left: 1})
            before = left
            if step.unit:
                dataset, unit = step.unit
                total = (dataset, Cell(unit, ALL, ALL, "total", "any"))
                if total in tables.counts:
                    tables.relate((*left, "rest"), [total], [left])


def shareable(ways: Sequence[Way], hidden: Collection[Key]) -> list[dict[str, Any]]:
    """The ways as JSON, None where a count is withheld."""

    def told(n: int, *key: Any) -> int | None:
        return None if key in hidden else n

    return [
        {
            "rows": way.rows,
            "read": told(way.read, way.rows, "read"),
            "steps": [
                {
                    "reason": step.reason,
                    "dropped": told(step.dropped, way.rows, number, "dropped"),
                    "left": told(step.left, way.rows, number, "left"),
                }
                for number, step in enumerate(way.steps)
            ],
        }
        for way in ways
    ]
