"""Splits depend on the subject alone, and follow the published lists where given."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from preprocessing.splits import Splitter, read_subject_list, split_of

HASHED = Splitter({}, seed=0, valid=0.1, test=0.2)


@given(st.lists(st.integers(10_000_000, 19_999_999), unique=True, min_size=1))
def test_split_of_a_subject_does_not_depend_on_the_others(subjects):
    together = HASHED.choose(subjects)
    assert together == {s: HASHED.choose([s])[s] for s in reversed(subjects)}


def test_shares_are_met():
    counts = pl.Series(list(HASHED.choose(range(20_000)).values())).value_counts()
    shares = dict(counts.with_columns(pl.col("count") / 20_000).rows())
    assert shares == pytest.approx({"train": 0.7, "valid": 0.1, "test": 0.2}, abs=0.01)


def test_another_seed_is_another_partition():
    assert HASHED.choose(range(99)) != Splitter({}, seed=1, valid=0.1, test=0.2).choose(range(99))


def test_hash_is_that_of_earlier_releases():
    """A change here moves patients between splits of published results."""
    found = [split_of(subject, seed=0, valid=0.1, test=0.2) for subject in range(10)]
    assert found == [
        "test",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
    ]


def test_lists_win_and_test_wins_over_valid(tmp_path):
    test, valid = tmp_path / "test.csv", tmp_path / "valid.csv"
    test.write_text("1,1\n2,0\n3,1\n")
    valid.write_text("1,1\n2,1\n3,0\n")
    splitter = Splitter.from_options(test, valid, 0, 0.5, 0.4)
    # 4 is in no list: with both lists given, the hash has no say.
    assert splitter.choose([1, 2, 3, 4]) == {1: "test", 2: "valid", 3: "test", 4: "train"}


def test_one_list_leaves_the_other_split_to_the_hash():
    splitter = Splitter({"test": frozenset({1})}, seed=0, valid=0.5, test=0.4)
    splits = splitter.choose(range(1000))
    assert [subject for subject, split in splits.items() if split == "test"] == [1]
    assert 400 < list(splits.values()).count("valid") < 600


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.9, 0.2)])
def test_shares_must_leave_room_for_training(valid, test):
    with pytest.raises(ConfigError, match="valid="):
        Splitter({}, seed=0, valid=valid, test=test)


@pytest.mark.parametrize("line", ["1;1", "1,2", "subject_id,flag", "1", "1,1,1"])
def test_broken_list_is_refused_without_its_contents(tmp_path, line):
    path = tmp_path / "testset.csv"
    path.write_text(f"10000032,1\n{line}\n")
    with pytest.raises(DataContractError, match="1 of 2 lines") as caught:
        read_subject_list(path)
    assert "10000032" not in str(caught.value)


def test_missing_list_is_named(tmp_path):
    with pytest.raises(SourceMissingError, match=r"nowhere\.csv"):
        read_subject_list(tmp_path / "nowhere.csv")


def test_assign_keeps_rows_and_handles_none_at_all():
    frame = pl.DataFrame({"subject_id": [7, 8, 7]}, schema={"subject_id": pl.Int32})
    assert HASHED.assign(frame)["subject_id"].to_list() == [7, 8, 7]
    assert HASHED.assign(frame.clear()).schema["split"] == pl.String


def test_cohort_split_by_other_options_is_refused():
    cohort = HASHED.assign(pl.DataFrame({"subject_id": list(range(100))}))
    HASHED.check_agrees(cohort, "cohort.parquet")
    with pytest.raises(DataContractError, match=r"cohort\.parquet: \d+ of 100 rows"):
        Splitter({}, seed=1, valid=0.1, test=0.2).check_agrees(cohort, "cohort.parquet")
