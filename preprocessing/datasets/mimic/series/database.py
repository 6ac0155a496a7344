"""What the SQL files of ../sql read: the switches and the small tables."""

from dataclasses import dataclass
from importlib.resources import files

import duckdb
import polars as pl

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.switches import Switches


@dataclass(frozen=True)
class Wanted:
    """What the extraction is after.

    Attributes:
        stays: subject_id, hadm_id, stay_id, intime, outtime, has_series, bucket.
        items: the items in use, as of `variables.items`.
        switches: which quirks are in force.
    """

    stays: pl.DataFrame
    items: pl.DataFrame
    switches: Switches


def run_sql(con: duckdb.DuckDBPyConnection, name: str) -> duckdb.DuckDBPyConnection:
    """Run one file of preprocessing/datasets/mimic/sql."""
    return con.execute(sql(name))


def sql(name: str) -> str:
    """The text of one file of preprocessing/datasets/mimic/sql."""
    return (
        files("preprocessing.datasets.mimic")
        .joinpath("sql", f"{name}.sql")
        .read_text(encoding="utf-8")
    )


def prepare(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Put the switches, as DuckDB variables, and the small tables into the database.

    A condition on a variable is decided when a query is planned and costs nothing by row.
    """
    for name, value in wanted.switches.model_dump().items():
        con.execute(f"SET VARIABLE \"{name}\" = '{value}'")
    run_sql(con, "hour_of")
    tables = {
        "stays": wanted.stays,
        "items": wanted.items.select("itemid", "variable", "unit", "preference"),
        "rules": variables.rules(),
        "columns": variables.columns(),
        "categories": variables.categories(wanted.switches),
    }
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        con.unregister("frame")
