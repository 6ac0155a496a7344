"""Made-up rows for the rules of the reference that the demo does not reach, and for each switch."""

import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from preprocessing.errors import ConfigError, DataContractError
from preprocessing.mimic import variables
from preprocessing.mimic.switches import FAITHFUL
from tests.preprocessing.made_up_icu import MadeUpICU, Stay, at
from tests.preprocessing.reference_model import ModelStay, Row, episodes, hourly

HR, RR, MBP, SBP, DBP = 220045, 220210, 220052, 220050, 220051
FAHRENHEIT, CELSIUS, FIO2, SPO2 = 223761, 223762, 223835, 220277
EYE, VERBAL, MOTOR = 220739, 223900, 223901
BLOOD_GLUCOSE, URINE_GLUCOSE, BLOOD_PH, URINE_PH, OTHER_PH = 50931, 51478, 50820, 51491, 50831
INCHES, CM, KG, POUNDS = 226707, 226730, 226512, 226531
CAREVUE_REFILL, REFILL_RIGHT, REFILL_LEFT = 3348, 223951, 224308
GCS = "Glascow coma scale"
EVENT = ("charttime", "itemid", "value")
CHARTS, LABS = "icu/chartevents", "hosp/labevents"


@pytest.fixture
def icu(tmp_path: Path) -> MadeUpICU:
    return MadeUpICU(tmp_path)


# The reference, rule by rule.


def random_icu(root: Path, seed: int) -> MadeUpICU:
    """A few patients whose rows meet, collide and straddle every boundary."""
    rng = random.Random(seed)
    icu = MadeUpICU(root, stays=[])
    for subject in range(1, 9):
        begin = 0.0
        for stay in range(rng.choice([1, 1, 2, 3])):
            number = 10 * subject + stay
            hours = rng.choice([20, 48, 49.5, 72])
            icu.stays.append(Stay(subject, 1000 + number, 2000 + number, begin, hours))
            # Some stays overlap, as some admissions in MIMIC do (mimic-code#1520).
            begin += rng.choice([hours + 10, hours / 2])
    ready = variables.items(FAITHFUL)
    rules = dict(variables.rules().select("variable", "rule").iter_rows())
    categories = variables.categories(FAITHFUL).select("variable", "text").rows_by_key("variable")
    texts = {
        "systolic": ["120", "120/80", "99.5", " 101 ", "1e2", "-5"],
        "diastolic": ["80", "120/80", "8"],
        "fraction": ["40", "0.4", "100", "1"],
        "temperature": ["36.6", "78.9", "79", "98.6", "97.9"],
        "height": ["70", "178"],
        "weight": ["80", "176.5"],
        "text": ["9", "24", "99", "100", "99.0", "8.5", "NaN", "nan"],
        "decimal": ["7.4", "7.", ".5", ">500", "NEG", "1e2", "-5", " 110", "150"],
        "saturation": ["97", "0.97", "1", "ERROR"],
    }
    nulls = ["", "NA", "n/a", "null", "#N/A"]
    for _ in range(1500):
        stay = rng.choice(icu.stays)
        item, variable = rng.choice(ready.select("itemid", "variable").rows())
        values = texts.get(rules[variable]) or [text for (text,) in categories[variable]]
        value = rng.choice(nulls if rng.random() < 0.1 else values)
        minute = rng.choice([0, 1, 30, 59]) * 60 + rng.choice([0, 0, 1])
        hours = stay.begin + rng.choice([-30, -1, 0, 1, 2, 3, 46, 47, 48, 60]) + minute / 3600
        ids = {"subject_id": stay.subject_id, "hadm_id": stay.hadm_id}
        if rng.random() < 0.1:
            ids["hadm_id"] = rng.choice(["", 1000 + 10 * rng.randrange(1, 9)])
        if item > 200_000 or item < 50_000:
            others = [s.stay_id for s in icu.stays if s.subject_id == stay.subject_id]
            other = rng.choice(["", *others]) if rng.random() < 0.1 else stay.stay_id
            icu.chart(hours, item, value, stay_id=other, **ids)
        else:
            icu.lab(hours, item, value, **ids)
    return icu


@pytest.mark.parametrize("seed", range(6))
def test_faithful_equals_the_model_on_made_up_rows(tmp_path: Path, seed: int) -> None:
    icu = random_icu(tmp_path, seed)
    items = dict(variables.items(FAITHFUL).select("itemid", "variable").iter_rows())
    stays = [
        ModelStay(s.subject_id, s.hadm_id, s.stay_id, at(s.begin), at(s.begin + s.hours))
        for s in icu.stays
    ]
    rows = [
        Row(r["subject_id"], r["hadm_id"] or None, r.get("stay_id") or None, *map(r.get, EVENT))
        for r in [*icu.charts, *icu.labs]
    ]
    result = icu.run("faithful", parts=2)
    for stay_id, episode in episodes(rows, stays, items).items():
        cells = hourly(episode)
        expected_values, expected_observed = np.zeros((48, 59)), np.zeros((48, 17))
        for (hour, variable), value in cells.items():
            is_number = variable in variables.value_names()
            name = variable if is_number else f"{variable}->{value}"
            place = variables.value_names().index(name)
            expected_values[hour, place] = value if is_number else 1
            expected_observed[hour, variables.variable_names().index(variable)] = 1
        hours = next(s.hours for s in icu.stays if s.stay_id == stay_id)
        is_written = stay_id in result.frame["stay_id"]
        assert is_written == (hours >= 48 and bool(cells))
        if is_written:
            assert (result.array(stay_id, "values", 59) == expected_values.astype("f4")).all()
            assert (result.array(stay_id, "observed", 17) == expected_observed).all()


@pytest.mark.parametrize("seconds", [-1, 0, 1, 3599, 3600, 3601, 48 * 3600 - 1, 48 * 3600])
def test_hour_of_each_second_near_a_boundary(icu: MadeUpICU, seconds: int) -> None:
    """Closed: (k, k+1] with 0.0 in hour 0 and 48.0 in hour 47 (2.5, 2.6). Half open: [k, k+1)."""
    icu.chart(10, SPO2, "97").chart(seconds / 3600, HR, "80")
    closed = [] if seconds < 0 else [max(seconds - 1, 0) // 3600]
    assert icu.run("faithful").observed("Heart Rate") == closed
    half_open = [seconds // 3600] if 0 <= seconds < 48 * 3600 else []
    assert icu.run("corrected").observed("Heart Rate") == half_open
    assert icu.run("faithful", boundary="half_open").observed("Heart Rate") == half_open


def test_one_second_past_48_hours_is_out(icu: MadeUpICU) -> None:
    icu.chart(1, HR, "80").chart(48 + 1 / 3600, HR, "90")
    result = icu.run("faithful")
    assert result.observed("Heart Rate") == [0]
    assert result.dropped("rows of stays", "after hour 48") == 1


def test_los_of_exactly_two_days_stays(tmp_path: Path) -> None:
    """2.5: the margin is below a second; los is the column's, not the times'."""
    stays = [
        Stay(1, 11, 111, hours=48, los_hours=48 - 5e-7),
        Stay(2, 12, 112, hours=48, los_hours=48 - 2e-6),
    ]
    icu = MadeUpICU(tmp_path, stays=stays)
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    result = icu.run("faithful")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "shorter than 48 h") == 1


def test_last_value_of_the_hour_counts(icu: MadeUpICU) -> None:
    icu.chart(3.9, HR, "70").chart(3.1, HR, "90").chart(3.5, HR, "80")
    assert icu.run("faithful").value("Heart Rate", 3) == 70


def test_stay_without_a_row_is_left_out_and_counted(tmp_path: Path) -> None:
    """Q12: the reference dies of a patient without events."""
    icu = MadeUpICU(tmp_path, stays=[Stay(), Stay(2, 12, 112)])
    result = icu.chart(1, HR, "80").run("faithful")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "nothing observed in the first 48 h") == 1


def test_no_stay_at_all_gives_an_empty_part(tmp_path: Path) -> None:
    icu = MadeUpICU(tmp_path, stays=[Stay(hours=20)])
    result = icu.chart(1, HR, "80").run("corrected", parts=2)
    assert result.frame.height == result.facts["rows"] == 0
    assert result.frame.width == 6


def test_rows_of_other_stays_are_shared_only_by_the_reference(tmp_path: Path) -> None:
    """2.4.7: an event of another admission that falls into the window is added."""
    icu = MadeUpICU(tmp_path, stays=[Stay(1, 11, 111, 0), Stay(1, 12, 112, 10)])
    icu.chart(20.5, HR, "80").chart(21.5, SPO2, "97", hadm_id=12, stay_id=112)
    shared = icu.run("faithful")
    assert shared.observed("Heart Rate", 111) == [20]
    assert shared.observed("Heart Rate", 112) == [10]
    assert shared.observed("Oxygen saturation", 111) == [21]
    own = icu.run("corrected")
    assert own.observed("Oxygen saturation", 111) == []
    assert own.observed("Oxygen saturation", 112) == [11]
    assert own.observed("Heart Rate", 112) == []


def test_labs_of_the_admission_hours_before_the_stay_are_no_rows(icu: MadeUpICU) -> None:
    icu.lab(-5, BLOOD_GLUCOSE, "100").lab(5, BLOOD_GLUCOSE, "120")
    result = icu.run("faithful")
    assert result.observed("Glucose") == [4]
    # Outside of intime..outtime a row counts by its stay, but its hour is out of the window.
    assert result.dropped("rows of stays", "before hour 0") == 1


def test_labs_without_hadm_id(icu: MadeUpICU) -> None:
    icu.lab(5.5, BLOOD_GLUCOSE, "100", hadm_id="").lab(7.5, BLOOD_GLUCOSE, "120")
    icu.lab(9.5, BLOOD_GLUCOSE, "130", hadm_id=99).lab(60, BLOOD_GLUCOSE, "140")
    faithful = icu.run("faithful")
    assert faithful.observed("Glucose") == [7]
    assert faithful.dropped(LABS, "no admission given") == 1
    assert faithful.dropped(LABS, "admission not in the cohort") == 1
    corrected = icu.run("corrected")
    assert corrected.observed("Glucose") == [5, 7, 9]
    assert corrected.dropped(LABS, "outside of the first 48 hours") == 1
    assert icu.run("faithful", lab_link="subject_and_time").observed("Glucose") == [5, 7, 9]


def test_chart_rows_need_the_stay_of_their_admission(icu: MadeUpICU) -> None:
    """2.3: no recovery of hadm_id; a missing stay_id is taken from it; another one drops."""
    icu.chart(1.5, HR, "80").chart(2.5, HR, "81", stay_id="")
    icu.chart(3.5, HR, "82", hadm_id="").chart(4.5, HR, "83", stay_id=999)
    result = icu.run("faithful")
    assert result.observed("Heart Rate") == [1, 2]
    assert result.dropped(CHARTS, "no admission given") == 1
    assert result.dropped(CHARTS, "another stay of the admission") == 1


def test_horizon_wants_values_that_could_be_read_in_time(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80", storetime=at(2)).chart(47.5, HR, "81", storetime=at(49))
    icu.chart(5.5, HR, "82").lab(6.5, BLOOD_GLUCOSE, "100", storetime=at(48))
    assert icu.run("corrected").observed("Heart Rate") == [1, 5, 47]
    result = icu.run("corrected", horizon="storetime")
    assert result.observed("Heart Rate") == [1]
    assert result.observed("Glucose") == [6]
    assert result.dropped(CHARTS, "not stored by hour 48") == 2
    with pytest.raises(ConfigError, match="horizon"):
        icu.run("faithful", horizon="storetime")


def test_early_deaths(tmp_path: Path) -> None:
    stays = [Stay(), Stay(2, 12, 112, died=1)]
    icu = MadeUpICU(tmp_path, stays=stays, deaths={12: at(47)})
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    assert icu.run("faithful").frame.height == 2
    result = icu.run("corrected")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "died before hour 48") == 1


def test_stays_without_a_diagnosis(tmp_path: Path) -> None:
    """2.4.9: the reference's label file is then empty."""
    icu = MadeUpICU(tmp_path, stays=[Stay(), Stay(2, 12, 112)], diagnosed=[12])
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    result = icu.run("faithful")
    assert result.frame["stay_id"].to_list() == [112]
    assert result.dropped("cohort", "no billed diagnosis") == 1
    assert icu.run("corrected").frame.height == 2


# One value: what faithful and corrected make of it; None = not observed.

ONE_VALUE = {
    # 2.4.4, Q3: the guess at 79 degrees.
    "98.6 F": ("Temperature", FAHRENHEIT, "98.6", (98.6 - 32) * 5.0 / 9.0, (98.6 - 32) * 5.0 / 9.0),
    "78.9 F": ("Temperature", FAHRENHEIT, "78.9", 78.9, (78.9 - 32) * 5.0 / 9.0),
    "36.6 C": ("Temperature", CELSIUS, "36.6", 36.6, 36.6),
    "98.6 C": ("Temperature", CELSIUS, "98.6", 37.0, None),
    # Q4.
    "FiO2 0.4": ("Fraction inspired oxygen", FIO2, "0.4", 0.004, 0.4),
    "FiO2 40": ("Fraction inspired oxygen", FIO2, "40", 0.4, 0.4),
    "FiO2 100": ("Fraction inspired oxygen", FIO2, "100", 1.0, 1.0),
    "FiO2 1": ("Fraction inspired oxygen", FIO2, "1", 0.01, 1.0),
    # Q9.
    "inches": ("Height", INCHES, "70", 70, 177.8),
    "cm": ("Height", CM, "178", 178, 178),
    "pounds": ("Weight", POUNDS, "200", 200 * 0.453592, 200 * 0.453592),
    "kg": ("Weight", KG, "80", 80, 80),
    # Q6.
    "urine pH": ("pH", URINE_PH, "6.5", 6.5, None),
    "other fluid pH": ("pH", OTHER_PH, "7", 7, None),
    "blood pH": ("pH", BLOOD_PH, "7.21", 7.21, 7.21),
    "urine glucose": ("Glucose", URINE_GLUCOSE, "1000", 1000, None),
    # Digits or nothing.
    "glucose >500": ("Glucose", BLOOD_GLUCOSE, ">500", None, None),
    "glucose NEG": ("Glucose", BLOOD_GLUCOSE, "NEG", None, None),
    "glucose 1e2": ("Glucose", BLOOD_GLUCOSE, "1e2", None, 100),
    "glucose blank": ("Glucose", BLOOD_GLUCOSE, " 110", None, 110),
    "glucose -5": ("Glucose", BLOOD_GLUCOSE, "-5", None, None),
    "glucose sentinel": ("Glucose", BLOOD_GLUCOSE, "999999", 999999, None),
    "pH .5": ("pH", BLOOD_PH, ".5", 0.5, None),
    "pH 7.": ("pH", BLOOD_PH, "7.", 7, 7),
    "saturation 0.97": ("Oxygen saturation", SPO2, "0.97", 97, None),
    "saturation 97": ("Oxygen saturation", SPO2, "97", 97, 97),
    # Pressures under one item.
    "systolic of two": ("Systolic blood pressure", SBP, "120/80", 120, 120),
    "diastolic of two": ("Diastolic blood pressure", DBP, "120/80", 80, 80),
    # Q7: the reference stops, without a word.
    "pressure ERROR": ("Diastolic blood pressure", DBP, "ERROR", None, None),
    "pressure 120/": ("Systolic blood pressure", SBP, "120/", None, None),
    "heart rate abc": ("Heart Rate", HR, "abc", None, None),
    "heart rate 1e7": ("Heart Rate", HR, "10000000", 1e7, None),
    # 2.4.1, Q8.
    "NA": ("Heart Rate", HR, "NA", None, None),
    "infinity": ("Heart Rate", HR, "inf", np.inf, None),
}


@pytest.mark.parametrize("case", ONE_VALUE)
def test_one_value(icu: MadeUpICU, case: str) -> None:
    name, item, text, faithful, corrected = ONE_VALUE[case]
    (icu.lab if 50_000 < item < 60_000 else icu.chart)(5.5, item, text)
    icu.chart(1.5, HR if name != "Heart Rate" else SPO2, "80")
    for profile, expected in (("faithful", faithful), ("corrected", corrected)):
        result = icu.run(profile)
        assert result.observed(name) == ([] if expected is None else [5]), profile
        assert result.value(name, 5) == np.float32(0 if expected is None else expected), profile
        lost = sum(e["rows_before"] - e["rows_after"] for e in result.ledger)
        assert lost == (expected is None), profile


@pytest.mark.parametrize(
    ("switch", "value", "case"),
    [
        ("temperature", "guess", "78.9 F"),
        ("fio2", "always_percent", "FiO2 1"),
        ("height", "stored", "inches"),
        ("fluids", "any", "urine pH"),
        ("numbers", "digits", "glucose 1e2"),
        ("valid_ranges", "none", "glucose sentinel"),
        ("saturation", "guess", "saturation 0.97"),
    ],
)
def test_each_switch_alone_turns_its_value(
    icu: MadeUpICU, switch: str, value: str, case: str
) -> None:
    name, item, text, faithful, _ = ONE_VALUE[case]
    (icu.lab if item < 60_000 else icu.chart)(5.5, item, text)
    icu.chart(1.5, HR, "80")
    result = icu.run("corrected", **{"valid_ranges": "none", switch: value})
    assert result.value(name, 5) == np.float32(faithful or 0)


def test_out_of_range_values_are_counted_by_variable(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, HR, "10000000").chart(3.5, SBP, "-1")
    result = icu.run("corrected")
    assert result.dropped(CHARTS, "Heart Rate: outside of the valid range") == 1
    assert result.dropped(CHARTS, "Systolic blood pressure: outside of the valid range") == 1


def test_texts_at_which_the_reference_stops_are_counted(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, DBP, "ERROR").chart(3.5, EYE, "Winking")
    result = icu.run("faithful")
    assert result.dropped(CHARTS, "Diastolic blood pressure: not a number") == 1
    assert result.dropped(CHARTS, f"{GCS} eye opening: unknown category") == 1


def test_none_is_a_category_and_no_missing_value(icu: MadeUpICU) -> None:
    """Q8: pandas 2 reads it as missing."""
    icu.chart(1.5, EYE, "None")
    assert icu.run("faithful").category(f"{GCS} eye opening", 1) == "None"
    assert icu.run("corrected").category(f"{GCS} eye opening", 1) == "1 No Response"


@pytest.mark.parametrize(
    ("item", "part", "text", "merged"),
    [
        (EYE, "eye opening", "To Pain", "2 To pain"),
        (VERBAL, "verbal response", "No Response", "1 No Response"),
        (VERBAL, "verbal response", "No Response-ETT", "1.0 ET/Trach"),
        (MOTOR, "motor response", "Localizes Pain", "5 Localizes Pain"),
    ],
)
def test_texts_of_one_score_are_one_category(
    icu: MadeUpICU, item: int, part: str, text: str, merged: str
) -> None:
    icu.chart(1.5, item, text)
    assert icu.run("faithful").category(f"{GCS} {part}", 1) == text
    assert icu.run("corrected").category(f"{GCS} {part}", 1) == merged
    verbatim = icu.run("corrected", gcs_categories="verbatim")
    assert verbatim.category(f"{GCS} {part}", 1) == text


@pytest.mark.parametrize(
    ("verbal", "intubated", "total"),
    [
        ("Confused", "one", "13"),
        ("No Response", "normal", "10"),
        ("No Response-ETT", "one", "10"),
        ("No Response-ETT", "missing", None),
        ("No Response-ETT", "normal", "15"),
    ],
)
def test_coma_total_is_summed(
    icu: MadeUpICU, verbal: str, intubated: str, total: str | None
) -> None:
    icu.chart(1.5, EYE, "To Speech").chart(1.5, MOTOR, "Obeys Commands").chart(1.5, VERBAL, verbal)
    result = icu.run("corrected", gcs_intubated=intubated)
    assert result.category(f"{GCS} total", 1) == total
    assert result.observed(f"{GCS} total") == ([1] if total else [])
    assert icu.run("faithful").observed(f"{GCS} total") == []


def test_coma_total_needs_all_parts_at_one_time(icu: MadeUpICU) -> None:
    icu.chart(1.5, EYE, "To Speech").chart(1.5, MOTOR, "Obeys Commands")
    icu.chart(1.6, VERBAL, "Confused")
    assert icu.run("corrected").observed(f"{GCS} total") == []


def test_carevue_total_and_refill_are_read_by_the_reference(icu: MadeUpICU) -> None:
    icu.chart(1.5, 198, "15").chart(2.5, CAREVUE_REFILL, "Brisk")
    icu.chart(3.5, CAREVUE_REFILL, "Delayed").chart(4.5, CAREVUE_REFILL, "Other")
    result = icu.run("faithful")
    assert result.category(f"{GCS} total", 1) == "15"
    assert result.category("Capillary refill rate", 2) == "0.0"
    assert result.category("Capillary refill rate", 3) == "1.0"
    assert result.observed("Capillary refill rate") == [2, 3]


def test_refill_is_mapped_only_if_d_items_says_so(icu: MadeUpICU) -> None:
    icu.chart(1.5, REFILL_RIGHT, "Abnormal >3 Seconds").chart(2.5, REFILL_LEFT, "Brisk")
    result = icu.run("corrected")
    assert result.frame.is_empty()
    notes = [e["rows_after"] for e in result.ledger if e["table"] == "icu/d_items"]
    assert notes == [2]
    icu.labels = {REFILL_RIGHT: "Capillary Refill R", REFILL_LEFT: "Something else"}
    result = icu.run("corrected")
    assert result.category("Capillary refill rate", 1) == "1.0"
    assert result.observed("Capillary refill rate") == [1]
    assert icu.run("faithful").frame.is_empty()


def test_missing_values_of_pandas(icu: MadeUpICU) -> None:
    """Texts that only look missing are no numbers either, but are counted as such."""
    icu.chart(1.5, HR, "80").chart(2.5, HR, "n/a").chart(3.5, HR, "")
    assert icu.run("faithful").dropped(CHARTS, "no value") == 2
    result = icu.run("corrected")
    assert result.dropped(CHARTS, "no value") == 1
    assert result.dropped(CHARTS, "Heart Rate: not a number") == 1


# Several values at one time.


@pytest.mark.parametrize(
    ("rows", "text_maximum", "numeric_maximum", "preferred_item"),
    [
        # Hand check of stay 34499716: monitor, spontaneous, total.
        ([(220210, "24"), (224689, "8"), (224690, "26")], 8, 26, 24),
        ([(220210, "99"), (220210, "100")], 99, 100, 99),
        ([(220210, "12"), (220210, "30"), (220210, "14")], 30, 30, 14),
        ([(224689, "9"), (224690, "16")], 9, 16, 16),
    ],
)
def test_duplicates_of_a_text_variable(
    icu: MadeUpICU,
    rows: list[tuple[int, str]],
    text_maximum: float,
    numeric_maximum: float,
    preferred_item: float,
) -> None:
    for item, text in rows:
        icu.chart(1.5, item, text)
    for rule, expected in {
        "text_maximum": text_maximum,
        "numeric_maximum": numeric_maximum,
        "preferred_item": preferred_item,
    }.items():
        for profile in ("faithful", "corrected"):
            result = icu.run(profile, duplicates=rule)
            assert result.value("Respiratory rate", 1) == expected, (profile, rule)
            lost = result.dropped(CHARTS, "another value of that time kept")
            assert lost == len(rows) - 1
    icu.charts.reverse()
    assert icu.run("faithful").value("Respiratory rate", 1) == text_maximum
    assert icu.run("corrected").value("Respiratory rate", 1) == preferred_item


def test_duplicates_of_a_cleaned_variable_and_of_two_tables(icu: MadeUpICU) -> None:
    icu.chart(1.5, SBP, "99").chart(1.5, 220179, "100")
    icu.chart(2.5, 225664, "180").lab(2.5, BLOOD_GLUCOSE, "162")
    faithful, corrected = icu.run("faithful"), icu.run("corrected")
    assert faithful.value("Systolic blood pressure", 1) == 100
    assert faithful.value("Glucose", 2) == 180
    assert corrected.value("Systolic blood pressure", 1) == 99
    assert corrected.value("Glucose", 2) == 162
    assert faithful.dropped(LABS, "another value of that time kept") == 1
    assert corrected.dropped(CHARTS, "another value of that time kept") == 2


def test_duplicates_of_a_category(icu: MadeUpICU) -> None:
    """The reference takes the text that sorts last: 'To Speech' after 'Spontaneously'."""
    icu.chart(1.5, EYE, "Spontaneously").chart(1.5, EYE, "To Speech")
    assert icu.run("faithful").category(f"{GCS} eye opening", 1) == "To Speech"
    assert icu.run("corrected").category(f"{GCS} eye opening", 1) == "3 To speech"
    numeric = icu.run("corrected", duplicates="numeric_maximum")
    assert numeric.category(f"{GCS} eye opening", 1) == "4 Spontaneously"


# What is written.


def test_previous_imputation_starts_from_normal_values(icu: MadeUpICU) -> None:
    icu.chart(5.5, HR, "120").chart(9.5, HR, "90").chart(7.5, EYE, "None")
    result = icu.run("faithful", imputation="previous")
    rates = [result.value("Heart Rate", hour) for hour in (0, 4, 5, 8, 9, 47)]
    assert rates == [86, 86, 120, 120, 90, 90]
    eyes = [result.category(f"{GCS} eye opening", hour) for hour in (0, 6, 7, 47)]
    assert eyes == ["4 Spontaneously", "4 Spontaneously", "None", "None"]
    assert result.value("pH", 3) == np.float32(7.4)
    assert result.category(f"{GCS} total", 0) == "15"
    assert result.observed("Heart Rate") == [5, 9]


def test_statistics_are_of_the_training_split_alone(tmp_path: Path) -> None:
    stays = [Stay(), Stay(2, 12, 112, split="test"), Stay(3, 13, 113, split="valid")]
    icu = MadeUpICU(tmp_path, stays=stays)
    icu.chart(1.5, HR, "80").chart(2.5, HR, "100").chart(3.5, HR, "10000000")
    icu.chart(1.5, HR, "200", subject_id=2, hadm_id=12, stay_id=112)
    icu.chart(1.5, HR, "300", subject_id=3, hadm_id=13, stay_id=113)
    facts = icu.run("corrected", imputation="previous").facts
    place = facts["value_names"].index("Heart Rate")
    assert (facts["mean"][place], facts["std"][place]) == (90, 10)
    assert facts["switches"]["imputation"] == "previous"
    never = facts["value_names"].index("Height")
    assert (facts["mean"][never], facts["std"][never]) == (0, 1)


def test_order_of_rows_and_number_of_buckets_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    icu = random_icu(tmp_path, seed=7)
    expected = {profile: icu.run(profile) for profile in ("faithful", "corrected")}
    random.Random(1).shuffle(icu.charts)
    icu.labs.reverse()
    monkeypatch.setattr("preprocessing.mimic.series.stays.BUCKET_SUBJECTS", 2)
    monkeypatch.setattr("preprocessing.blocks.BLOCK", 4096)
    for profile, result in expected.items():
        again = icu.run(profile)
        assert again.frame.equals(result.frame)
        assert again.ledger == result.ledger
        assert again.facts["mean"] == pytest.approx(result.facts["mean"])


# Damaged and odd input (issue 3).


def test_a_charttime_a_year_off_is_counted(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, HR, "90")
    icu.charts[-1]["charttime"] = at(2.5) + timedelta(days=365)
    result = icu.run("corrected")
    assert result.dropped(CHARTS, "a year off") == 1
    assert icu.run("faithful").dropped("rows of stays", "after hour 48") == 1


def test_a_broken_charttime_is_refused_without_showing_it(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, HR, "90", charttime="soonish")
    with pytest.raises(DataContractError, match="1 times are not") as caught:
        icu.run("corrected")
    assert "soonish" not in str(caught.value)
    assert not (icu.root / "out" / "part-0.parquet").exists()


def test_a_row_of_too_many_fields_is_refused(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").write()
    path = icu.root / "icu" / "chartevents.csv"
    path.write_text(path.read_text() + "1,11,111,,2150-01-01 02:00:00,,220045,80,80,bpm,0,0\n")
    with pytest.raises(DataContractError, match=r"chartevents.csv, line 3"):
        icu.run("corrected", write=False)
