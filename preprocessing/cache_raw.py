"""A Parquet copy of raw csv tables, as a root of its own: the door reads it like the csv one.

It pays from the second run on: columns that a step does not read cost nothing.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import duckdb

from preprocessing.datasets.mimic.raw import open_source

# What the steps for MIMIC-IV read.
TABLES = (
    "hosp/patients",
    "hosp/admissions",
    "hosp/diagnoses_icd",
    "hosp/d_icd_diagnoses",
    "hosp/labevents",
    "icu/icustays",
    "icu/d_items",
    "icu/chartevents",
    "icu/outputevents",
)

logger = logging.getLogger(__name__)


def run(
    root: Path, output_dir: Path, con: duckdb.DuckDBPyConnection, tables: Sequence[str] = TABLES
) -> None:
    """Write each table as Parquet, under the name and columns it has in the raw root.

    Raises:
        SourceMissingError: names all files that are missing.
        DataContractError: a table that is damaged or of no known layout.
    """
    source = open_source(root, tables)
    for table in tables:
        raw = source.path(table)
        place = output_dir / raw.relative_to(root).parent / f"{Path(table).name}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        with source.guard():
            # Renamed when whole, so that a run cut short leaves nothing that looks finished.
            unfinished = place.with_suffix(".unfinished")
            con.execute(
                f"COPY (SELECT * FROM {source.files[table].sql()}) TO '{unfinished}' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            unfinished.rename(place)
        logger.info("%s: %.0f MB", place, place.stat().st_size / 1e6)
