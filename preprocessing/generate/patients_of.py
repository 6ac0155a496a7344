"""The population of an existing MIMIC-IV root, with severities drawn to fit its outcomes."""

from pathlib import Path

import polars as pl

from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.generate.model import mortality, seen_severity, severity_given_outcome, stream
from preprocessing.generate.population import DAY, Population, with_reason
from preprocessing.generate.write import layout

TABLES = ("hosp/patients", "hosp/admissions", "icu/icustays")
SUFFIXES = (".csv.gz", ".csv", ".parquet")


def population_of(root: Path, seed: int) -> Population:
    """Read patients, admissions, stays and in-hospital mortality; draw the rest.

    Raises:
        SourceMissingError: a table is not there; all that are missing are named.
        DataContractError: a table lacks a column.
    """
    missing = [name for name in TABLES if _path(root, name) is None]
    if missing:
        raise SourceMissingError(
            f"{root} has no {', '.join(missing)} (as {', '.join(SUFFIXES)}). "
            "--patients-of needs a MIMIC-IV root with hosp/ and icu/."
        )
    patients, admissions, stays = (_read(root, name) for name in TABLES)
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
    visits = with_reason(rng, visits)
    stays = stays.filter(pl.col("outtime") > pl.col("intime")).join(
        visits.select("hadm_id", "visit"), on="hadm_id", maintain_order="left"
    )
    return Population(patients, visits, stays.sort("visit", "intime"))


def _path(root: Path, table: str) -> Path | None:
    """The file that holds a table, in whichever form."""
    paths = (root / f"{table}{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _read(root: Path, table: str) -> pl.DataFrame:
    """A table with its times as seconds since 1970, as the generator has them."""
    path = _path(root, table)
    assert path is not None, table
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
    else:
        frame = pl.read_csv(path, infer_schema=False)
    kinds = layout(table)
    absent = [name for name in kinds if name not in frame.columns]
    if absent:
        raise DataContractError(
            f"{path} lacks {', '.join(absent)}; found {', '.join(frame.columns)}. "
            "--patients-of reads MIMIC-IV from v2.2 on."
        )
    return frame.select(_typed(name, kind, frame.schema[name]) for name, kind in kinds.items())


def _typed(name: str, kind: str, found: pl.DataType) -> pl.Expr:
    """A column in the generator's types: numbers, text, seconds since 1970."""
    column = pl.col(name)
    if kind == "string":
        return column.cast(pl.String)
    if kind.startswith(("timestamp", "date")):
        if found == pl.String:
            column = column.str.to_date() if kind == "date32" else column.str.to_datetime()
        return column.cast(pl.Datetime("us")).dt.epoch("s")
    return column.cast(pl.Float64 if kind == "float64" else pl.Int32)
