"""Item numbers and codes that mean something else than in the release we know."""

from pathlib import Path

import polars as pl

from preprocessing.datasets.mimic.outcomes import add_outcomes
from preprocessing.ledger import Ledger
from tests.field.case import Seen, case
from tests.field.made_series import read_series
from tests.preprocessing.made_up_icu import BLOOD_GLUCOSE, HR, MadeUpICU, at

KIND = "Identifiers"


def made_up(folder: Path, label: str | None) -> MadeUpICU:
    """A heart rate, and 28 under the number of glucose, which d_labitems calls as given."""
    icu = MadeUpICU(folder).chart(1.5, HR, "80").lab(1.5, BLOOD_GLUCOSE, "28")
    icu.labels = {BLOOD_GLUCOSE: label}
    return icu


@case(
    KIND,
    "item 50931 (glucose) is called Urea Nitrogen in `d_labitems`",
    "refused",
    "1 items do not mean what they are read as: ...",
)
def another_laboratory_item(folder: Path) -> Seen:
    seen = read_series(made_up(folder, "Urea Nitrogen"))
    assert "50931 (Glucose): found 'Urea Nitrogen" in (seen.message or "")
    return seen


@case(
    KIND,
    "item 220045 (heart rate) is called Respiratory Quotient in `d_items`",
    "refused",
    "1 items do not mean what they are read as: ...",
)
def another_charted_item(folder: Path) -> Seen:
    icu = made_up(folder, "Glucose")
    icu.labels |= {HR: "Respiratory Quotient"}
    return read_series(icu)


@case(
    KIND,
    "the same with the switch `item_labels=left_out`",
    "dropped",
    "item not used: its label is not the expected one",
)
def left_out(folder: Path) -> Seen:
    seen = read_series(made_up(folder, "Urea Nitrogen"), "--switch", "item_labels=left_out")
    assert seen.dropped["item of no variable"] == 1
    return seen


@case(
    KIND,
    "the same in the profile `faithful`, which believes numbers",
    "noted",
    "item believed: its label is not the expected one",
)
def believed(folder: Path) -> Seen:
    return read_series(made_up(folder, "Urea Nitrogen"), "--profile", "faithful")


@case(KIND, "an item that `d_labitems` lacks", "noted", "item that the dictionary lacks")
def not_in_the_dictionary(folder: Path) -> Seen:
    return read_series(made_up(folder, None))


@case(
    KIND,
    "labels in other case and spacing, or with a normal range in parentheses",
    "read",
    "as the same item",
)
def spelled_otherwise(folder: Path) -> Seen:
    icu = made_up(folder, " GLUCOSE")
    icu.labels |= {225664: "Glucose finger stick (range 70-100)"}
    seen = read_series(icu)
    assert "item not used: its label is not the expected one" not in seen.dropped
    return seen


@case(
    KIND,
    "diagnoses whose codes lost a leading zero or stand under the other ICD version",
    "noted",
    "code that d_icd_diagnoses lacks",
)
def unknown_codes(folder: Path) -> Seen:
    times = {name: at(0) for name in ("admittime", "dischtime")}
    stay = pl.DataFrame([{"subject_id": 1, "hadm_id": 11, "in_hospital_mortality": 0} | times])
    codes = pl.DataFrame({"icd_code": ["0389", "4019"], "icd_version": [9, 9]})
    given = {"hadm_id": [11] * 3, "icd_code": ["389", "4019", "4019"], "icd_version": [9, 9, 10]}
    ledger = Ledger("mimic-cohort")
    add_outcomes(stay, stay, pl.DataFrame(given), ledger, codes=codes)
    noted = {entry.reason: entry.rows_after for entry in ledger.entries}
    assert noted["code that d_icd_diagnoses lacks"] == 2
    return Seen(noted={reason: rows for reason, rows in noted.items() if rows})
