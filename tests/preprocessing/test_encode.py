import polars as pl
import pytest

from preprocessing.encode import fit
from preprocessing.errors import DataContractError

ROWS = pl.DataFrame(
    {
        "split": ["train", "train", "train", "test", "test"],
        "who": ["b", "a", None, "c", "a"],
        "kind": [2, 10, None, 2, 3],
        "size": [1.0, 3.0, None, 5.0, None],
    }
)


def test_codes_and_scales_are_those_of_training():
    encoders = fit(ROWS.lazy(), categorical=["kind"], numeric=["size"], identifiers=["who"])
    coded = encoders.encode(ROWS)
    # 0 = not recorded, 1 = never seen in training, then in ascending order: of numbers 2, 10.
    assert coded["who_code"].to_list() == [3, 2, 0, 1, 2]
    assert coded["kind_code"].to_list() == [2, 3, 0, 2, 1]
    assert coded["size_scaled"].to_list() == [-1.0, 1.0, 0.0, 3.0, 0.0]
    assert (coded["who_code"].dtype, coded["size_scaled"].dtype) == (pl.Int32, pl.Float32)
    facts = encoders.facts()
    assert facts["identifiers"] == {"who": 4}
    assert facts["categorical"]["kind"][2:] == ["2", "10"]


def test_test_rows_move_neither_codes_nor_scales():
    other = ROWS.with_columns(
        pl.when(split="test").then(pl.lit("zz")).otherwise("who").alias("who"),
        pl.when(split="test").then(99.0).otherwise("size").alias("size"),
    )
    columns = {"categorical": ["kind"], "numeric": ["size"], "identifiers": ["who"]}
    assert fit(ROWS.lazy(), **columns).facts() == fit(other.lazy(), **columns).facts()


def test_a_column_without_a_value_in_training_is_all_reserved():
    rows = ROWS.with_columns(size=pl.lit(None, pl.Float64), kind=pl.lit(None, pl.Int64))
    coded = fit(rows.lazy(), categorical=["kind"], numeric=["size"]).encode(rows)
    assert set(coded["kind_code"]) == {0} and set(coded["size_scaled"]) == {0.0}


def test_without_training_rows_there_is_nothing_to_fit():
    with pytest.raises(DataContractError, match="No row is in the training split"):
        fit(ROWS.filter(split="test").lazy(), numeric=["size"])
