"""From raw tables to the rows that matter, in one pass over each, and on to hourly values.

The joins are SQL, one idea per file in preprocessing/mimic/sql. Here they are put in order,
given their switches as DuckDB variables, and what they drop is counted for the ledger.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

import duckdb
import polars as pl

from preprocessing.blocks import blocks
from preprocessing.ledger import Ledger
from preprocessing.mimic import variables
from preprocessing.mimic.series.kept import KeptRows
from preprocessing.mimic.switches import Switches
from preprocessing.raw import Source

# Why the pass drops a row, in the order in which it is judged (judged.sql).
REASONS = (
    "patient not in the cohort",
    "item not mapped",
    "no admission given",
    "admission not in the cohort",
    "another stay of the admission",
    "no value",
    "item of no variable",
    "no time given",
    "patient without a series",
)
WITHOUT_STAY = frozenset({"hosp/labevents"})


def run_sql(con: duckdb.DuckDBPyConnection, name: str) -> duckdb.DuckDBPyConnection:
    """Run one file of preprocessing/mimic/sql."""
    return con.execute(sql(name))


def sql(name: str) -> str:
    """The text of one file of preprocessing/mimic/sql."""
    return files("preprocessing.mimic").joinpath("sql", f"{name}.sql").read_text()


def _set(con: duckdb.DuckDBPyConnection, name: str, value: str | bool) -> None:
    literal = f"'{value}'" if isinstance(value, str) else value
    con.execute(f'SET VARIABLE "{name}" = {literal}')


def prepare(
    con: duckdb.DuckDBPyConnection,
    stays: pl.DataFrame,
    items: pl.DataFrame,
    switches: Switches,
) -> None:
    """Put the switches and the small tables that the SQL files read into the database.

    Args:
        con: the connection of this run alone.
        stays: subject_id, hadm_id, stay_id, intime, outtime, has_series, bucket.
        items: the items in use, as of `variables.items`.
        switches: which quirks are in force.
    """
    # Left to itself, the optimizer may hash a block of events instead of the small tables.
    con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    for name, value in switches.model_dump().items():
        _set(con, name, value)
    run_sql(con, "hour_of")
    con.execute(f"CREATE TYPE reason AS ENUM {REASONS}")
    subjects = stays.group_by("subject_id", "bucket").agg(pl.col("has_series").any())
    known = pl.Series("itemid", variables.mapped_items() + items["itemid"].to_list(), pl.Int32)
    known_items = known.unique().to_frame()
    tables = {
        "stays": stays,
        "subjects": subjects,
        "items": items,
        "known_items": known_items.with_columns(
            in_use=pl.col("itemid").is_in(items["itemid"].implode())
        ),
        "rules": variables.rules(),
        "columns": variables.columns(),
        "categories": variables.categories(switches),
    }
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        con.unregister("frame")


def pass_over(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: str,
    kept: KeptRows,
    switches: Switches,
    ledger: Ledger,
) -> None:
    """Read one raw table once: keep what is needed, count the reasons of all else.

    Args:
        con: after `prepare`.
        source: the raw root.
        table: such as "icu/chartevents".
        kept: where the kept rows go.
        switches: which quirks are in force.
        ledger: gets one entry per reason.
    """
    by_admission = table not in WITHOUT_STAY or switches.lab_link == "admission"
    _set(con, "by_admission", by_admission)
    columns = ["subject_id", "hadm_id", "itemid", "charttime", "value"]
    columns += [] if table in WITHOUT_STAY else ["stay_id"]
    columns += ["storetime"] if switches.horizon == "storetime" else []
    reasons: Counter[str | None] = Counter()
    absent = {name: None for name in ("stay_id", "storetime") if name not in columns}
    # The file that a message names.
    this = replace(source, files={table: source.files[table]})
    for block in blocks(source, con, table, columns):
        events = block.with_columns(pl.col("value").cast(pl.String), **absent)
        with this.guard():
            con.register("events", events)
            judged = con.sql(sql("judged")).pl()
        reasons.update(dict(judged["reason"].value_counts().iter_rows()))
        kept.add(table, judged.filter(pl.col("reason").is_null()).drop("reason"))
    _report_reasons(table, reasons, by_admission, ledger)


def _report_reasons(
    table: str, reasons: Mapping[str | None, int], by_admission: bool, ledger: Ledger
) -> None:
    rows = sum(reasons.values())
    for reason in REASONS:
        dropped = reasons.get(reason, 0)
        ledger.record(table, reason, rows, rows - dropped)
        rows -= dropped
        if reason == "another stay of the admission" and by_admission and table in WITHOUT_STAY:
            ledger.note(table, "stay taken from the admission", rows)
