"""Types hold values and names, which no message tells; of cells see tests/faults."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from lanistr.errors import LanistrError
from lanistr.inference.encode import grid
from lanistr.inference.rows import checked
from lanistr.modality import Modality
from tests.field.case import SECRET
from tests.field.mimic_root import MimicRoot


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
