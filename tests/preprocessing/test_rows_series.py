from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from preprocessing.errors import DataContractError
from tests.preprocessing.own_rows import ROWS, parcels, read_as_new, read_own, readings, write_own


def own_with(folder: Path, times: list[Any], **series: Any) -> Path:
    """Own rows whose every other parcel has four readings at these times."""
    path = write_own(folder)
    table = pl.DataFrame(readings() | {"hour": times * (ROWS // 2)}, strict=False)
    table.write_csv(folder / "readings.csv")
    config = yaml.safe_load(path.read_text())
    config["rows"]["series"] |= series
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def heat(path: Path) -> list[float]:
    """What the first parcel's first variable is in each step."""
    rows, _, _ = read_own(path)
    return np.array(rows["timeseries"][0]).reshape(-1, 2)[:, 0].round(3).tolist()


NAN = pytest.approx(float("nan"), nan_ok=True)
DAY = "2024-03-01"


@pytest.mark.parametrize(
    "times",
    [
        [1.0, 1.5, 3.0, 9.0],
        ["01:00", "01:30", "03:00", "09:00"],
        ["01:00:00", "01:30:00", "03:00:00", "09:00:00"],
    ],
)
def test_hours_are_counted_from_zero(tmp_path: Path, times: list[Any]) -> None:
    assert heat(own_with(tmp_path, times)) == [NAN, 15.0, NAN, NAN]


def test_date_times_are_counted_from_the_first(tmp_path: Path) -> None:
    times = [f"{DAY} 01:00", f"{DAY}T01:30", f"{DAY} 03:00:00", f"{DAY} 09:00"]
    assert heat(own_with(tmp_path, times)) == [15.0, NAN, NAN, NAN]


def test_date_times_are_counted_from_a_column(tmp_path: Path) -> None:
    times = [f"2024-01-{1 + n // 2:02} 01:00" for n in range(4)]
    path = own_with(tmp_path, times, start="sent", step_hours=24)
    assert heat(path) == [15.0, 99.0, NAN, NAN]


def test_length_of_a_step(tmp_path: Path) -> None:
    path = own_with(tmp_path, [1.0, 1.5, 3.0, 9.0], step_hours=0.5, steps=20)
    expected = [NAN] * 20
    expected[2], expected[3], expected[18] = 10.0, 20.0, 99.0
    assert heat(path) == expected


def test_what_is_off_the_grid_is_counted(tmp_path: Path) -> None:
    path = own_with(tmp_path, [-1.0, 1.5, 3.0, 9.0])
    table = pl.read_csv(tmp_path / "readings.csv")
    stray = table.head(1).with_columns(parcel=pl.lit("nobody"))
    empty = table.head(1).with_columns(value=pl.lit(None, pl.Float64))
    pl.concat([table, stray, empty]).write_csv(tmp_path / "readings.csv")
    _, _, entries = read_own(path)
    lost = {e["reason"]: e["rows_before"] - e["rows_after"] for e in entries}
    assert lost["time outside of the steps"] == ROWS  # one too early and one too late each
    assert (lost["id of no row"], lost["no value"]) == (1, 1)


def test_variables_that_train_never_shows_are_left_out(tmp_path: Path) -> None:
    path = own_with(tmp_path, [1.0, 1.5, 3.0, 9.0])
    rows, _, _ = read_own(path)
    test = rows.filter(pl.col("split") == "test", pl.col("timeseries").is_not_null())["row_id"][0]
    new = pl.DataFrame({"parcel": [test], "hour": [1.0], "name": ["tilt"], "value": [1.0]})
    table = pl.concat([pl.read_csv(tmp_path / "readings.csv"), new])
    table.write_csv(tmp_path / "readings.csv")
    again, contents, entries = read_own(path)
    assert contents["series"]["variables"] == ["heat", "shock"]
    assert again.equals(rows)
    lost = {e["reason"]: e["rows_before"] - e["rows_after"] for e in entries}
    assert lost["variable that train never shows"] == 1


def test_wide_and_long_are_the_same(tmp_path: Path) -> None:
    path = own_with(tmp_path, [1.0, 1.5, 3.0, 9.0])
    rows, _, _ = read_own(path)
    table = pl.read_csv(tmp_path / "readings.csv")
    wide = table.pivot("name", index=["parcel", "hour"], values="value")
    wide.write_csv(tmp_path / "readings.csv")
    config = yaml.safe_load(path.read_text())
    config["rows"]["series"] |= {"layout": "wide", "variable": "", "value": ""}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    again, contents, _ = read_own(path)
    assert again.equals(rows)
    new = read_as_new(path, contents["description"])
    assert new["timeseries"].equals(rows["timeseries"])


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("hour", "noon", "row 2 (line 3), column hour: no time that can be read"),
        ("hour", "٢٢:٣٣", "row 2 (line 3), column hour: no time that can be read"),
        ("value", "high", "row 2 (line 3), column value: no number"),
    ],
)
def test_problems_name_the_file_of_the_series(
    tmp_path: Path, column: str, value: str, told: str
) -> None:
    path = write_own(tmp_path)
    values = [str(number) for number in readings()[column]]
    values[1] = value
    table = pl.DataFrame(readings() | {column: values})
    table.write_csv(tmp_path / "readings.csv")
    with pytest.raises(DataContractError) as error:
        read_own(path)
    assert "readings.csv" in str(error.value) and told in str(error.value)


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = own_with(tmp_path, [1.0, 1.5, 3.0, 9.0], value="reading")
    with pytest.raises(DataContractError, match=r"readings.csv: lacks the columns \['reading'\]"):
        read_own(path)


def test_rows_with_a_series_alone_are_kept_and_empty_ones_are_not(tmp_path: Path) -> None:
    columns = parcels()
    for name in ("note", "remark", "picture", "colour", "size", "sent"):
        columns[name] = [None, None, *columns[name][2:]]
    rows, _, entries = read_own(write_own(tmp_path, columns))
    assert rows["row_id"].to_list()[:2] == ["p000", "p002"]
    lost = {e["reason"]: e["rows_before"] - e["rows_after"] for e in entries}
    assert lost["nothing but empty cells"] == 1
