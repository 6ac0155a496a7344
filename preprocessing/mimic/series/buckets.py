"""From the kept rows of a bucket of patients to observed hours, and what is dropped on the way."""

from collections import Counter

import duckdb
import polars as pl

from preprocessing.ledger import Ledger
from preprocessing.mimic import variables
from preprocessing.mimic.series.database import run_sql, sql
from preprocessing.mimic.series.kept import KeptRows
from preprocessing.mimic.switches import Switches

CELLS = {
    "stay_id": pl.Int32,
    "hour": pl.UInt8,
    "variable": pl.UInt8,
    "column": pl.UInt8,
    "value": pl.Float64,
}


class Buckets:
    """Turns buckets into observed hours, one after the other, and counts over all of them.

    Args:
        con: after `database.prepare`.
        kept: the rows, all of them there.
        switches: which quirks are in force.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, kept: KeptRows, switches: Switches) -> None:
        self.con = con
        self.kept = kept
        self.switches = switches
        self.cleaned: Counter[tuple[str, int, str | None]] = Counter()
        self.placed: Counter[tuple[str, str | None]] = Counter()
        self.single: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    def cells(self, bucket: int) -> pl.DataFrame:
        """The observed hours of one bucket: stay_id, hour, variable, column, value."""
        if not self._open(bucket):
            return pl.DataFrame(schema=CELLS)
        switches = self.switches
        way = "own" if switches.window == "own_stay" else "shared"
        choice = "preferred" if switches.duplicates == "preferred_item" else "maximum"
        run_sql(self.con, "cleaned")
        run_sql(self.con, f"placed_{way}")
        run_sql(self.con, f"single_{choice}")
        self._count()
        if switches.gcs_total == "sum":
            run_sql(self.con, "gcs_total")
        run_sql(self.con, f"times_{way}")
        self.rows.update(dict(run_sql(self.con, "row_fates").fetchall()))
        return self.con.sql(sql("hourly")).pl()

    def _open(self, bucket: int) -> bool:
        """Make the view bucket_events, if there is an event in the bucket."""
        selects = []
        for number, (table, rows) in enumerate(self.kept.of_bucket(bucket)):
            self.con.register(f"kept_{number}", rows)
            selects.append(f"SELECT '{table}' AS source, * FROM kept_{number}")
        if selects:
            union = " UNION ALL ".join(selects)
            self.con.execute(f"CREATE OR REPLACE TEMP VIEW bucket_events AS {union}")
        return bool(selects)

    def _count(self) -> None:
        rows = self.con.execute(
            "SELECT source, variable, reason, count(*) FROM cleaned GROUP BY ALL"
        ).fetchall()
        self.cleaned.update({(source, v, reason): n for source, v, reason, n in rows})
        rows = self.con.execute(
            "SELECT source, reason, count(*) FROM placed GROUP BY ALL"
        ).fetchall()
        self.placed.update({(source, reason): n for source, reason, n in rows})
        rows = self.con.execute("SELECT source, count(*) FROM single GROUP BY ALL").fetchall()
        self.single.update(dict(rows))

    def report(self, ledger: Ledger) -> None:
        """Write what was dropped into the ledger, table by table."""
        names = variables.variable_names()
        for table in sorted({source for source, _, _ in self.cleaned}):
            drops = [
                (f"{names[variable]}: {reason}", n)
                for (source, variable, reason), n in sorted(self.cleaned.items(), key=str)
                if source == table and reason is not None
            ]
            drops += [
                (reason, n)
                for (source, reason), n in sorted(self.placed.items(), key=str)
                if source == table and reason is not None
            ]
            rows = sum(n for (source, _, _), n in self.cleaned.items() if source == table)
            # Overlapping stays of one patient each take a laboratory row that falls into both.
            left = self.placed[table, None]
            drops.append(("another value of that time kept", left - self.single[table]))
            for reason, dropped in drops:
                ledger.record(table, reason, rows, rows - dropped)
                rows -= dropped
        self._report_totals(ledger)

    def _report_totals(self, ledger: Ledger) -> None:
        rows = sum(self.rows.values())
        for fate in ("before hour 0", "after hour 48"):
            ledger.record("rows of stays", fate, rows, rows - self.rows[fate])
            rows -= self.rows[fate]
        for place, name in enumerate(variables.variable_names()):
            read = sum(n for (_, variable, _), n in self.cleaned.items() if variable == place)
            ledger.note(name, "values read", read)
