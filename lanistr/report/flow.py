"""From raw rows to samples: what each step dropped, drawn like a CONSORT flow from the ledgers.

No count of 1 to 9 can be read off, not even by subtraction: rows are counted again only where ten
or more were dropped since the last count, and a reason that gives another away is withheld too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import escape

from lanistr.report.page import SMALLEST, Section, folded, notice, paragraph, table

Ledgers = Mapping[str, Mapping[str, Any]]
"""Flow and entries of every ledger, by its name."""


class Step(NamedTuple):
    """Rows that left for one reason: where the ledgers say so, why, and how many."""

    ledger: str
    place: int
    reason: str
    rows: int


@dataclass(frozen=True)
class Way:
    """What becomes of one kind of row.

    Attributes:
        name: of the rows.
        start: rows that were read.
        steps: those that dropped any.
    """

    name: str
    start: int
    steps: list[Step]


def ways(ledgers: Ledgers) -> tuple[list[Way], list[Way]]:
    """The main ways, which the ledgers name, and those of all other tables."""
    told: dict[str, list[tuple[str, str]]] = {}
    for ledger, content in sorted(ledgers.items(), key=place_of):
        if flow := content.get("flow"):
            tables = flow["tables"] or tables_of(content)
            told.setdefault(flow["rows"], []).extend((ledger, name) for name in tables)
    taken = {source for sources in told.values() for source in sources}
    others = {
        f"{ledger}, {name}": [(ledger, name)]
        for ledger, content in ledgers.items()
        for name in tables_of(content)
        if (ledger, name) not in taken
    }
    main, rest = ([way(ledgers, *item) for item in d.items()] for d in (told, others))
    return [found for found in main if found], [found for found in rest if found]


def place_of(item: tuple[str, Mapping[str, Any]]) -> tuple[int, str]:
    """Ledgers are drawn by their place on the way, then by name."""
    name, content = item
    return (content["flow"]["order"] if content.get("flow") else 0), name


def tables_of(ledger: Mapping[str, Any]) -> list[str]:
    """The tables of a ledger's entries, each once, in their order."""
    return list(dict.fromkeys(entry["table"] for entry in ledger["entries"]))


def way(ledgers: Ledgers, name: str, sources: Sequence[tuple[str, str]]) -> Way | None:
    """The steps that continue each other's count; None if the sources drop nothing."""
    entries = [
        (ledger, place, entry)
        for ledger, source in sources
        for place, entry in enumerate(ledgers[ledger]["entries"])
        if entry["table"] == source
    ]
    if not entries:
        return None
    start = current = entries[0][2]["rows_before"]
    steps = []
    for ledger, place, entry in entries:
        after = entry["rows_after"]
        if entry["rows_before"] == current and after < current:
            steps.append(Step(ledger, place, entry["reason"], current - after))
            current = after
    return Way(name, start, steps) if steps else None


def groups(counts: Sequence[int]) -> list[list[int]]:
    """Positions of steps that must be told together, so that no small count can be computed.

    Args:
        counts: rows that each step dropped, none of them 0.

    >>> groups([20, 3, 30]), groups([4, 8, 50]), groups([3])
    ([[0, 1], [2]], [[0, 1], [2]], [[0]])
    """
    found: list[list[int]] = []
    for place, count in enumerate(counts):
        open_group = found and not is_safe([counts[p] for p in found[-1]])
        if open_group or (found and count < SMALLEST):
            found[-1].append(place)
        else:
            found.append([place])
    while len(found) > 1 and not is_safe([counts[p] for p in found[-1]]):
        last = found.pop()
        found[-1] += last
    return found


def is_safe(counts: Sequence[int]) -> bool:
    """True if the sum of some steps may be told: their small ones stay unknown.

    >>> is_safe([20]), is_safe([3]), is_safe([4, 8]), is_safe([3, 20]), is_safe([2, 3])
    (True, False, True, True, False)
    """
    return blurred(counts) or cover(counts) is not None


def blurred(counts: Sequence[int]) -> bool:
    """True if the small counts among them stay unknown although all others and the sum are told."""
    small = [count for count in counts if count < SMALLEST]
    # Nine each is the only way to the largest sum.
    return not small or SMALLEST <= sum(small) < (SMALLEST - 1) * len(small)


def cover(counts: Sequence[int]) -> int | None:
    """The least count to withhold so that each small one could be anything from 1 to 9.

    >>> cover([2, 272, 40]), cover([1, 10])
    (40, None)
    """
    small = [count for count in counts if count < SMALLEST]
    enough = SMALLEST + (SMALLEST - 1) * len(small) - sum(small)
    return min((count for count in counts if count >= max(enough, SMALLEST)), default=None)


def shown_counts(counts: Sequence[int]) -> list[str]:
    """The counts of a group of steps as readers may see them.

    >>> shown_counts([2, 272, 40])
    ['< 10', '272', '10 or more']
    """
    hidden = None if blurred(counts) else cover(counts)
    return [f"{SMALLEST} or more" if count == hidden else shareable(count) for count in counts]


def shareable(count: int) -> str:
    """A count as it may be passed on.

    >>> shareable(0), shareable(3), shareable(1234)
    ('0', '< 10', '1,234')
    """
    return f"< {SMALLEST}" if 0 < count < SMALLEST else f"{count:,}"


def drawn(found: Way) -> tuple[str, dict[tuple[str, int], str]]:
    """The flow as an ordered list, and the shown count of each step by ledger and place."""
    items = [f'<li class="count"><b>{shareable(found.start)}</b> {escape(found.name)} read</li>']
    shown: dict[tuple[str, int], str] = {}
    counts, left = [step.rows for step in found.steps], found.start
    for group in groups(counts):
        own = [counts[place] for place in group]
        left -= sum(own)
        for place, text in zip(group, shown_counts(own), strict=True):
            step = found.steps[place]
            shown[step.ledger, step.place] = text
            items.append(f'<li class="drop"><b>{escape(text)}</b> {escape(step.reason)}</li>')
        told = f"<b>{escape(shareable(left))}</b> remain" if is_safe(own) else "not told"
        items.append(f'<li class="count">{told}</li>')
    label = f"What became of {found.name}"
    return f'<ol class="flow" aria-label="{escape(label)}">{"".join(items)}</ol>', shown


def read_ledgers(results: Path) -> Ledgers:
    """Every ledger below a results folder."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((results / "ledger").glob("*.json"))
    }


def sections(results: Path) -> list[Section]:
    """The main flows, and every ledger in full below them."""
    ledgers = read_ledgers(results)
    if not ledgers:
        return [Section("flow", "From raw rows to samples", notice("No ledger was found."))]
    main, others = ways(ledgers)
    flows = ""
    shown: dict[tuple[str, int], str] = {}
    for each in (*main, *others):
        drawing, counts = drawn(each)
        shown |= counts
        flows += f"<div>{drawing}</div>" if each in main else ""
    full = "".join(
        folded(ledger.get("title") or name.replace("_", " "), ledger_table(name, ledger, shown))
        for name, ledger in ledgers.items()
        if ledger["entries"]
    )
    about = paragraph(
        "What was dropped, and why. Counts below ten are not shown, nor what would give one away."
    )
    return [
        Section("flow", "From raw rows to samples", f'{about}<div class="beside">{flows}</div>'),
        Section("ledgers", "Every step", full, level=3),
    ]


def ledger_table(name: str, ledger: Mapping[str, Any], shown: Mapping[tuple[str, int], str]) -> str:
    """Every entry of a ledger: a drop with the count of the flow, a remark with what it is on."""
    rows: list[dict[str, str | int | float | None]] = [
        {
            "reason": entry["reason"],
            "table": entry["table"],
            "dropped": shown.get((name, place), shareable(dropped)),
            "remarked": "" if dropped else shareable(entry["rows_before"]),
        }
        for place, entry in enumerate(ledger["entries"])
        for dropped in [entry["rows_before"] - entry["rows_after"]]
    ]
    headings = {
        "reason": "Reason or remark",
        "table": "Table",
        "dropped": "Rows dropped",
        "remarked": "Rows looked at or remarked on, all kept",
    }
    return table(rows, headings, f"Ledger {name}: {len(rows)} entries.")
