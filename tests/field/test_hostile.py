"""Whatever stands in a cell or in a name, no step tells it: not in messages, logs or ledgers."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from lanistr.errors import LanistrError
from lanistr.inference.encode import grid
from lanistr.inference.rows import checked
from lanistr.modality import Modality
from preprocessing.errors import PipelineError
from tests.field.case import SECRET
from tests.field.loaders import LOADERS, Loader
from tests.field.mimic_root import MimicRoot

# In place of a cell; each has the secret or, where a number is read, its digits.
DIGITS = "7700779"
CELLS = (SECRET, f"{DIGITS}.5", f"{DIGITS}e9", f'={SECRET}("../{SECRET}")', f"/{SECRET}\n{SECRET}")


def hostile_tables(text: str) -> Iterator[str]:
    """A table with the secret in one column after the other, in names, and in no right place."""
    names, *rows = list(csv.reader(io.StringIO(text, newline="")))
    for place in range(len(names)):
        cell = CELLS[place % len(CELLS)]
        changed = [[*row[:place], cell, *row[place + 1 :]] for row in rows[:1]]
        yield _written([names, *changed, *rows[1:]])
    secrets = [f"{SECRET} {place}" for place in range(len(names))]
    for odd in (0, 1):
        mixed = [name if place % 2 == odd else secrets[place] for place, name in enumerate(names)]
        yield _written([mixed, *rows])
    yield _written([[*names[:-1], SECRET], *rows])
    yield _written([secrets, *rows])
    yield _written([names, *([secrets] * len(rows))])
    yield _written([names, [*rows[0], SECRET], *rows[1:]])
    yield _written([names, [SECRET], *rows[1:]])
    yield _written([names, *rows]) + f'"{SECRET}'
    yield f"{SECRET}\n{SECRET}\n"


def _written(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def hostile_lines(text: str) -> Iterator[str]:
    """Lines of JSON with the secret in one value after the other, in a key, and in no JSON."""
    first, rest = text.split("\n", 1)
    row = json.loads(first)
    values = (SECRET, {SECRET: [SECRET]}, int(DIGITS), [f"https://{SECRET}/a.jpg"])
    for place, key in enumerate(row):
        for value in (values[place % 4], values[(place + 1) % 4]):
            yield f"{json.dumps(row | {key: value})}\n{rest}"
    yield f"{json.dumps(row | {SECRET: SECRET})}\n{rest}"
    yield f"{{'asin': '{SECRET}'}}\n{rest}"
    yield f"{SECRET}\n" * 20


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
def test_no_cell_is_told(
    loader: Loader,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Errors that are not the steps' own, which print tracebacks, fail the test."""
    loader.write(tmp_path)
    refused = 0
    for path in (tmp_path / table for table in loader.tables):
        text = path.read_text(encoding="utf-8")
        make = hostile_lines if path.suffix == ".json" else hostile_tables
        for hostile in make(text):
            path.write_text(hostile, encoding="utf-8", newline="")
            try:
                message = loader.read(tmp_path)
            except (PipelineError, LanistrError) as error:
                message = str(error)
            refused += message is not None
            ledgers = [file.read_text() for file in tmp_path.glob("**/*.json") if _is_ledger(file)]
            told = "\n".join([message or "", caplog.text, *capfd.readouterr(), *ledgers])
            assert SECRET not in told and DIGITS not in told, (path.name, hostile[:300], told)
            caplog.clear()
        path.write_text(text, encoding="utf-8", newline="")
    assert refused > len(loader.tables)


def _is_ledger(path: Path) -> bool:
    return "entries" in path.read_text(encoding="utf-8")[:500]


@pytest.mark.parametrize("column", ["first_careunit", "stay_id", "intime"])
def test_types_are_told_without_their_values(tmp_path: Path, column: str) -> None:
    """An enumeration holds all values of its column, a structure their names."""
    root = MimicRoot(tmp_path).write(".csv")
    table = pl.read_csv(tmp_path / "mimic/icu/icustays.csv", infer_schema=False)
    changes: list[Callable[[pl.Expr], pl.Expr]] = [
        lambda cells: cells.cast(pl.Enum([*table[column].unique(), SECRET])),
        lambda cells: pl.struct(cells.alias(SECRET)),
    ]
    for change in changes:
        path = root.put("icu/icustays", b"", ".parquet")
        table.with_columns(change(pl.col(column)).alias(column)).write_parquet(path)
        assert SECRET not in str(root.cohort().message)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.Series("text", [SECRET], pl.Enum([SECRET])), "text is of type Enum, allowed"),
        (pl.Series("size", [{SECRET: SECRET}]), "size is of type Struct, allowed"),
        (pl.Series("size", [SECRET.encode()]), "size is of type Binary, allowed"),
    ],
)
def test_types_of_new_rows_are_told_without_their_values(column: pl.Series, message: str) -> None:
    inputs = {Modality.TEXT: ("text",), Modality.TABULAR: ("size",)}
    with pytest.raises(LanistrError, match=message) as caught:
        checked(column.to_frame(), inputs)
    assert SECRET not in str(caught.value)


def test_series_of_words_are_refused_without_them() -> None:
    with pytest.raises(LanistrError, match="timeseries has lists of type String") as caught:
        grid(pl.Series("timeseries", [[SECRET] * 4]), 2, 2)
    assert SECRET not in str(caught.value)
