"""The rules of the cohort on made-up stays, in both profiles."""

from collections import Counter
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.datasets.mimic.cohort import cohort_of
from preprocessing.datasets.mimic.schemas import Cohort
from preprocessing.datasets.mimic.switches import CORRECTED, FAITHFUL, Switches, switches_of
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger

ADMIT, DISCHARGE = datetime(2150, 1, 1, 10), datetime(2150, 1, 10, 15)  # noqa: DTZ001
BEGIN, END = datetime(2150, 1, 2), datetime(2150, 1, 5, 12)  # noqa: DTZ001

STAY = {
    "subject_id": 1,
    "hadm_id": 11,
    "stay_id": 111,
    "first_careunit": "MICU",
    "last_careunit": "MICU",
    "intime": BEGIN,
    "outtime": END,
    "los": 3.5,
}
ADMISSION = {
    "subject_id": 1,
    "hadm_id": 11,
    "admittime": ADMIT,
    "dischtime": DISCHARGE,
    "deathtime": None,
    "hospital_expire_flag": 0,
}
PATIENT = {
    "subject_id": 1,
    "anchor_age": 60,
    "anchor_year": 2148,
    "anchor_year_group": "2011 - 2013",
    "dod": None,
}
TYPES = {
    **dict.fromkeys(("subject_id", "hadm_id", "stay_id"), pl.Int32),
    **dict.fromkeys(("admittime", "dischtime", "deathtime"), pl.Datetime("us")),
    **dict.fromkeys(("anchor_age", "anchor_year", "hospital_expire_flag"), pl.Int16),
    "dod": pl.Date,
}


def frame(rows: list[dict]) -> pl.DataFrame:
    table = pl.DataFrame(rows, infer_schema_length=None)
    return table.cast({n: t for n, t in TYPES.items() if n in table.columns})


def cohort(
    switches: Switches,
    stays: list[dict] | None = None,
    admissions: list[dict] | None = None,
    patients: list[dict] | None = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The cohort of changed copies of `STAY`, `ADMISSION` and `PATIENT`, and what was dropped."""
    ledger = Ledger("mimic-cohort")
    found = cohort_of(
        frame([STAY | s for s in stays or [{}]]),
        frame([ADMISSION | a for a in admissions or [{}]]),
        frame([PATIENT | p for p in patients or [{}]]),
        switches,
        ledger,
    )
    dropped: Counter[str] = Counter()
    for entry in ledger.entries:
        dropped[entry.reason] += entry.rows_before - entry.rows_after
    return found, dropped


TRANSFERRED = {"stay_id": 112, "last_careunit": "SICU"}


def test_columns_are_those_of_the_contract() -> None:
    found, _ = cohort(CORRECTED)
    added = {"split", "readmission_30d", "phenotypes"}
    assert set(found.columns) | added == set(Cohort.to_schema().columns)


def test_a_transferred_stay_beside_another_of_its_admission() -> None:
    """2.1.3: counted after the transferred ones are gone, so the other survives."""
    found, _ = cohort(FAITHFUL, [{}, TRANSFERRED])
    assert found["stay_id"].to_list() == [111]
    found, dropped = cohort(CORRECTED, [{}, TRANSFERRED])
    assert found.is_empty()
    assert dropped["admission with several ICU stays"] == 2


@pytest.mark.parametrize("switches", [FAITHFUL, CORRECTED])
def test_two_whole_stays_of_an_admission_both_go(switches: Switches) -> None:
    found, dropped = cohort(switches, [{}, {"stay_id": 112}])
    assert found.is_empty()
    assert dropped["admission with several ICU stays"] == 2


@pytest.mark.parametrize("switches", [FAITHFUL, CORRECTED])
def test_stays_without_admission_or_patient(switches: Switches) -> None:
    stays = [{}, {"stay_id": 112, "hadm_id": 12}, {"stay_id": 113, "subject_id": 3, "hadm_id": 13}]
    found, dropped = cohort(switches, stays)
    assert found["stay_id"].to_list() == [111]
    assert dropped["no such admission or patient"] == 2


@pytest.mark.parametrize(
    ("anchor_age", "anchor_year", "anchor", "admission"),
    [(60, 2148, 60, 62), (17, 2148, None, 19), (18, 2152, 18, None), (91, 2150, 91, 91)],
)
def test_age(anchor_age: int, anchor_year: int, anchor: int, admission: int) -> None:
    patient = [{"anchor_age": anchor_age, "anchor_year": anchor_year}]
    for switches, expected in ((FAITHFUL, anchor), (CORRECTED, admission)):
        found, _ = cohort(switches, patients=patient)
        assert found["age"].to_list() == ([] if expected is None else [expected])


def test_unknown_age_is_dropped() -> None:
    assert cohort(CORRECTED, patients=[{"anchor_age": None}])[0].is_empty()


@pytest.mark.parametrize(
    ("dod", "deathtime", "flag", "by_dates"),
    [
        (None, None, 0, 0),
        # dod is read as midnight: the day of admission is before it, that of discharge within.
        (date(2150, 1, 1), None, 1, 0),
        (date(2150, 1, 2), None, 0, 1),
        (date(2150, 1, 10), None, 0, 1),
        (date(2150, 1, 11), None, 0, 0),
        (None, DISCHARGE, 1, 1),
        (None, ADMIT, 1, 1),
        # A death recorded after discharge counts only if dod rescues it.
        (None, datetime(2150, 1, 10, 16), 1, 0),  # noqa: DTZ001
        (date(2150, 1, 10), datetime(2150, 1, 10, 16), 1, 1),  # noqa: DTZ001
    ],
)
def test_label(dod: date | None, deathtime: datetime | None, flag: int, by_dates: int) -> None:
    admissions = [{"deathtime": deathtime, "hospital_expire_flag": flag}]
    found, _ = cohort(FAITHFUL, admissions=admissions, patients=[{"dod": dod}])
    assert found["in_hospital_mortality"].item() == by_dates
    found, _ = cohort(CORRECTED, admissions=admissions, patients=[{"dod": dod}])
    assert found["in_hospital_mortality"].item() == flag


def test_a_label_that_is_not_told_is_dropped_and_counted() -> None:
    found, dropped = cohort(CORRECTED, admissions=[{"hospital_expire_flag": None}])
    assert found.is_empty()
    assert dropped["hospital_expire_flag is empty"] == 1


def test_length_of_stay() -> None:
    assert cohort(FAITHFUL, [{"los": 2.25}])[0]["los_hours"].item() == 54
    assert cohort(CORRECTED, [{"los": 2.25}])[0]["los_hours"].item() == 84


def test_a_stay_that_ends_before_it_begins() -> None:
    stays = [{"intime": END, "outtime": BEGIN}]
    found, dropped = cohort(CORRECTED, stays)
    assert found.is_empty()
    assert dropped["outtime before intime"] == 1
    found, dropped = cohort(FAITHFUL, stays)
    assert found.height == 1
    assert "outtime before intime, kept" in dropped


@pytest.mark.parametrize("switches", [FAITHFUL, CORRECTED])
def test_a_stay_without_times(switches: Switches) -> None:
    found, dropped = cohort(switches, [{}, {"stay_id": 112, "hadm_id": 12, "outtime": None}])
    assert found["stay_id"].to_list() == [111]
    assert dropped["intime, outtime or length of stay missing"] == 1


def test_a_stay_listed_twice() -> None:
    """Word for word: two stays of one admission for the reference, one for us."""
    assert cohort(FAITHFUL, [{}, {}])[0].is_empty()
    found, dropped = cohort(CORRECTED, [{}, {}])
    assert found.height == 1
    assert dropped["row repeated word for word"] == 1


@pytest.mark.parametrize("switches", [FAITHFUL, CORRECTED])
def test_a_stay_id_with_two_meanings_is_refused(switches: Switches) -> None:
    with pytest.raises(DataContractError, match="1 of 2 rows repeat the stay_id"):
        cohort(switches, [{}, {"hadm_id": 12}])


@settings(max_examples=40, deadline=None)
@given(
    stays=st.lists(
        st.fixed_dictionaries(
            {
                "hadm_id": st.integers(11, 14),
                "last_careunit": st.sampled_from(["MICU", "SICU"]),
                "los": st.floats(0, 9),
            }
        ),
        min_size=1,
        max_size=8,
    ),
    selection=st.sampled_from(["transfers_first", "single_first"]),
)
def test_one_whole_stay_per_admission_whatever_the_order(stays: list[dict], selection: str) -> None:
    rows = [stay | {"stay_id": 100 + number} for number, stay in enumerate(stays)]
    admissions = [{"hadm_id": hadm} for hadm in range(11, 15)]
    switches = switches_of("corrected", {"selection": selection})
    found, dropped = cohort(switches, rows, admissions)
    assert found["hadm_id"].is_unique().all()
    assert found.height + sum(dropped.values()) == len(rows)
    by_stay = {row["stay_id"]: row for row in rows}
    assert all(by_stay[stay]["last_careunit"] == "MICU" for stay in found["stay_id"])
    shuffled, _ = cohort(switches, rows[::-1], admissions)
    assert shuffled.sort("stay_id").equals(found.sort("stay_id"))
