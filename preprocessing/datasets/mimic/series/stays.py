"""Which stays of the cohort get a time series, and which bucket their patient is worked in."""

import duckdb
import polars as pl

from preprocessing.datasets.mimic.distinct import distinct_rows
from preprocessing.datasets.mimic.raw import Source
from preprocessing.datasets.mimic.switches import Switches
from preprocessing.ledger import Ledger
from preprocessing.shards import parts_of

HOURS = 48

# Patients in a bucket: what is in memory at one time, whatever the size of the input.
BUCKET_SUBJECTS = 500


def tables_read(switches: Switches) -> list[str]:
    """The raw tables that the choice of stays needs."""
    tables = ["hosp/admissions"] if switches.early_deaths == "drop" else []
    if switches.diagnosis == "required":
        tables += ["hosp/diagnoses_icd", "hosp/d_icd_diagnoses"]
    return tables


def stays_with_series(
    cohort: pl.DataFrame,
    source: Source,
    con: duckdb.DuckDBPyConnection,
    switches: Switches,
    ledger: Ledger,
) -> pl.DataFrame:
    """Stays of at least 48 hours that have an outcome left to predict."""
    stays = cohort
    if switches.diagnosis == "required":
        diagnosed = pl.col("hadm_id").is_in(_diagnosed_admissions(source, con))
        stays = ledger.keep("cohort", stays, diagnosed, reason="no billed diagnosis")
    # The reference allows for rounding of the column los; los = 2.0 stays.
    least = HOURS - 1e-6 if switches.stay_length == "los" else HOURS
    stays = ledger.keep("cohort", stays, pl.col("los_hours") >= least, reason="shorter than 48 h")
    if switches.early_deaths == "drop":
        deaths = source.read(con, "hosp/admissions", ["hadm_id", "deathtime"])
        deaths = distinct_rows(deaths, "hadm_id", "hosp/admissions")
        stays = stays.join(deaths, on="hadm_id", how="left")
        died = pl.col("deathtime") < pl.col("intime") + pl.duration(hours=HOURS)
        alive = ~died.fill_null(False)
        stays = ledger.keep("cohort", stays, alive, reason="died before hour 48")
    return stays.select(cohort.columns)


def _diagnosed_admissions(source: Source, con: duckdb.DuckDBPyConnection) -> pl.Series:
    """Admissions with a diagnosis whose code is in the dictionary, of whichever ICD version."""
    codes = source.scan(con, "hosp/d_icd_diagnoses", ["icd_code"])
    given = source.scan(con, "hosp/diagnoses_icd", ["hadm_id", "icd_code"])
    codes.create_view("codes")
    given.create_view("given")
    with source.guard():
        found = con.sql(
            "SELECT DISTINCT hadm_id FROM given WHERE icd_code IN (SELECT icd_code FROM codes)"
        )
        return found.pl()["hadm_id"].implode()


def assign_buckets(cohort: pl.DataFrame, parts: int) -> tuple[pl.DataFrame, list[int]]:
    """The cohort with its `bucket`, and the part that each bucket belongs to.

    A patient lies in one bucket and a bucket in one part. Buckets follow the order of parts
    and, within a part, of patients, so that parts can be written bucket after bucket.

    >>> cohort = pl.DataFrame({"subject_id": [10000032, 10000048, 10000032]})
    >>> placed, part_of_bucket = assign_buckets(cohort, 1)
    >>> placed["bucket"].to_list(), part_of_bucket
    ([0, 0, 0], [0])
    """
    part_of_subject = parts_of(cohort["subject_id"], parts)
    ordered = sorted(part_of_subject, key=lambda subject: (part_of_subject[subject], subject))
    bucket_of_subject: dict[int | str, int] = {}
    part_of_bucket: list[int] = []
    room = 0
    for subject in ordered:
        part = part_of_subject[subject]
        if room == 0 or part_of_bucket[-1] != part:
            part_of_bucket.append(part)
            room = BUCKET_SUBJECTS
        bucket_of_subject[subject] = len(part_of_bucket) - 1
        room -= 1
    bucket = pl.col("subject_id").replace_strict(bucket_of_subject, return_dtype=pl.Int32)
    return cohort.with_columns(bucket=bucket), part_of_bucket
