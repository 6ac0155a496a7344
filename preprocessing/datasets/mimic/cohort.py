"""Which ICU stays are looked at, and what became of their patients.

Adults, one ICU stay per admission, no change of unit. Each rule is one function on a frame;
where the reference does otherwise, a switch says so.

Source: mimic4extract, extract_subjects_iv.py; shared/docs/timeseries-reference.md 2.1.
"""

import logging
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.contracts import check
from preprocessing.datasets.mimic.distinct import distinct_rows
from preprocessing.datasets.mimic.options import RawRoot
from preprocessing.datasets.mimic.outcomes import add_outcomes
from preprocessing.datasets.mimic.raw import has_table, open_source
from preprocessing.datasets.mimic.schemas import TIME, Cohort
from preprocessing.datasets.mimic.switches import ChosenSwitches, Switches
from preprocessing.engine.duckdb import Connection
from preprocessing.errors import DataContractError
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import LedgerFile
from preprocessing.splits import Splits

TABLES = {
    "icu/icustays": [
        "subject_id",
        "hadm_id",
        "stay_id",
        "first_careunit",
        "last_careunit",
        "intime",
        "outtime",
        "los",
    ],
    "hosp/admissions": [
        "subject_id",
        "hadm_id",
        "admittime",
        "dischtime",
        "deathtime",
        "hospital_expire_flag",
    ],
    "hosp/patients": ["subject_id", "anchor_age", "anchor_year", "anchor_year_group", "dod"],
}
STAYS = "icu/icustays"
# May be absent: then nothing is known of phenotypes, or nobody says whether their codes exist.
DIAGNOSES = {
    "hosp/diagnoses_icd": ["hadm_id", "icd_code", "icd_version"],
    "hosp/d_icd_diagnoses": ["icd_code", "icd_version"],
}

logger = logging.getLogger(__name__)


def select_cohort(
    root: RawRoot,
    splitter: Splits,
    switches: ChosenSwitches,
    *,
    output: Annotated[Path, Option(help="cohort.parquet to write")],
    ledger_path: LedgerFile,
    con: Connection,
) -> None:
    """Write the cohort of a raw root, one row per ICU stay, sorted by stay_id.

    Raises:
        DataContractError: a table breaks its layout, or no stay is left.
    """
    coded = [table for table in DIAGNOSES if has_table(root, table)]
    source = open_source(root, [*TABLES, *coded])
    ledger = Ledger("mimic-cohort", Flow("ICU stays", (STAYS,), ends_in=("mimic", "stay")))
    icustays, admissions, patients = (source.read(con, t, c) for t, c in TABLES.items())
    cohort = cohort_of(icustays, admissions, patients, switches, ledger)
    if cohort.is_empty():
        raise DataContractError(
            f"{root}: no stay is left for the cohort, so there is nothing to learn from. Lost:\n"
            f"{ledger.losses()}\nGive a root whose tables are of the same patients."
        )
    diagnoses, codes = (
        source.read(con, t, c) if t in coded else None for t, c in DIAGNOSES.items()
    )
    cohort = add_outcomes(cohort, admissions, diagnoses, ledger, codes=codes)
    splitter.check_matches(cohort)
    cohort = check(splitter.assign(cohort).sort("stay_id"), Cohort, str(output))
    output.parent.mkdir(parents=True, exist_ok=True)
    cohort.write_parquet(output)
    ledger.write(ledger_path)
    logger.info(
        "%d stays of %d patients, %d died in hospital",
        cohort.height,
        cohort["subject_id"].n_unique(),
        cohort["in_hospital_mortality"].sum(),
    )


def cohort_of(
    icustays: pl.DataFrame,
    admissions: pl.DataFrame,
    patients: pl.DataFrame,
    switches: Switches,
    ledger: Ledger,
) -> pl.DataFrame:
    """The cohort without splits and what `add_outcomes` adds, from the columns of `TABLES`.

    Each drop is in the ledger.
    """
    first, second = untransferred_stays, single_stays
    if switches.selection == "single_first":
        first, second = second, first
    stays = first(timed_stays(distinct_stays(icustays, switches, ledger), switches, ledger), ledger)
    stays = second(known_stays(stays, admissions, patients, ledger), ledger)
    stays = stays.with_columns(age=age(switches), died=died_in_hospital(switches))
    stays = ledger.keep(STAYS, stays, pl.col("age") >= 18, reason="younger than 18, or age unknown")
    stays = ledger.keep(
        STAYS, stays, pl.col("died").is_not_null(), reason="hospital_expire_flag is empty"
    )
    return stays.select(
        pl.col("subject_id", "hadm_id", "stay_id"),
        pl.col("admittime", "dischtime", "intime", "outtime").cast(TIME),
        stay_hours(switches).alias("los_hours"),
        pl.col("age").cast(pl.Int32),
        careunit="first_careunit",
        period="anchor_year_group",
        in_hospital_mortality=pl.col("died").cast(pl.Int8),
        length_of_stay=stay_hours(switches).cast(pl.Float32),
    )


def distinct_stays(icustays: pl.DataFrame, switches: Switches, ledger: Ledger) -> pl.DataFrame:
    """Each stay once, unless the reference's way is wanted.

    Raises:
        DataContractError: two rows of one stay_id say different things.
    """
    if switches.repeated_stays == "twice":
        distinct_rows(icustays, "stay_id", STAYS)
        return icustays
    return distinct_rows(icustays, "stay_id", STAYS, ledger)


def timed_stays(stays: pl.DataFrame, switches: Switches, ledger: Ledger) -> pl.DataFrame:
    """Stays with a beginning, an end and a length."""
    stays = ledger.keep(
        STAYS,
        stays,
        pl.all_horizontal(pl.col("intime", "outtime").is_not_null())
        & stay_hours(switches).is_not_null(),
        reason="intime, outtime or length of stay missing",
    )
    if switches.reversed_stays == "keep":
        reversed_stays = stays.filter(pl.col("outtime") < pl.col("intime")).height
        ledger.note(STAYS, "outtime before intime, kept", reversed_stays)
        return stays
    return ledger.keep(
        STAYS, stays, pl.col("outtime") >= pl.col("intime"), reason="outtime before intime"
    )


def untransferred_stays(stays: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Stays that end in the unit they began in."""
    same = pl.col("first_careunit") == pl.col("last_careunit")
    return ledger.keep(STAYS, stays, same, reason="changed the ICU")


def single_stays(stays: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Stays that are the only one of their admission, among those given."""
    single = pl.len().over("hadm_id") == 1
    return ledger.keep(STAYS, stays, single, reason="admission with several ICU stays")


def known_stays(
    stays: pl.DataFrame, admissions: pl.DataFrame, patients: pl.DataFrame, ledger: Ledger
) -> pl.DataFrame:
    """Stays with what is known of their admission and patient.

    Raises:
        DataContractError: rows of one admission or patient differ.
    """
    admissions = distinct_rows(admissions, "hadm_id", "hosp/admissions", ledger)
    patients = distinct_rows(patients, "subject_id", "hosp/patients", ledger)
    known = stays.join(admissions, on=["subject_id", "hadm_id"], how="inner")
    known = known.join(patients, on="subject_id", how="inner")
    ledger.record(STAYS, "no such admission or patient", stays.height, known.height)
    return known


def age(switches: Switches) -> pl.Expr:
    """Age in years; above 89 it is 91 in the anchor year (MIMIC's de-identification)."""
    if switches.age == "anchor":
        return pl.col("anchor_age")
    return pl.col("anchor_age") + pl.col("admittime").dt.year() - pl.col("anchor_year")


def died_in_hospital(switches: Switches) -> pl.Expr:
    """1 if the patient died in this admission.

    In the reference's way a death outside of the hospital on the day of discharge counts.
    """
    if switches.label == "expire_flag":
        return pl.col("hospital_expire_flag")
    deaths = [pl.col("dod").cast(TIME), pl.col("deathtime").cast(TIME)]
    within = [death.is_between(pl.col("admittime"), pl.col("dischtime")) for death in deaths]
    return pl.any_horizontal(within).fill_null(False)


def stay_hours(switches: Switches) -> pl.Expr:
    """Length of the ICU stay in hours."""
    if switches.stay_length == "los":
        return pl.col("los") * 24
    return (pl.col("outtime") - pl.col("intime")).dt.total_seconds() / 3600
