"""Which sets of modalities the units of a dataset have: an UpSet plot and tables for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lanistr.report import upset
from lanistr.report.missingness_series import ALL, WITHHELD, percent
from lanistr.report.page import Cell, captioned, folded, notice, table

Audit = Mapping[str, Any]
Row = Mapping[str, Any]


def draw_unit(dataset: Audit, unit: Audit) -> str:
    """The UpSet plot of a unit, its patterns as a table, and its breakdowns."""
    own = [row for row in dataset["rows"] if row["unit"] == unit["name"]]
    overall = {(row["kind"], row["name"]): row for row in own if row["breakdown"] == ALL}
    shown = [
        row
        for (kind, _), row in overall.items()
        if kind == "pattern" and (row["suppressed"] or row["count"])
    ]
    shown.sort(key=lambda row: -(row["count"] or 0))
    total = overall["total", "any"]
    sizes = {name: overall["has", name]["count"] for name in unit["modalities"]}
    title = f"{unit['title']}: {dataset['title']}"
    drawn = upset.plot([(r["name"], r["count"]) for r in shown], sizes, title)
    caption = (
        f"Patterns of {unit['definition']}. Bars at the top are those with exactly the modalities "
        "whose dots are filled below; bars at the left are all with a modality, whatever else "
        "they have. An x stands for a number that is withheld."
    )
    listed = table(
        [pattern_line(row) for row in [total, *shown]],
        {
            "pattern": "Pattern",
            "count": "Number",
            "share": "Share",
            "outcome": f"Outcome: {unit['outcome']}",
            "known": "Outcome known of",
        },
        f"{unit['title']}: patterns that occur. Of all other sets of modalities there are none.",
    )
    names = [row["name"] for row in shown]
    return captioned(drawn, caption) + listed + breakdowns(unit, own, names)


def pattern_line(row: Row) -> dict[str, Cell]:
    """A pattern as a line of the table."""
    return {
        "pattern": "all patterns" if row["name"] == "any" else plus(row["name"]),
        "count": counted(row["count"]),
        "share": WITHHELD if row["share"] is None else percent(row["share"]),
        "outcome": WITHHELD if row["outcome_suppressed"] else percent(row["outcome"]),
        "known": counted(row["known"]),
    }


def breakdowns(unit: Audit, rows: Sequence[Row], names: Sequence[str]) -> str:
    """Counts of the patterns, and how it ended, by split and so on, to be unfolded."""
    found = ""
    for breakdown in dict.fromkeys(row["breakdown"] for row in rows if row["breakdown"] != ALL):
        heading = breakdown.replace("_", " ")
        own = {
            (row["level"], row["name"]): row
            for row in rows
            if row["breakdown"] == breakdown and row["kind"] in ("total", "pattern")
        }
        levels = sort_levels(list(dict.fromkeys(level for level, _ in own)))
        if not levels:
            continue
        if all(row["suppressed"] for row in own.values()):
            found += notice(f"By {heading}: withheld as a whole, as nearly every cell is small.")
            continue
        lines = [
            {
                "pattern": "all patterns" if name == "any" else plus(name),
                **{level: cell_of(own[level, name]) for level in levels},
            }
            for name in ["any", *names]
        ]
        caption = f"Number, and in brackets the outcome ({unit['outcome']}), by {heading}."
        made = table(lines, {"pattern": "Pattern", **{level: level for level in levels}}, caption)
        found += folded(f"By {heading}", made)
    return found


def sort_levels(levels: Sequence[str]) -> list[str]:
    """Splits in their order, everything else as it is.

    >>> sort_levels(["test", "train", "valid"])
    ['train', 'valid', 'test']
    """
    first = [name for name in ("train", "valid", "test") if name in levels]
    return [*first, *(level for level in levels if level not in first)]


def cell_of(row: Row) -> str:
    """Count and outcome of a group in one cell."""
    if row["suppressed"]:
        return WITHHELD
    outcome = f" ({percent(row['outcome'])})" if row["outcome"] is not None else ""
    return f"{row['count']:,}{outcome}"


def counted(n: int | None) -> Cell:
    """A count, or that it is withheld."""
    return WITHHELD if n is None else n


def plus(pattern: str) -> str:
    """A pattern as text that can be broken into lines.

    >>> plus("image+text")
    'image + text'
    """
    return pattern.replace("+", " + ")
