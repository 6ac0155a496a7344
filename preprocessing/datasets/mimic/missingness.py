"""Which modalities the patients, admissions, ICU stays and imaging studies of MIMIC have.

Which radiograph and which note belong to a stay is what `samples.py` beside this module says:
its queries are run here on all stays of the cohort.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from preprocessing.audit.missingness import observed
from preprocessing.audit.missingness.cells import MEASURES, Cell, Relation, add_up
from preprocessing.audit.missingness.counts import Unit, groups, members, patterns
from preprocessing.audit.missingness.dataset import Counts, Series
from preprocessing.audit.shards import Shards
from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.notes import SOURCES
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.schemas import TIME
from preprocessing.errors import DataContractError

MODALITIES = samples.MODALITIES
OUTCOME = "died in hospital"
PLACES = ("split", "careunit", "period")

# The paper's time series, image and text; demographics come with the series.
COMPLETE_WITH = ("image", "text", "timeseries")
NOTE = (
    "MIMIC shifts all dates of a patient by one secret offset, so that calendar years mean "
    "nothing. The period is the three years in which the patient's anchor year lies, which the "
    "release tells; a later admission of the same patient may be of later years."
)
# Samples for pretraining, and those of them that lack a modality. Source: LANISTR,
# arXiv 2305.16556.
PUBLISHED = {
    "title": "The paper's rows",
    "definition": "as published, of MIMIC-IV 2.2",
    "count": 3_680_784,
    "incomplete": 1_315_592,
}

# Unit: its title, what it is, and the breakdowns it has. A patient may have been in several care
# units. Stays of less than 48 hours are stays less those of 48 hours: counted, lest they be worked
# out.
UNITS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "patient": ("Patients", "patients, with what they have at any time", ("split", "period")),
    "admission": ("Admissions", "hospital admissions, with what was made during each", PLACES),
    "stay": ("ICU stays", "ICU stays of the cohort, with what the first 48 hours give", PLACES),
    "stay_48h": (
        "ICU stays of at least 48 hours",
        "ICU stays of the cohort of at least 48 hours: the samples",
        PLACES,
    ),
    "stay_under_48h": (
        "ICU stays of less than 48 hours",
        "ICU stays of the cohort of less than 48 hours",
        PLACES,
    ),
    "study": ("Imaging studies", "imaging studies, with what else their admission has", PLACES),
    "join": ("Rows of the join", "rows of the outer join by patient, as the paper counts", PLACES),
}
ONLY_IN_FILES = ("stay_under_48h",)
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


def count(
    folder: Path, root: Path | None, connect: Callable[[], duckdb.DuckDBPyConnection]
) -> list[Counts]:
    """The exact counts of every unit, and what the series hold.

    Args:
        folder: holds manifest.json, cohort.parquet and a folder per table.
        root: of the raw tables; without it only patients and admissions in the shards count.
        connect: makes a fresh connection.

    Raises:
        SourceMissingError: there is no manifest.
        DataContractError: the shards contradict each other or their manifest.
    """
    shards = Shards.open(folder)
    units = count_units(shards, connect(), root)
    series = Series(
        "stay_48h", shards.manifest["timeseries"]["variable_names"], observed.count(shards)
    )
    return [
        Counts(
            shards.manifest["dataset"],
            shards.card.title,
            shards.manifest,
            units,
            COMPLETE_WITH,
            "stay_48h",
            "patient",
            list(relate_units(units)),
            series,
            NOTE,
            [PUBLISHED],
        )
    ]


def count_units(
    shards: Shards, con: duckdb.DuckDBPyConnection, root: Path | None = None
) -> list[Unit]:
    """The exact counts of every unit; the arguments are those of `count`."""
    parts = {name: shards.parts(name) for name in ("timeseries", "images", "notes", "tabular")}
    (cohort,) = shards.parts("cohort")
    rounds = shards.manifest.get("pairing_rounds")
    samples.load(con, cohort, samples.Shards(**parts), rounds)
    for table, frame in raw_tables(con, root).items():
        con.register(f"raw_{table.split('/')[1]}", frame)
    con.execute(_sql("units_known.sql"))
    con.execute(_sql("radiograph_of_stay.sql"))
    note_of_stay, _ = samples.TEXT_RULES[SOURCES[shards.manifest["text_source"]].table]
    con.execute(_sql(note_of_stay))
    reasons = count_absences(shards.parts("samples"))
    found = [
        Unit(
            name,
            title,
            definition + (f", {rounds} rounds of reports" if rounds and name == "join" else ""),
            OUTCOME,
            MODALITIES,
            groups(unit_rows(con, name), MODALITIES, breakdowns),
            absences=reasons.get(name, {}),
            sampled="timeseries" if name == "stay_48h" else None,
            only_in_files=name in ONLY_IN_FILES,
        )
        for name, (title, definition, breakdowns) in UNITS.items()
    ]
    check_agreement(found, shards.manifest["counts"])
    return found


def raw_tables(con: duckdb.DuckDBPyConnection, root: Path | None) -> dict[str, pl.DataFrame]:
    """Admissions and patients of a raw root, or none of them without a root."""
    if root is None:
        return {
            table: pl.DataFrame(schema={column: RAW_TYPES[column] for column in columns})
            for table, columns in RAW_COLUMNS.items()
        }
    source = open_source(root, list(RAW_COLUMNS))
    # Rows repeated word for word have been counted where the cohort was chosen.
    return {
        table: source.read(con, table, columns).unique() for table, columns in RAW_COLUMNS.items()
    }


def unit_rows(con: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """The rows of a unit as `counts.groups` wants them."""
    if not name.startswith("stay"):
        return con.sql(_sql(f"units_{name}.sql")).pl()
    stays = con.sql(_sql("units_stay.sql")).pl()
    chosen = {"stay": pl.lit(True), "stay_48h": pl.col("is_long")}
    return stays.filter(chosen.get(name, ~pl.col("is_long")))


def count_absences(parts: list[Path]) -> dict[str, dict[tuple[str, str, str], int]]:
    """Samples by split, modality and reason of absence, for the unit that each stage samples."""
    found: dict[str, dict[tuple[str, str, str], int]] = {"stay_48h": {}, "join": {}}
    unit_of = {"finetune": "stay_48h", "pretrain": "join"}
    for modality in MODALITIES:
        reason = f"{modality}_absence"
        rows = (
            pl.scan_parquet(parts, glob=False).select("stage", "split", reason).drop_nulls(reason)
        )
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


def relate_units(units: Sequence[Unit]) -> Iterator[Relation]:
    """How numbers of units that overlap follow from each other: stays and their admissions."""
    (stays,) = (unit for unit in units if unit.name == "stay")
    every = patterns(stays.modalities)
    for breakdown, level in stays.levels():
        for pattern in every:
            for measure in MEASURES:
                whole, *parts = (
                    Cell(name, breakdown, level, "pattern", pattern, measure)
                    for name in ("stay", "stay_48h", "stay_under_48h")
                )
                yield add_up(whole, parts)
        # Each admission has at most one stay in the cohort, whichever notes and images count.
        for modality in ("timeseries", "tabular"):
            having = [pattern for pattern in every if modality in members(pattern)]
            for measure in MEASURES:
                yield {
                    Cell(name, breakdown, level, "pattern", pattern, measure): sign
                    for name, sign in (("stay", 1), ("admission", -1))
                    for pattern in having
                }


def _sql(name: str) -> str:
    return files("preprocessing.datasets.mimic").joinpath("sql", name).read_text(encoding="utf-8")
