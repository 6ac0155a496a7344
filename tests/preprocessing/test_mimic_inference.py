"""Numbers or texts: what the reference's reading of a patient's file makes of values (2.4.3)."""

import io
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from preprocessing.datasets.mimic.series import inference
from preprocessing.datasets.mimic.series.inference import Reading
from tests.preprocessing.made_up_icu import (
    BLOOD_GLUCOSE,
    CHARTS,
    EYE,
    HR,
    MBP,
    NOT_MAPPED,
    NOT_READY,
    RR,
    STAY,
    MadeUpICU,
)
from tests.preprocessing.reference_model import NULLS, as_read, as_written

COLUMNS = ("subject_id", "hadm_id", "stay_id", "charttime", "itemid", "value", "valueuom")
TIES = ["9", "24", "100"]

pytestmark = pytest.mark.filterwarnings("ignore:Columns")


@pytest.fixture
def icu(tmp_path: Path) -> MadeUpICU:
    """Three rates and three pressures at one time; nothing but numbers."""
    icu = MadeUpICU(tmp_path)
    for text in TIES:
        icu.chart(5.5, RR, text).chart(5.5, MBP, text).chart(5.5, HR, text)
    return icu


def maxima(icu: MadeUpICU, **switches: str) -> list[float]:
    result = icu.run("faithful", **switches)
    names = ("Respiratory rate", "Mean blood pressure", "Heart Rate")
    return [result.value(name, 5) for name in names]


def test_a_patient_with_numbers_alone_has_numeric_maxima(icu: MadeUpICU) -> None:
    assert maxima(icu) == [100, 100, 100]
    assert maxima(icu, value_types="text") == [9, 9, 9]


@pytest.mark.parametrize("text", ["None", "Spontaneously", "NAN", "___"])
def test_one_text_makes_all_values_texts(icu: MadeUpICU, text: str) -> None:
    icu.chart(70, EYE, text)
    assert maxima(icu) == [9, 9, 9]


@pytest.mark.parametrize("text", ["", "NA", "nan", "n/a", "1e2", " 7", "-inf"])
def test_numbers_and_missing_values_are_no_text(icu: MadeUpICU, text: str) -> None:
    icu.chart(70, NOT_READY, text)
    assert maxima(icu) == [100, 100, 100]


def test_only_rows_in_the_file_count(icu: MadeUpICU) -> None:
    """Those of mapped items and of kept stays; the text of another patient is in another file."""
    icu.chart(6, NOT_MAPPED, "Text").chart(6, NOT_READY, "Text", hadm_id=99)
    icu.chart(6, NOT_READY, "Text", hadm_id="").chart(6, NOT_READY, "Text", subject_id=2)
    icu.chart(6, NOT_READY, "Text", stay_id=112)
    assert maxima(icu) == [100, 100, 100]
    icu.chart(6, NOT_READY, "Text")
    assert maxima(icu) == [9, 9, 9]


def test_glucose_of_a_file_of_numbers_needs_no_digits(icu: MadeUpICU) -> None:
    icu.lab(7.5, BLOOD_GLUCOSE, "1e2").lab(8.5, BLOOD_GLUCOSE, "-5")
    result = icu.run("faithful")
    assert [result.value("Glucose", hour) for hour in (7, 8)] == [100, -5]
    assert icu.run("faithful", value_types="text").observed("Glucose") == []
    assert icu.run("corrected", value_types="by_file").observed("Glucose") == [7]


def test_a_text_of_another_chunk_beats_numbers(
    icu: MadeUpICU, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "ROWS_OF_A_CHUNK", 9)
    icu.chart(5.5, RR, "30").chart(6, EYE, "None")
    assert maxima(icu) == [30, 100, 100]


def test_what_was_once_read_as_a_number_is_written_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows to a chunk: of the file 88, 1e2 | None; of its valid rows 1e2, None."""
    monkeypatch.setattr(inference, "ROWS_OF_A_CHUNK", 2)
    icu = MadeUpICU(tmp_path).chart(5, HR, "88", hadm_id=99).chart(5.5, 225664, "1e2")
    icu.chart(6.5, EYE, "None")
    assert icu.run("faithful").value("Glucose", 5) == 100
    icu.charts[0]["value"] = "Text"
    assert icu.run("faithful").observed("Glucose") == []


# Against pandas itself.


def text_of(rows: Sequence[dict]) -> io.StringIO:
    """A patient's file."""
    lines = [",".join(f'"{row.get(name, "")}"' for name in COLUMNS) for row in rows]
    return io.StringIO("\n".join([",".join(COLUMNS), *lines]) + "\n")


def values_of(values: Sequence[str]) -> list[dict]:
    return [{"subject_id": 1, "itemid": HR, "value": value} for value in values]


WORDS = [
    *(" 110", "110 ", "+5", "-5", "5.", ".5", ".", "1e2", "1e", "1e+", "1e-3", "1E5", "099"),
    *("inf", "Inf", "-inf", "+inf", "infinity", "-Infinity", "INF", " inf", "in", "1_000", "0x10"),
    *("1d5", "NaN ", "NAN", "1,5", "- 5", "5 5", "\t7", "1.2.3", "--", "___", "+", "1e5.5", "5f"),
    *(">500", "NEG", "None", "120/80", "Obeys Commands", "h", "O", "i", *sorted(NULLS)),
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_a_number_where_it_is_one_to_pandas(word: str) -> None:
    pandas = pytest.importorskip("pandas")
    column = pandas.read_csv(
        text_of(values_of(["7", word])), keep_default_na=False, na_values=sorted(NULLS)
    )["value"]
    reading = Reading()
    reading.add(pl.DataFrame({"subject_id": [1, 1], "value": ["7", word or None]}))
    assert bool(reading.numeric()) == (column.dtype != object)


@pytest.mark.parametrize("text_at", [0, 131_071, 131_072, 262_143, None])
def test_chunks_are_those_of_pandas(text_at: int | None) -> None:
    pandas = pytest.importorskip("pandas")
    values = ["80"] * 262_200
    if text_at is not None:
        values[text_at] = "Text"
    column = pandas.read_csv(
        text_of(values_of(values)), keep_default_na=False, na_values=sorted(NULLS)
    )["value"]
    reading = Reading()
    frame = pl.DataFrame({"subject_id": 1, "value": values})
    chunks = [reading.add(part) for part in frame.iter_slices(100_000)]
    found = {chunk for _, chunk in reading.numeric()}
    numeric = [chunk in found for chunk in pl.concat(chunks)]
    assert numeric == [not isinstance(value, str) for value in column]
    assert numeric == [not isinstance(value, str) for value in as_read(values, 131_072)]


def test_a_file_of_two_chunks_as_pandas_reads_sorts_and_keeps(tmp_path: Path) -> None:
    """Rates at one time, some in a chunk of numbers, some in one with a text, one of two files."""
    pandas = pytest.importorskip("pandas")
    rng = random.Random(0)
    icu = MadeUpICU(tmp_path)
    for number in range(132_000):
        ids = {"hadm_id": 99} if number < 400 else {}
        # The text is in the second chunk of all rows, and of the valid ones.
        text = "Text" if number == 131_900 else rng.choice(["9", "24", "99.5", "100"])
        item = RR if number < 5_000 or number > 131_072 else NOT_READY
        icu.chart(rng.randrange(400) / 10, NOT_READY if text == "Text" else item, text, **ids)
    result = icu.run("faithful")
    options = {"keep_default_na": False, "na_values": sorted(NULLS), "parse_dates": ["charttime"]}
    written = pandas.read_csv(text_of(icu.charts), **options)
    valid = written[written["hadm_id"] == STAY[1]]
    events = pandas.read_csv(io.StringIO(valid.to_csv(index=False)), **options)
    events = events[events["itemid"] == RR]
    assert set(map(type, events["value"])) == {float, str}
    events = events.sort_values(["charttime", "itemid", "value"])
    last = events.drop_duplicates("charttime", keep="last").sort_values("charttime")
    hours = (last["charttime"] - pandas.Timestamp(2150, 1, 1)).dt.total_seconds() / 3600
    expected = dict(zip((hours - 1e-6).astype(int), last["value"].astype(float), strict=True))
    assert {hour: result.value("Respiratory rate", hour) for hour in expected} == {
        hour: np.float32(value) for hour, value in expected.items()
    }
    assert result.observed("Respiratory rate") == sorted(expected)
    assert len(set(expected.values())) > 1
    assert result.dropped(CHARTS, "another value of that time kept") > 0


def test_the_model_reads_and_writes_as_pandas_does() -> None:
    pandas = pytest.importorskip("pandas")
    values = ["7.5", "1e2", " 8", "", "NA", "099", "24"]
    options = {"keep_default_na": False, "na_values": sorted(NULLS)}
    column = pandas.read_csv(text_of(values_of(values)), **options)["value"]
    again = pandas.read_csv(io.StringIO(column.to_csv(index=False)), dtype=str, **options)["value"]
    expected = [None if pandas.isna(value) else value for value in again]
    assert as_written(as_read(values, 131_072)) == expected
