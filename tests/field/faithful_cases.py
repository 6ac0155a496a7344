"""Quirks of the reference that the profile `faithful` has and `corrected` has not."""

from pathlib import Path

import polars as pl

from preprocessing.datasets.mimic import variables
from tests.field.case import Seen, case
from tests.field.made_series import read_series
from tests.preprocessing.made_up_icu import BLOOD_GLUCOSE, EYE, RR, MadeUpICU

KIND = "Faithful extraction"


def made_up(folder: Path) -> MadeUpICU:
    """Respiratory rates of one time; nothing but numbers."""
    icu = MadeUpICU(folder)
    for text in ("9", "24", "100"):
        icu.chart(5.5, RR, text)
    return icu


def value(folder: Path, variable: str, hour: int) -> float:
    values = pl.read_parquet(folder / "series.parquet")["values"].to_numpy().reshape(48, 59)
    return float(values[hour, variables.value_names().index(variable)])


@case(
    KIND,
    "rates of 9, 24 and 100 at one time, of a patient with a text among the values",
    "read",
    "as the text that sorts last, 9; `corrected`: the middle one, 24",
)
def text_maximum(folder: Path) -> Seen:
    icu = made_up(folder).chart(60, EYE, "Spontaneously")
    seen = read_series(icu, "--profile", "faithful")
    assert value(folder, "Respiratory rate", 5) == 9
    read_series(icu)
    assert value(folder, "Respiratory rate", 5) == 24
    return seen


@case(
    KIND,
    "the same of a patient, or within 131,072 rows of one, with numbers alone",
    "read",
    "as the largest number, 100; `corrected`: the middle one, 24",
)
def numeric_maximum(folder: Path) -> Seen:
    icu = made_up(folder)
    seen = read_series(icu, "--profile", "faithful")
    assert value(folder, "Respiratory rate", 5) == 100
    read_series(icu)
    assert value(folder, "Respiratory rate", 5) == 24
    return seen


@case(
    KIND,
    "a glucose of 1e2, of a patient with a text among the values",
    "dropped",
    "Glucose: not a number",
)
def exponent_among_texts(folder: Path) -> Seen:
    icu = made_up(folder).chart(60, EYE, "None").lab(7.5, BLOOD_GLUCOSE, "1e2")
    return read_series(icu, "--profile", "faithful")


@case(KIND, "the same of a patient with numbers alone", "read", "as the number, 100")
def exponent_among_numbers(folder: Path) -> Seen:
    seen = read_series(made_up(folder).lab(7.5, BLOOD_GLUCOSE, "1e2"), "--profile", "faithful")
    assert value(folder, "Glucose", 7) == 100
    return seen
