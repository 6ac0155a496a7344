"""What is known of a stay when all is over: the answers to the tasks, and none of the inputs.

in_hospital_mortality: 1 = died in this admission; the switch `label` says how that is told.
length_of_stay: hours of the ICU stay; of a patient who died there, until death. Samples are stays
    of at least 48 h, and so are the numbers.
readmission_30d: 1 = of those who survived the admission, another one of this hospital began within
    30 days of its discharge, planned or not. Null for those who died. Not known, and counted as 0:
    admissions to other hospitals, those after the last day of the data (dates are shifted by
    patient, so nobody can say whose 30 days reach beyond it), and deaths outside of the hospital
    before a readmission.
phenotypes: see `phenotypes`; null for an admission without a code.
"""

import polars as pl

from preprocessing.datasets.mimic import phenotypes
from preprocessing.ledger import Ledger

DAYS = 30
TASKS = ("in_hospital_mortality", "length_of_stay", "readmission_30d", "phenotypes")
# Not an array of fixed length: Parquet's writer takes no null among those.
PHENOTYPES = pl.List(pl.Int8)


def add_outcomes(
    cohort: pl.DataFrame,
    admissions: pl.DataFrame,
    diagnoses: pl.DataFrame | None,
    ledger: Ledger,
    *,
    codes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The cohort with its columns readmission_30d and phenotypes.

    Args:
        cohort: subject_id, hadm_id, dischtime and in_hospital_mortality of each stay.
        admissions: subject_id, hadm_id and admittime of all admissions, also of other patients.
        diagnoses: what `phenotypes.label` takes; None = there is no such table.
        ledger: gets the stays whose answer is not known.
        codes: icd_code and icd_version of d_icd_diagnoses; None = there is no such table.
    """
    again = readmitted(cohort, admissions)
    known = (pl.col("in_hospital_mortality") == 0) & pl.col("dischtime").is_not_null()
    readmission = pl.when(known).then(pl.col("hadm_id").is_in(again.implode()).cast(pl.Int8))
    cohort = cohort.with_columns(readmission.alias("readmission_30d"))
    if diagnoses is None:
        cohort = cohort.with_columns(phenotypes=pl.lit(None, PHENOTYPES))
        ledger.note("hosp/diagnoses_icd", "not there: no phenotypes", cohort.height)
    else:
        coded = diagnoses.join(cohort, on="hadm_id", how="semi")
        labels = phenotypes.label(coded)
        cohort = cohort.join(labels, on="hadm_id", how="left", maintain_order="left")
        uncoded = cohort["phenotypes"].null_count()
        ledger.note("hosp/diagnoses_icd", "stay without a code: phenotypes unknown", uncoded)
        if codes is not None:
            unknown = phenotypes.unknown_codes(coded, codes)
            ledger.note("hosp/diagnoses_icd", "code that d_icd_diagnoses lacks", unknown)
    unknown = cohort["readmission_30d"].null_count()
    ledger.note("hosp/admissions", "died or never discharged: readmission unknown", unknown)
    return cohort


def readmitted(cohort: pl.DataFrame, admissions: pl.DataFrame) -> pl.Series:
    """The admissions (hadm_id) that another one of the patient follows within 30 days."""
    others = admissions.select("subject_id", "admittime", other="hadm_id")
    pairs = cohort.select("subject_id", "hadm_id", "dischtime").join(others, on="subject_id")
    soon = pl.col("admittime").is_between(
        pl.col("dischtime"), pl.col("dischtime") + pl.duration(days=DAYS)
    )
    return pairs.filter(soon & (pl.col("hadm_id") != pl.col("other")))["hadm_id"].unique()
