import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.datasets.amazon import tabular
from preprocessing.datasets.amazon.schemas import Reviews
from preprocessing.errors import DataContractError

DAY = 86_400


def reviews(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A part of amazon-reviews; what a row does not name has a default."""
    default = {
        "asin": "B1",
        "reviewer_id": "A1",
        "label": 4,
        "verified": True,
        "unix_time": 0,
        "votes": None,
        "summary": "Five Stars",
        "review": "Good.",
        "in_metadata": False,
        "split": "train",
    }
    schema = {name: column.dtype.type for name, column in Reviews.to_schema().columns.items()}
    full = [default | {"sample_id": number} | row for number, row in enumerate(rows)]
    pl.DataFrame(full, schema=schema).write_parquet(path)
    return path


def encoded(folder: Path, part: Path, encoders: tabular.Encoders) -> tuple[pl.DataFrame, Any]:
    """The rows and the facts of the step."""
    tabular.encode_features(
        [part],
        encoders,
        outputs=[folder / "out.parquet"],
        identifiers=folder / "identifiers.parquet",
        facts=folder / "facts.json",
        ledger_path=folder / "ledger.json",
    )
    return pl.read_parquet(folder / "out.parquet"), json.loads((folder / "facts.json").read_text())


def test_codes_are_those_of_training_and_the_rest_is_unseen(tmp_path: Path) -> None:
    part = reviews(
        tmp_path / "reviews.parquet",
        [
            {"asin": "B2", "reviewer_id": "A2"},
            {"asin": "B1", "reviewer_id": "A2", "verified": None},
            {"asin": "B0", "reviewer_id": "A2", "split": "valid", "verified": False},
            {"asin": "B9", "reviewer_id": "A9", "split": "test", "unix_time": 900 * DAY},
        ],
    )
    rows, facts = encoded(tmp_path, part, tabular.fit_reviews([part]))
    assert rows["product_code"].to_list() == [3, 2, 1, 1]
    assert rows["reviewer_code"].to_list() == [2, 2, 2, 1]
    # 0 = not recorded, 1 = unseen: training has no False and no 1972.
    assert rows["verified_code"].to_list() == [2, 0, 1, 2]
    assert rows["year_code"].to_list() == [2, 2, 2, 1]
    assert facts["categorical"]["year"] == ["<not recorded>", "<unseen>", "1970"]
    assert facts["identifiers"] == {"product": 4, "reviewer": 3}


def test_numbers_are_standardised_by_training_and_missing_ones_are_the_mean(tmp_path: Path) -> None:
    votes = [("train", 1), ("train", 3), ("train", None), ("test", 100), ("test", None)]
    part = reviews(
        tmp_path / "reviews.parquet", [{"split": split, "votes": vote} for split, vote in votes]
    )
    rows, facts = encoded(tmp_path, part, tabular.fit_reviews([part]))
    assert facts["numeric"]["votes"] == {"mean": 2.0, "std": 1.0}
    assert rows["votes_scaled"].to_list() == [-1.0, 1.0, 0.0, 98.0, 0.0]
    # A constant is no information, and no division by zero.
    assert rows["time_scaled"].to_list() == [0.0] * 5


def test_another_category_can_be_encoded_with_the_same_encoders(tmp_path: Path) -> None:
    office = reviews(tmp_path / "office.parquet", [{"reviewer_id": "A5"}, {"reviewer_id": "A6"}])
    beauty = reviews(tmp_path / "beauty.parquet", [{"reviewer_id": "A6", "asin": "B7"}])
    encoded(tmp_path, office, tabular.fit_reviews([office]))
    again = tabular.read_encoders(tmp_path / "facts.json", tmp_path / "identifiers.parquet")
    rows, facts = encoded(tmp_path, beauty, again)
    assert rows.select("product_code", "reviewer_code").rows() == [(1, 3)]
    assert facts["identifiers"] == {"product": 3, "reviewer": 4}


def test_without_training_rows_there_is_nothing_to_fit(tmp_path: Path) -> None:
    part = reviews(tmp_path / "reviews.parquet", [{"split": "test"}])
    with pytest.raises(DataContractError, match="No row is in the training split"):
        tabular.fit_reviews([part])
