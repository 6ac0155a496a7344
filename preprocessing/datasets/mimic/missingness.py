"""Which modalities the patients, admissions, ICU stays and imaging studies of MIMIC have.

Which radiograph and which note belong to a stay is what `samples.py` beside this module says:
its queries are run here on all stays of the cohort.
"""

import json
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from preprocessing.audit.missingness.counts import Unit, groups
from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.notes import SOURCES
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.schemas import TIME
from preprocessing.errors import DataContractError, SourceMissingError

MODALITIES = samples.MODALITIES
OUTCOME = "died in hospital"
PLACES = ("split", "careunit", "period")

# Unit: what it is, and the breakdowns it has. A patient may have been in several care units.
UNITS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "patient": ("patients, with what they have at any time", ("split", "period")),
    "admission": ("hospital admissions, with what was made during each", PLACES),
    "stay": ("ICU stays of the cohort, with what the first 48 hours give", PLACES),
    "stay_48h": ("ICU stays of the cohort of at least 48 hours: the samples", PLACES),
    "stay_under_48h": ("ICU stays of the cohort of less than 48 hours", PLACES),
    "study": ("imaging studies, with what else their admission has", PLACES),
    "join": ("rows of the outer join by patient, as the paper counts", PLACES),
}
RAW_COLUMNS = {
    "hosp/admissions": ["subject_id", "hadm_id", "admittime", "dischtime", "hospital_expire_flag"],
    "hosp/patients": ["subject_id", "anchor_year_group"],
}
RAW_TYPES: Mapping[str, Any] = {
    "subject_id": pl.Int32,
    "hadm_id": pl.Int32,
    "admittime": TIME,
    "dischtime": TIME,
    "hospital_expire_flag": pl.Int16,
    "anchor_year_group": pl.String,
}


def count(shards: Path, con: duckdb.DuckDBPyConnection, root: Path | None = None) -> list[Unit]:
    """The exact counts of every unit.

    Args:
        shards: holds manifest.json, cohort.parquet and a folder per table.
        con: a fresh connection.
        root: of the raw tables; without it only patients and admissions in the shards count.

    Raises:
        SourceMissingError: there is no manifest.
        DataContractError: the shards contradict each other or their manifest.
    """
    manifest = read_manifest(shards)
    parts = {
        name: sorted((shards / name).glob("part-*.parquet"))
        for name in ("timeseries", "images", "notes", "tabular")
    }
    samples.load(con, shards / "cohort.parquet", samples.Shards(**parts))
    for table, frame in raw_tables(con, root).items():
        con.register(f"raw_{table.split('/')[1]}", frame)
    con.execute(_sql("known.sql"))
    con.execute(_sql_of_samples("radiograph_of_stay.sql"))
    note_of_stay, _ = samples.TEXT_RULES[SOURCES[manifest["text_source"]].table]
    con.execute(_sql_of_samples(note_of_stay))
    reasons = absences(sorted((shards / "samples").glob("part-*.parquet")))
    found = [
        Unit(
            name,
            definition,
            OUTCOME,
            MODALITIES,
            groups(unit_rows(con, name), MODALITIES, breakdowns),
            absences=reasons.get(name, {}),
            sampled="timeseries" if name == "stay_48h" else None,
        )
        for name, (definition, breakdowns) in UNITS.items()
    ]
    check_agreement(found, manifest["counts"])
    return found


def read_manifest(shards: Path) -> dict[str, Any]:
    """The manifest of a folder of shards."""
    path = shards / "manifest.json"
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there. Make the shards first: snakemake shards.")
    return dict(json.loads(path.read_text()))


def raw_tables(con: duckdb.DuckDBPyConnection, root: Path | None) -> dict[str, pl.DataFrame]:
    """Admissions and patients of a raw root, or none of them without a root."""
    if root is None:
        return {
            table: pl.DataFrame(schema={column: RAW_TYPES[column] for column in columns})
            for table, columns in RAW_COLUMNS.items()
        }
    source = open_source(root, list(RAW_COLUMNS))
    return {table: source.read(con, table, columns) for table, columns in RAW_COLUMNS.items()}


def unit_rows(con: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """The rows of a unit as `counts.groups` wants them."""
    if not name.startswith("stay"):
        return con.sql(_sql(f"{name}.sql")).pl()
    stays = con.sql(_sql("stay.sql")).pl()
    chosen = {"stay": pl.lit(True), "stay_48h": pl.col("is_long")}
    return stays.filter(chosen.get(name, ~pl.col("is_long")))


def absences(parts: list[Path]) -> dict[str, dict[tuple[str, str, str], int]]:
    """Samples by split, modality and reason of absence, for the unit that each stage samples."""
    found: dict[str, dict[tuple[str, str, str], int]] = {"stay_48h": {}, "join": {}}
    unit_of = {"finetune": "stay_48h", "pretrain": "join"}
    for modality in MODALITIES:
        reason = f"{modality}_absence"
        rows = pl.scan_parquet(parts).select("stage", "split", reason).drop_nulls(reason)
        sums = rows.group_by("stage", "split", reason).len().sort(pl.all()).collect()
        for stage, split, text, n in sums.iter_rows():
            found[unit_of[stage]][split, modality, text] = n
    return found


def check_agreement(units: list[Unit], told: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    """Samples of the manifest must be those that were counted here.

    Raises:
        DataContractError: they are not.
    """
    by_name = {unit.name: unit for unit in units}
    for stage, name in {"finetune": "stay_48h", "pretrain": "join"}.items():
        of_stage: Counter[tuple[str, str]] = Counter()
        for (breakdown, split, pattern), group in by_name[name].groups.items():
            if breakdown == "split" and by_name[name].is_sampled(pattern) and split in told[stage]:
                of_stage[split, pattern] = group.count
        if stage == "pretrain":
            of_stage = Counter({key: n for key, n in of_stage.items() if key[0] != "test"})
        in_manifest = {
            (split, pattern): n
            for split, sums in told[stage].items()
            for pattern, n in sums.items()
        }
        if of_stage != Counter(in_manifest):
            raise DataContractError(
                f"The audit counts {of_stage.total()} samples of {stage}, the manifest "
                f"{sum(in_manifest.values())}, or other patterns of them: the shards are of "
                "different runs. Make them again: snakemake shards."
            )


def _sql(name: str) -> str:
    return files("preprocessing.audit.missingness").joinpath("sql", name).read_text()


def _sql_of_samples(name: str) -> str:
    return files("preprocessing.datasets.mimic").joinpath("sql", name).read_text()
