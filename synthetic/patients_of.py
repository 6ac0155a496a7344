"""The population of an existing MIMIC-IV root, with severities drawn to fit its outcomes."""

from pathlib import Path

import duckdb
import polars as pl
from polars import selectors

from preprocessing.datasets.mimic.raw import Source, open_source
from preprocessing.engine.duckdb import connect
from synthetic.model import mortality, seen_severity, severity_given_outcome, stream
from synthetic.population import DAY, Population, add_reasons
from synthetic.write import layout

TABLES = ("hosp/patients", "hosp/admissions", "icu/icustays")


def population_of(root: Path, seed: int) -> Population:
    """Read patients, admissions, stays and in-hospital mortality; draw the rest.

    Raises:
        SourceMissingError: a table is not there; all that are missing are named.
        DataContractError: a table of an unknown layout, or damaged.
    """
    source = open_source(root, TABLES)
    with connect() as con:
        patients, admissions, stays = (_read(source, con, table) for table in TABLES)
    visits = admissions.sort("subject_id", "admittime", "hadm_id").with_row_index("visit")
    rng = stream(seed, "patients of a root")
    died = visits["hospital_expire_flag"].fill_null(0).to_numpy() == 1
    in_icu = visits["hadm_id"].is_in(stays["hadm_id"].implode())
    z = severity_given_outcome(rng, died, in_icu.to_numpy())
    visits = visits.with_columns(
        pl.col("dischtime").fill_null(pl.col("admittime") + 3 * DAY),
        visit=pl.col("visit").cast(pl.Int64),
        kind=pl.lit("icu"),
        in_icu=in_icu,
        via_ed=pl.col("edregtime").is_not_null() & pl.col("edouttime").is_not_null(),
        z=z,
        **seen_severity(rng, z),
        p_mortality=mortality(z, in_icu.to_numpy()),
        died=died,
    ).drop("admission_type")
    visits = add_reasons(rng, visits)
    stays = stays.filter(pl.col("outtime") > pl.col("intime")).join(
        visits.select("hadm_id", "visit"), on="hadm_id", maintain_order="left"
    )
    return Population(patients, visits, stays.sort("visit", "intime"))


def _read(source: Source, con: duckdb.DuckDBPyConnection, table: str) -> pl.DataFrame:
    """A table with its times as seconds since 1970, as the generator has them."""
    columns = [column for column in layout(table) if not column.endswith("provider_id")]
    return source.read(con, table, columns).with_columns(
        (selectors.datetime() | selectors.date()).cast(pl.Datetime("us")).dt.epoch("s"),
        selectors.integer().cast(pl.Int32),
    )
