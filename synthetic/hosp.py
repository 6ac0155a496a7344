"""The small tables of hosp/: patients, admissions, transfers, services, codes and clinic visits."""

from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.model import chosen, identifiers, pick, sigmoid, stream
from synthetic.population import DAY, HOUR, Population
from synthetic.vocabulary import WARDS, conditions
from synthetic.write import number_text, write_table

COMORBIDITY_SHARE = 0.2
# ICD-9 until 2013, ICD-10 from 2014 on.
ICD9_PERIODS = ("2008 - 2010", "2011 - 2013")
PROCEDURES = {
    "Venous catheterization, not elsewhere classified": ("3893", "02HV33Z", 0.4),
    "Continuous invasive mechanical ventilation": ("9671", "5A1945Z", 0.25),
    "Transfusion of packed cells": ("9904", "30233N1", 0.2),
}


def write_hosp(root: Path, seed: int, population: Population) -> None:
    """Write the tables of hosp/ but for the laboratory."""
    admissions = population.visits.filter(pl.col("hadm_id").is_not_null())
    write_table(root, "hosp/patients", population.patients)
    write_table(root, "hosp/admissions", admissions)
    write_table(root, "hosp/transfers", transfers(seed, population))
    write_table(root, "hosp/services", _services(seed, admissions))
    write_table(root, "hosp/omr", _clinic_visits(seed, population))
    write_table(root, "hosp/drgcodes", _drg_codes(seed, admissions))
    period = population.patients.select("subject_id", period="anchor_year_group")
    admissions = admissions.join(period, on="subject_id", how="left", maintain_order="left")
    write_table(root, "hosp/diagnoses_icd", _diagnoses(seed, admissions))
    write_table(root, "hosp/procedures_icd", _procedures(seed, admissions))
    write_table(root, "hosp/d_icd_diagnoses", _diagnosis_titles())
    titles = pl.DataFrame(
        [(code, version, title) for title, codes in PROCEDURES.items()
         for code, version in zip(codes[:2], (9, 10), strict=True)],
        schema=["icd_code", "icd_version", "long_title"], orient="row",
    )  # fmt: skip
    write_table(root, "hosp/d_icd_procedures", titles)


def comorbidities(seed: int, visits: pl.DataFrame) -> np.ndarray:
    """Which chronic conditions each visit lists: (visits, conditions) bool, for codes and notes."""
    # One uniform number per cell and visit number, so that any subset of visits sees the same.
    listed = conditions("comorbidity").height
    number = visits["visit"].to_numpy()
    last = number.max(initial=-1) + 1
    draws = stream(seed, "comorbidities").random((last, listed), dtype=np.float32)
    return draws[number] < COMORBIDITY_SHARE


def transfers(seed: int, population: Population) -> pl.DataFrame:
    """Where the patients were: emergency room, wards, intensive care, discharge."""
    rng = stream(seed, "transfers")
    visits, stays = population.visits, population.stays
    who = ("visit", "subject_id", "hadm_id")
    admitted = visits.filter(pl.col("hadm_id").is_not_null())
    first_icu = stays.group_by("visit", maintain_order=True).agg(pl.col("intime").min())
    admit = admitted.join(first_icu, on="visit", how="left", maintain_order="left").select(
        *who,
        eventtype=pl.lit("admit"),
        careunit=pick(rng, WARDS, admitted.height),
        outtime=pl.col("intime").fill_null(pl.col("dischtime")),
        intime=pl.col("edouttime").fill_null(pl.col("admittime")),
    )
    emergency = visits.filter("via_ed").select(
        *who,
        eventtype=pl.lit("ED"),
        careunit=pl.lit("Emergency Department"),
        intime="edregtime",
        outtime="edouttime",
    )
    discharge = admitted.select(*who, eventtype=pl.lit("discharge"), intime="dischtime")
    rows = pl.concat(
        [emergency, admit, *_icu_transfers(rng, visits, stays), discharge], how="diagonal_relaxed"
    ).sort("visit", "intime", "outtime", nulls_last=True)
    return rows.with_columns(transfer_id=identifiers(seed, "transfer", 3, rows.height))


def _icu_transfers(
    rng: np.random.Generator, visits: pl.DataFrame, stays: pl.DataFrame
) -> list[pl.DataFrame]:
    """Into the first unit, on to the last one where it is another, and to a ward after each."""
    end = visits.select("visit", "dischtime")
    stays = stays.join(end, on="visit", how="left", maintain_order="left").with_columns(
        until=pl.col("intime").shift(-1).over("visit").fill_null(pl.col("dischtime")),
        halfway=(pl.col("intime") + pl.col("outtime")) // 2,
        moved=pl.col("first_careunit") != pl.col("last_careunit"),
        ward=pick(rng, WARDS, stays.height),
    )

    def rows(of: pl.DataFrame, careunit: str, start: str, end: str | pl.Expr) -> pl.DataFrame:
        return of.select(
            "visit",
            "subject_id",
            "hadm_id",
            eventtype=pl.lit("transfer"),
            careunit=careunit,
            intime=start,
            outtime=end,
        )

    left = pl.when("moved").then("halfway").otherwise("outtime")
    return [
        rows(stays, "first_careunit", "intime", left),
        rows(stays.filter("moved"), "last_careunit", "halfway", "outtime"),
        rows(stays.filter(pl.col("until") > pl.col("outtime")), "ward", "outtime", "until"),
    ]


def _services(seed: int, admissions: pl.DataFrame) -> pl.DataFrame:
    """The service that admitted the patient."""
    delay = stream(seed, "services").integers(0, 600, admissions.height)
    return admissions.select(
        "subject_id",
        "hadm_id",
        transfertime=pl.col("admittime") + delay,
        curr_service="service",
    )


def _diagnoses(seed: int, admissions: pl.DataFrame) -> pl.DataFrame:
    """Billing codes: the reason of admission, complications, chronic conditions.

    Written after discharge: complications follow z and the outcome, as they do in MIMIC.
    """
    rng = stream(seed, "diagnoses")
    coded = np.ones(admissions.height, dtype=bool)
    coded[chosen(rng, admissions.height, dirt.WITHOUT_DIAGNOSIS)] = False
    risk = sigmoid(admissions["z"].to_numpy() - 2.5 + 1.5 * admissions["died"].to_numpy())
    complications = risk[:, None] > rng.random((admissions.height, 3))
    listed = np.hstack([complications, comorbidities(seed, admissions)])
    row, column = np.nonzero(listed & coded[:, None])
    codes = pl.concat([conditions("complication"), conditions("comorbidity")])
    who = admissions.select("visit", "subject_id", "hadm_id", "period")
    further = who[row].hstack(codes.select("icd9", "icd10")[column])
    first = admissions.filter(pl.Series(coded)).select(*who.columns, "icd9", "icd10")
    return (
        pl.concat([first, further])
        .with_columns(seq_num=1 + pl.int_range(pl.len()).over("visit"))
        .sort("visit", "seq_num")
        .with_columns(*_code("icd9", "icd10"))
    )


def _code(nine: str, ten: str) -> tuple[pl.Expr, pl.Expr]:
    """icd_code and icd_version by the period of the patient."""
    old = pl.col("period").is_in(ICD9_PERIODS)
    return (
        pl.when(old).then(nine).otherwise(ten).alias("icd_code"),
        pl.when(old).then(9).otherwise(10).alias("icd_version"),
    )


def _diagnosis_titles() -> pl.DataFrame:
    """Every code of `conditions.tsv` in both versions."""
    rows = conditions("emergency", "elective", "comorbidity", "complication")
    titles = [
        rows.select(icd_code=code, icd_version=pl.lit(version), long_title="diagnosis")
        for code, version in (("icd9", 9), ("icd10", 10))
    ]
    return pl.concat(titles).unique(["icd_code", "icd_version"], maintain_order=True)


def _procedures(seed: int, admissions: pl.DataFrame) -> pl.DataFrame:
    """A few procedures of ICU admissions."""
    rng = stream(seed, "procedures")
    shares = np.array([share for *_, share in PROCEDURES.values()])
    done = rng.random((admissions.height, len(shares))) < shares
    row, column = np.nonzero(done & admissions["in_icu"].to_numpy()[:, None])
    codes = pl.DataFrame([codes[:2] for codes in PROCEDURES.values()], orient="row")
    rows = admissions[row].hstack(codes[column])
    return rows.with_columns(
        *_code("column_0", "column_1"),
        chartdate=pl.col("admittime") // DAY * DAY,
        seq_num=1 + pl.int_range(pl.len()).over("visit"),
    )


def _drg_codes(seed: int, admissions: pl.DataFrame) -> pl.DataFrame:
    """The billing group twice; the APR row grades severity and risk of death, after the fact."""
    rng = stream(seed, "drg")
    n = admissions.height
    grade = admissions["z"].to_numpy() + admissions["died"].to_numpy() + rng.standard_normal(n)
    base = admissions.select("visit", "subject_id", "hadm_id", description="drg").with_columns(
        drg_code=(pl.col("description").rank("dense") + 100).cast(pl.String)
    )
    graded = base.with_columns(
        drg_type=pl.lit("APR"),
        drg_severity=pl.Series(np.digitize(grade, (-1, 0.3, 1.5)) + 1),
        drg_mortality=pl.Series(np.digitize(grade, (-0.5, 0.8, 2)) + 1),
    )
    return pl.concat(
        [base.with_columns(drg_type=pl.lit("HCFA")), graded], how="diagonal_relaxed"
    ).sort("visit", "drg_type")


def _clinic_visits(seed: int, population: Population) -> pl.DataFrame:
    """hosp/omr: height, weight and blood pressure of some patients, months before admission."""
    rng = stream(seed, "omr")
    seen = population.visits.filter(pl.Series(rng.random(population.visits.height) < 0.3))
    n = seen.height
    height, weight = rng.normal(66, 4, n).round(), rng.normal(180, 40, n).clip(80).round(1)
    systolic, diastolic = rng.integers(100, 165, n), rng.integers(55, 95, n)
    results = {
        "Height (Inches)": number_text(height),
        "Weight (Lbs)": number_text(weight),
        "BMI (kg/m2)": number_text((703 * weight / height**2).round(1)),
        "Blood Pressure": pl.Series(
            [f"{s}/{d}" for s, d in zip(systolic, diastolic, strict=True)], dtype=pl.String
        ),
    }
    date = (seen["admittime"] - pl.Series(rng.integers(5, 300, n) * 24 * HOUR)) // DAY * DAY
    rows = [
        seen.select("visit", "subject_id").with_columns(
            chartdate=date,
            seq_num=pl.lit(1),
            result_name=pl.lit(name),
            result_value=values,
        )
        for name, values in results.items()
    ]
    return pl.concat(rows).sort("visit", "result_name")
