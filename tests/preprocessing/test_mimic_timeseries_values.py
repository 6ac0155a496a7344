"""What becomes of a value: units, ranges, categories, duplicates, imputation, statistics."""

from pathlib import Path

import numpy as np
import pytest

from tests.preprocessing.made_up_icu import (
    BLOOD_GLUCOSE,
    BLOOD_PH,
    CAREVUE_REFILL,
    CELSIUS,
    CHARTS,
    CM,
    DBP,
    EYE,
    FAHRENHEIT,
    FIO2,
    GCS,
    HR,
    INCHES,
    KG,
    LABS,
    MOTOR,
    OTHER_PH,
    POUNDS,
    REFILL_LEFT,
    REFILL_RIGHT,
    SBP,
    SPO2,
    URINE_GLUCOSE,
    URINE_PH,
    VERBAL,
    MadeUpICU,
    Stay,
)
from tests.preprocessing.reference_model import NULLS


@pytest.fixture
def icu(tmp_path: Path) -> MadeUpICU:
    return MadeUpICU(tmp_path)


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
    (icu.lab if 50_000 < item < 60_000 else icu.chart)(5.5, item, text).chart(40.5, EYE, "None")
    icu.chart(1.5, HR if name != "Heart Rate" else SPO2, "80")
    for profile, expected in (("faithful", faithful), ("corrected", corrected)):
        result = icu.run(profile)
        assert result.observed(name) == ([] if expected is None else [5]), profile
        assert result.value(name, 5) == np.float32(0 if expected is None else expected), profile
        # Of nobody is the row that stands in tables without one.
        own = [e for e in result.ledger if e["reason"] != "patient not in the cohort"]
        lost = sum(e["rows_before"] - e["rows_after"] for e in own)
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
    icu.labels = {REFILL_RIGHT: None, REFILL_LEFT: None}
    result = icu.run("corrected")
    assert result.frame.is_empty()
    assert result.noted("icu/d_items", "item that the dictionary lacks") == 2
    icu.labels = {REFILL_LEFT: "Something else"}
    result = icu.run("corrected", item_labels="left_out")
    assert result.category("Capillary refill rate", 1) == "1.0"
    assert result.observed("Capillary refill rate") == [1]
    assert icu.run("faithful").frame.is_empty()


def test_missing_values_of_pandas(icu: MadeUpICU) -> None:
    """2.4.1. Texts that only look missing are no numbers either, but are counted as such."""
    icu.chart(1.5, HR, "80").chart(2.5, HR, "n/a").chart(3.5, HR, "")
    for minute, text in enumerate(sorted(NULLS - {"", "n/a"})):
        icu.chart(4 + minute / 60, 198, text)
    assert icu.run("faithful").dropped(CHARTS, "no value") == len(NULLS)
    icu.charts = icu.charts[:3]
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
    icu.chart(40.5, EYE, "None")
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
