from pathlib import Path

import polars as pl
import pytest
import yaml

from preprocessing.errors import DataContractError
from preprocessing.splits import split_of
from tests.preprocessing.own_rows import ROWS, parcels, read_own, write_own


def splits(path: Path) -> list[str]:
    rows, _, _ = read_own(path)
    assert rows.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    return rows["split"].to_list()


def test_hash_depends_on_the_group_alone(tmp_path: Path) -> None:
    found = splits(write_own(tmp_path))
    assert found == [split_of(f"s{n // 2}", seed=1, valid=0.25, test=0.25) for n in range(ROWS)]


def test_column_says_the_split(tmp_path: Path) -> None:
    fold = [["train", "train", "Val", "test"][n % 4] for n in range(ROWS)]
    found = splits(
        write_own(tmp_path, parcels() | {"fold": fold}, group="parcel", split={"column": "fold"})
    )
    assert found[:4] == ["train", "train", "valid", "test"]


def test_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    fold = ["test" if n == 9 else ["train", "valid", "test"][n // 2 % 3] for n in range(ROWS)]
    path = write_own(tmp_path, parcels() | {"fold": fold}, split={"column": "fold"})
    with pytest.raises(DataContractError, match=r"row 10 \(line 11\), column fold: a group"):
        read_own(path)


def test_unknown_split_is_refused(tmp_path: Path) -> None:
    fold = ["later" if n == 3 else ["train", "valid", "test"][n // 2 % 3] for n in range(ROWS)]
    path = write_own(tmp_path, parcels() | {"fold": fold}, split={"column": "fold"})
    with pytest.raises(DataContractError, match=r"row 4 \(line 5\), column fold: no split"):
        read_own(path)


def days() -> list[str]:
    return [f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}" for n in range(ROWS)]


def test_test_comes_after_train_in_time(tmp_path: Path) -> None:
    path = write_own(tmp_path, parcels() | {"sent": days()}, split={"time": "sent"})
    rows, _, _ = read_own(path)
    times = {split: rows.filter(split=split)["sent"] for split in ("train", "valid", "test")}
    assert times["train"].max() < times["valid"].min()
    assert times["valid"].max() < times["test"].min()
    assert len(times["test"]) == pytest.approx(0.2 * ROWS, abs=2)
    assert rows.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1


def test_row_without_time_is_refused(tmp_path: Path) -> None:
    columns = parcels() | {"sent": [None if n == 4 else day for n, day in enumerate(days())]}
    path = write_own(tmp_path, columns, split={"time": "sent"})
    with pytest.raises(DataContractError, match=r"row 5 \(line 6\), column sent: no time"):
        read_own(path)


def test_date_after_the_label_is_refused(tmp_path: Path) -> None:
    back = [f"2025-01-{n % 28 + 1:02}" if n == 6 else "2020-01-01" for n in range(ROWS)]
    columns = parcels() | {"sent": days(), "returned": back}
    path = write_own(tmp_path, columns, split={"time": "sent"})
    section = yaml.safe_load(path.read_text())
    section["rows"]["columns"]["returned"] = "date"
    path.write_text(yaml.safe_dump(section))
    with pytest.raises(DataContractError, match=r"row 7 \(line 8\), column returned: a date"):
        read_own(path)


def test_strata_have_the_same_shares(tmp_path: Path) -> None:
    late = ["yes" if n % 10 == 0 else "no" for n in range(ROWS)]
    path = write_own(
        tmp_path,
        parcels() | {"late": late},
        group="parcel",
        split={"stratify": True, "valid": 0.2, "test": 0.2},
    )
    rows, _, _ = read_own(path)
    counts = rows.group_by("late", "split").len().sort("late", "split").rows()
    shares = {(late, split): count for late, split, count in counts}
    assert [shares[1, name] for name in ("test", "train", "valid")] == [1, 4, 1]
    assert [shares[0, name] for name in ("test", "train", "valid")] == [11, 32, 11]


def test_class_that_train_never_shows_is_refused(tmp_path: Path) -> None:
    fold = [["train", "valid", "test"][n // 2 % 3] for n in range(ROWS)]
    late = ["yes" if split == "test" and n % 2 else "no" for n, split in enumerate(fold)]
    path = write_own(tmp_path, parcels() | {"fold": fold, "late": late}, split={"column": "fold"})
    with pytest.raises(
        DataContractError, match="column late: a class that train never shows, in 10 rows"
    ):
        read_own(path)


def test_empty_split_is_refused(tmp_path: Path) -> None:
    path = write_own(tmp_path, parcels() | {"fold": ["train"] * ROWS}, split={"column": "fold"})
    with pytest.raises(DataContractError, match="no row of valid, test has an answer"):
        read_own(path)
