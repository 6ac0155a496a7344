"""The tasks beyond mortality: what counts as a readmission, and which codes as which condition."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from preprocessing.datasets.mimic import card, outcomes, phenotypes
from preprocessing.datasets.mimic.outcomes import add_outcomes
from preprocessing.ledger import Ledger

DISCHARGE = datetime(2150, 1, 10, 15)  # noqa: DTZ001 (MIMIC's times have no zone)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
COHORT = {
    "subject_id": pl.Int32,
    "hadm_id": pl.Int32,
    "dischtime": pl.Datetime("us"),
    "in_hospital_mortality": pl.Int8,
}


def cohort(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows or [(1, 11, DISCHARGE, 0)], schema=COHORT, orient="row")


def admissions(*begins: datetime, subject: int = 1) -> pl.DataFrame:
    """Admission 11, of three days, and those that begin at `begins`: 12, 13 and so on."""
    begin = [DISCHARGE - 3 * DAY, *begins]
    rows = [(subject if n else 1, 11 + n, at) for n, at in enumerate(begin)]
    schema = {"subject_id": pl.Int32, "hadm_id": pl.Int32, "admittime": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def codes(*rows: tuple[int, str | None, int | None]) -> pl.DataFrame:
    schema = {"hadm_id": pl.Int32, "icd_code": pl.String, "icd_version": pl.Int16}
    return pl.DataFrame(rows, schema=schema, orient="row")


def conditions(*rows: tuple[str | None, int | None]) -> set[str]:
    """Those of one admission with these codes."""
    found = phenotypes.label(codes(*((11, *row) for row in rows)))["phenotypes"].to_list()
    return {name for name, flag in zip(phenotypes.names(), found[0], strict=True) if flag}


@pytest.mark.parametrize(
    ("begins", "answer"),
    [
        ([], 0),
        ([DISCHARGE + DAY], 1),
        ([DISCHARGE], 1),
        ([DISCHARGE + 30 * DAY], 1),
        ([DISCHARGE + 30 * DAY + SECOND], 0),
        ([DISCHARGE - SECOND], 0),
        ([DISCHARGE - 40 * DAY], 0),
        ([DISCHARGE + 40 * DAY, DISCHARGE + 20 * DAY], 1),
    ],
)
def test_another_admission_within_30_days_of_discharge(begins: list, answer: int) -> None:
    found = add_outcomes(cohort(), admissions(*begins), None, Ledger("step"))
    assert found["readmission_30d"].to_list() == [answer]


def test_no_admission_is_its_own_and_no_patient_another() -> None:
    own = admissions().with_columns(admittime=pl.lit(DISCHARGE))
    assert add_outcomes(cohort(), own, None, Ledger("s"))["readmission_30d"].item() == 0
    other = admissions(DISCHARGE + DAY, subject=2)
    assert add_outcomes(cohort(), other, None, Ledger("s"))["readmission_30d"].item() == 0


def test_of_the_dead_and_of_those_without_a_discharge_nothing_is_known() -> None:
    rows = cohort((1, 11, DISCHARGE, 1), (2, 21, None, 0), (3, 31, DISCHARGE, 0))
    found = add_outcomes(rows, admissions(DISCHARGE + DAY), None, ledger := Ledger("step"))
    assert found["readmission_30d"].to_list() == [None, None, 0]
    assert {e.reason: e.rows_after for e in ledger.entries}[
        "died or never discharged: readmission unknown"
    ] == 2


def test_without_diagnoses_no_phenotype_is_known_and_the_ledger_says_so() -> None:
    found = add_outcomes(cohort(), admissions(), None, ledger := Ledger("step"))
    assert found["phenotypes"].to_list() == [None]
    assert found.schema["phenotypes"] == outcomes.PHENOTYPES
    assert ledger.entries[0].reason == "not there: no phenotypes"


def test_an_admission_without_a_code_is_not_one_without_a_condition() -> None:
    rows = cohort(*((n, 10 * n + 1, DISCHARGE, 0) for n in (1, 2, 3)))
    told = codes((11, "4019", 9), (21, None, 10), (31, "Z000", 10), (99, "I10", 10))
    found = add_outcomes(rows, admissions(), told, ledger := Ledger("step"))
    sums = [flags and sum(flags) for flags in found["phenotypes"].to_list()]
    assert sums == [1, None, 0]
    assert found["hadm_id"].to_list() == [11, 21, 31]
    assert found.schema["phenotypes"] == outcomes.PHENOTYPES
    assert ledger.entries[0].rows_after == 1


def test_the_conditions_are_the_25_of_the_benchmark() -> None:
    assert len(phenotypes.names()) == 25 and list(phenotypes.names()) == sorted(phenotypes.names())
    kinds = phenotypes.definitions().unique(["phenotype", "type"])["type"]
    assert len(kinds) == 25
    assert Counter(kinds) == {"acute": 13, "chronic": 7, "mixed": 5}
    assert {"Shock", "Septicemia (except in labor)", "Essential hypertension"} <= {
        *phenotypes.names()
    }
    versions = phenotypes.definitions().group_by("phenotype").agg(pl.col("icd_version").sort())
    assert all(v == [9, 10] for v in versions["icd_version"].to_list())


# What synthetic/conditions.tsv and everyday coding have, in both versions.
@pytest.mark.parametrize(
    ("nine", "ten", "name"),
    [
        ("0389", "A419", "Septicemia (except in labor)"),
        ("78552", "R6521", "Shock"),
        ("5849", "N179", "Acute and unspecified renal failure"),
        ("5859", "N189", "Chronic kidney disease"),
        ("41071", "I214", "Acute myocardial infarction"),
        ("42823", "I5023", "Congestive heart failure; nonhypertensive"),
        ("42731", "I4891", "Cardiac dysrhythmias"),
        ("43491", "I639", "Acute cerebrovascular disease"),
        ("51881", "J9601", "Respiratory failure; insufficiency; arrest (adult)"),
        ("496", "J449", "Chronic obstructive pulmonary disease and bronchiectasis"),
        ("4019", "I10", "Essential hypertension"),
        ("25000", "E119", "Diabetes mellitus without complication"),
        ("2724", "E785", "Disorders of lipid metabolism"),
        ("41401", "I2510", "Coronary atherosclerosis and other heart disease"),
        ("5789", "K922", "Gastrointestinal hemorrhage"),
        ("2762", "E872", "Fluid and electrolyte disorders"),
    ],
)
def test_codes_of_both_versions_tell_a_condition(nine: str, ten: str, name: str) -> None:
    assert conditions((nine, 9)) == conditions((ten, 10)) == {name}


def test_a_code_counts_in_its_version_alone() -> None:
    # E872: acidosis in ICD-10, an external cause in ICD-9.
    assert conditions(("E872", 9), ("4019", 10), ("0389", 10)) == set()


def test_codes_with_spaces_and_without_a_version() -> None:
    # As csv files of fixed width have them.
    assert conditions((" i10 ", 10), ("4280", None)) == {"Essential hypertension"}
    # One that ends in $ stands for itself: 9993 is a complication, 99931 an infection.
    assert conditions(("99931", 9)) == set() != conditions(("9993", 9))


def test_the_card_asks_what_the_samples_answer() -> None:
    assert tuple(task.name for task in card.TASKS) == outcomes.TASKS
    told = card.describe_mimic({"phenotypes": {"train": 5}})
    assert [task.name for task in told.tasks] == ["phenotypes"]
    assert told.tasks[0].classes == phenotypes.names()


@pytest.mark.parametrize("version", [9, 10])
def test_the_open_demo_has_every_condition_in_either_version(version: int, shared: Path) -> None:
    """Two of them as often as in the statistics of mimic3-benchmarks, give or take."""
    path = shared / "data" / "mimic-iv-demo" / "hosp" / "diagnoses_icd.csv.gz"
    told = pl.read_csv(path, schema_overrides={"icd_code": pl.String})
    rows = phenotypes.label(told.filter(icd_version=version))["phenotypes"].to_list()
    shares = dict(zip(phenotypes.names(), np.mean(rows, axis=0), strict=True))
    assert min(shares.values()) > 0.01
    assert 0.2 < shares["Disorders of lipid metabolism"] < 0.6
    assert 0.15 < shares["Acute and unspecified renal failure"] < 0.35
