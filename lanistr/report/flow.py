"""From raw rows to units, drawn like a CONSORT flow, and every step of the ledgers as a table.

What of the flow may leave is decided with the audits (`preprocessing/audit/publish.py`). The tables
of the ledgers are not decided about: a page that shows them is not for sharing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import escape

from lanistr.report.page import SMALLEST, Section, folded, notice, paragraph, table

Way = Mapping[str, Any]


def draw_ways(ways: Sequence[Way]) -> str:
    """What became of each kind of row, as ordered lists.

    Args:
        ways: `flow` of audit/missingness.json.
    """
    return f'<div class="beside">{"".join(f"<div>{_draw(way)}</div>" for way in ways)}</div>'


def _draw(way: Way) -> str:
    items = [f'<li class="count"><b>{_told(way["read"])}</b> {escape(way["rows"])} read</li>']
    for step in way["steps"]:
        reason = escape(step["reason"])
        items += [
            f'<li class="drop"><b>{_told(step["dropped"])}</b> {reason}</li>',
            f'<li class="count"><b>{_told(step["left"])}</b> remain</li>',
        ]
    label = escape(f"What became of {way['rows']}")
    return f'<ol class="flow" aria-label="{label}">{"".join(items)}</ol>'


def _told(count: int | None) -> str:
    return "withheld" if count is None else f"{count:,}"


def sections(results: Path) -> list[Section]:
    """Every ledger of a results folder in full."""
    ledgers = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((results / "ledger").glob("*.json"))
    }
    if not ledgers:
        return [Section("ledgers", "From raw rows to samples", notice("No ledger was found."))]
    full = "".join(
        folded(ledger.get("title") or name.replace("_", " "), ledger_table(name, ledger))
        for name, ledger in ledgers.items()
        if ledger["entries"]
    )
    about = paragraph(
        "What each step dropped, and why. The way to what is counted is drawn with the missingness "
        "audit. Counts below ten are not shown, but may follow from other counts."
    )
    return [Section("ledgers", "From raw rows to samples: every step", about + full)]


def ledger_table(name: str, ledger: Mapping[str, Any]) -> str:
    """Every entry of a ledger: a drop with its count, a remark with what it is on."""
    rows: list[dict[str, str | int | float | None]] = [
        {
            "reason": entry["reason"],
            "table": entry["table"],
            "dropped": _coarse(dropped),
            "remarked": "" if dropped else _coarse(entry["rows_before"]),
        }
        for entry in ledger["entries"]
        for dropped in [entry["rows_before"] - entry["rows_after"]]
    ]
    headings = {
        "reason": "Reason, or what was noticed",
        "table": "Table",
        "dropped": "Rows dropped",
        "remarked": "Rows concerned, all kept",
    }
    return table(rows, headings, f"Ledger {name}: {len(rows)} entries.")


def _coarse(count: int) -> str:
    """A count for readers who have the ledgers, too.

    >>> _coarse(0), _coarse(3), _coarse(1234)
    ('0', '< 10', '1,234')
    """
    return f"< {SMALLEST}" if 0 < count < SMALLEST else f"{count:,}"
