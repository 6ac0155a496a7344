"""From the kept rows of a bucket of patients to observed hours, and what is dropped on the way."""

from collections import Counter

import duckdb
import polars as pl

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.series.database import run_sql, sql
from preprocessing.datasets.mimic.series.kept import KeptRows
from preprocessing.datasets.mimic.switches import Switches
from preprocessing.ledger import Ledger

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
        way = "own" if switches.window == "own_stay" else "shared"
        choice = "preferred" if switches.duplicates == "preferred_item" else "maximum"
        typed = f"typed_{switches.value_types}"
        self.steps = [typed, f"placed_{way}", "cleaned", f"single_{choice}", f"times_{way}"]
        self.sums_coma_scale = switches.gcs_total == "sum"
        # Rows by place, step and fate; see fates.sql.
        self.fates: Counter[tuple[str, int, str]] = Counter()

    def cells(self, bucket: int) -> pl.DataFrame:
        """The observed hours of one bucket: stay_id, hour, variable, column, value."""
        if not self._open(bucket):
            return pl.DataFrame(schema=CELLS)
        for step in self.steps:
            run_sql(self.con, step)
        for *key, rows in run_sql(self.con, "fates").fetchall():
            self.fates[tuple(key)] += rows
        if self.sums_coma_scale:
            run_sql(self.con, "gcs_total")
        return self.con.sql(sql("hourly")).pl()

    def _open(self, bucket: int) -> bool:
        """Make the view bucket_events, if there is an event in the bucket."""
        selects = []
        for number, (table, rows) in enumerate(self.kept.read_bucket(bucket)):
            self.con.register(f"kept_{number}", rows)
            selects.append(f"SELECT '{table}' AS source, * FROM kept_{number}")
        if selects:
            union = " UNION ALL ".join(selects)
            self.con.execute(f"CREATE OR REPLACE TEMP VIEW bucket_events AS {union}")
        return bool(selects)

    def report(self, ledger: Ledger) -> None:
        """Write what was dropped into the ledger, table by table and step by step."""
        left = {place: rows for (place, step, _), rows in self.fates.items() if step == 0}
        drops = [(*key, rows) for key, rows in self.fates.items() if key[1] > 0]
        for place, _, fate, rows in sorted(drops):
            ledger.record(place, fate, left[place], left[place] - rows)
            left[place] -= rows
        for name in variables.variable_names():
            ledger.note(name, "values read", left.get(name, 0))
