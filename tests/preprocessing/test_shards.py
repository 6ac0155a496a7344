"""Parts: every row once, a subject in one part, the same bytes for the same rows."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.contracts import Table
from preprocessing.errors import DataContractError
from preprocessing.shards import part_of, split_parts, write_parts, write_stream


class Rows(Table):
    """A contract for this module."""

    subject_id: pl.Int32
    blob: pl.Binary


def rows(*subjects: int) -> pl.DataFrame:
    frame = {"subject_id": subjects, "blob": [bytes([s]) for s in subjects]}
    return pl.DataFrame(frame, schema={"subject_id": pl.Int32, "blob": pl.Binary})


@given(st.lists(st.integers(0, 255)), st.integers(1, 5))
def test_parts_hold_every_row_once_and_a_subject_in_one(subjects, parts):
    found = split_parts(rows(*subjects), parts)
    assert len(found) == parts
    assert sorted(pl.concat(found)["subject_id"]) == sorted(subjects)
    for number, part in enumerate(found):
        assert {part_of(s, parts) for s in part["subject_id"]} <= {number}


def test_bytes_do_not_depend_on_the_order_of_rows(tmp_path):
    frame = rows(*range(50))
    first = [tmp_path / "a0", tmp_path / "a1"]
    second = [tmp_path / "b0", tmp_path / "b1"]
    write_parts(frame, first, order_by=["subject_id"])
    write_parts(frame.reverse(), second, order_by=["subject_id"])
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert first[0].read_bytes() != first[1].read_bytes()


def test_no_rows_still_make_every_part(tmp_path):
    paths = [tmp_path / "deep" / name for name in ("0", "1")]
    write_parts(rows(), paths, order_by=["subject_id"])
    assert [pl.read_parquet(path).height for path in paths] == [0, 0]


def test_stream_writes_its_chunks_in_order(tmp_path):
    path = tmp_path / "new" / "part.parquet"
    written = write_stream([rows(3, 1), rows(), rows(2)], path, Rows, stored=["blob"])
    assert written == 3
    assert pl.read_parquet(path).equals(rows(3, 1, 2))


def test_stream_of_nothing_has_the_columns_of_the_contract(tmp_path):
    assert write_stream([], tmp_path / "part", Rows) == 0
    assert pl.read_parquet(tmp_path / "part").schema == rows().schema


def test_stream_checks_each_chunk(tmp_path):
    broken = rows(1).with_columns(subject_id=pl.lit(1, pl.Int64))
    with pytest.raises(DataContractError, match="subject_id"):
        write_stream([rows(1), broken], tmp_path / "part", Rows)
