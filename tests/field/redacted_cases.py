"""Values that de-identification hides, in the columns of events."""

from pathlib import Path

import polars as pl

from tests.field.case import Seen, case
from tests.field.made_series import read_series
from tests.preprocessing.made_up_icu import BLOOD_GLUCOSE, BLOOD_PH, HR, MadeUpICU

KIND = "Repeated, cut and redacted rows"


def made_up(folder: Path) -> MadeUpICU:
    """A heart rate; two values hidden as '___', one of which valuenum has."""
    icu = MadeUpICU(folder).chart(1.5, HR, "80")
    icu.lab(5.5, BLOOD_PH, "___", valuenum="7.21").lab(5.5, BLOOD_GLUCOSE, "___")
    return icu


def hours_with_a_ph(folder: Path) -> int:
    observed = pl.read_parquet(folder / "series.parquet")["observed"]
    return int(observed.to_numpy().reshape(48, 17)[:, 16].sum())


@case(
    KIND,
    "a laboratory value that is `___` in `value` and a number in `valuenum`",
    "noted",
    "redacted value taken from valuenum",
)
def number_in_valuenum(folder: Path) -> Seen:
    seen = read_series(made_up(folder))
    assert seen.noted["redacted value taken from valuenum"] == 1
    assert hours_with_a_ph(folder) == 1
    return seen


@case(
    KIND, "the same in the profile `faithful`, which reads `value`", "dropped", "pH: not a number"
)
def as_the_reference(folder: Path) -> Seen:
    seen = read_series(made_up(folder), "--profile", "faithful")
    assert hours_with_a_ph(folder) == 0
    return seen


@case(KIND, "a laboratory value that is `___` and nowhere else", "dropped", "Glucose: not a number")
def number_nowhere(folder: Path) -> Seen:
    return read_series(made_up(folder))
