"""What each step dropped, and why: the file behind the cohort diagram and the audits."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Entry:
    """One reason and what it cost; `rows_before` equals `rows_after` for a mere note."""

    table: str
    reason: str
    rows_before: int
    rows_after: int


@dataclass(frozen=True)
class Flow:
    """A way of rows from the raw files to samples, which the report draws.

    Attributes:
        rows: what the rows are, such as "ICU stays"; ledgers of the same rows are drawn as one.
        tables: those of the ledger's entries that lie on the way, in their order; empty = all.
        order: place of the ledger among those of the same rows.
        ends_in: data set and unit of the missingness audit that is left at the end; empty = none.
    """

    rows: str
    tables: tuple[str, ...] = ()
    order: int = 1
    ends_in: tuple[str, ...] = ()


@dataclass
class Ledger:
    """The drop reasons of one step, in the order in which they were applied.

    >>> ledger = Ledger("mimic-cohort")
    >>> stays = pl.DataFrame({"age": [17, 60, None]})
    >>> ledger.keep("icustays", stays, pl.col("age") >= 18, reason="younger than 18").height
    1
    >>> ledger.entries[0].rows_before, ledger.entries[0].rows_after
    (3, 1)
    """

    step: str
    flow: Flow | None = None
    entries: list[Entry] = field(default_factory=list)

    def keep(
        self, table: str, frame: pl.DataFrame, condition: pl.Expr, *, reason: str
    ) -> pl.DataFrame:
        """Rows of `frame` for which `condition` is true (null counts as false), recorded."""
        kept = frame.filter(condition)
        self.record(table, reason, frame.height, kept.height)
        return kept

    def record(self, table: str, reason: str, rows_before: int, rows_after: int) -> None:
        """Enter a drop that was counted elsewhere, such as inside a DuckDB scan."""
        self.entries.append(Entry(table, reason, int(rows_before), int(rows_after)))

    def note(self, table: str, remark: str, rows: int) -> None:
        """Count rows that were changed or are worth knowing of, but kept."""
        self.record(table, remark, rows, rows)

    def losses(self) -> str:
        """What was lost so far, a line per reason, for messages: a failed step leaves no ledger.

        >>> ledger = Ledger("mimic-images")
        >>> ledger.record("files", "file missing on disk", 14, 3)
        >>> ledger.losses()
        '  files: 11 of 14, file missing on disk'
        """
        lost = [entry for entry in self.entries if entry.rows_after < entry.rows_before]
        lines = [
            f"  {each.table}: {each.rows_before - each.rows_after} of {each.rows_before}, "
            f"{each.reason}"
            for each in lost
        ]
        return "\n".join(lines) or "  nothing"

    def write(self, path: Path) -> None:
        """Write the ledger as JSON: the step, its flow and its entries."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
