"""Contracts: what is refused, and that no value gets into the message."""

import pandera.polars as pa
import polars as pl
import pytest

from preprocessing.contracts import check
from preprocessing.datasets.mimic import schemas
from preprocessing.errors import DataContractError

SECRET = 10000032


class Stays(schemas.Table):
    """A contract for this module."""

    stay_id: pl.Int32 = pa.Field(unique=True)
    hours: pl.Float64 = pa.Field(ge=48)


def stays(**columns) -> pl.DataFrame:
    good = {
        "stay_id": pl.Series([1, 2], dtype=pl.Int32),
        "hours": pl.Series([48.0, 50.0]),
    }
    return pl.DataFrame(good | columns)


def test_columns_come_back_in_the_order_of_the_contract():
    assert check(stays().select("hours", "stay_id"), Stays, "here").columns == ["stay_id", "hours"]


def test_lazy_frames_are_checked_by_value_too():
    with pytest.raises(DataContractError, match="hours"):
        check(stays(hours=pl.Series([47.0, 50.0])).lazy(), Stays, "here")


@pytest.mark.parametrize(
    "columns",
    [
        {"stay_id": pl.Series([SECRET, SECRET], dtype=pl.Int32)},
        {"stay_id": pl.Series([SECRET, SECRET + 1], dtype=pl.Int64)},
        {"hours": pl.Series([SECRET * -1.0, 50.0])},
        {"hours": pl.Series([None, 50.0])},
        {"extra": pl.Series([SECRET, SECRET])},
    ],
    ids=["repeated", "dtype", "range", "null", "unknown column"],
)
def test_breach_names_file_column_and_contract_but_no_value(columns):
    with pytest.raises(DataContractError) as caught:
        check(stays(**columns), Stays, "stays.parquet")
    message = str(caught.value)
    assert next(iter(columns)) in message
    assert "stays.parquet" in message
    assert "Stays" in message
    assert str(SECRET) not in message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_missing_column_is_named():
    with pytest.raises(DataContractError, match="hours"):
        check(stays().drop("hours"), Stays, "here")


def test_every_breach_is_listed_at_once():
    broken = stays(stay_id=pl.Series([1, 1], dtype=pl.Int32), hours=pl.Series([1.0, 2.0]))
    with pytest.raises(DataContractError) as caught:
        check(broken, Stays, "here")
    assert "stay_id" in str(caught.value)
    assert "hours" in str(caught.value)
