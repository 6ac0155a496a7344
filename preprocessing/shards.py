"""Parquet parts: which patient lies in which, and their deterministic bytes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq

from preprocessing.contracts import check


def part_of(subject: int | str, parts: int) -> int:
    """The part that holds all rows of a subject, independent of every other subject.

    >>> part_of(10000032, 4) == part_of("10000032", 4)
    True
    """
    digest = blake2b(str(subject).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % parts


def parts_of(subjects: Iterable[int | str], parts: int) -> dict[int | str, int]:
    """The part of each distinct subject."""
    return {subject: part_of(subject, parts) for subject in set(subjects)}


def split_parts(frame: pl.DataFrame, parts: int, by: str = "subject_id") -> list[pl.DataFrame]:
    """The rows of each part, in the order they had; a subject is never in two parts."""
    part = pl.col(by).replace_strict(parts_of(frame[by], parts), return_dtype=pl.Int64)
    return [frame.filter(part == number) for number in range(parts)]


def write_parts(
    frame: pl.DataFrame,
    paths: Sequence[Path],
    *,
    order_by: Sequence[str],
    by: str = "subject_id",
) -> None:
    """Write a table as one Parquet file per path, sorted, a subject never in two files.

    The same rows give the same bytes, whatever their order was.
    """
    parts = split_parts(frame.sort(order_by, nulls_last=True), len(paths), by)
    for part, path in zip(parts, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_parquet(path, compression="zstd")


def write_part(rows: pl.DataFrame, path: Path) -> None:
    """Write one Parquet file; the same rows in the same order give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path, compression="zstd")


def write_stream(
    chunks: Iterable[pl.DataFrame],
    path: Path,
    schema: type[pa.DataFrameModel],
    *,
    stored: Sequence[str] = (),
) -> int:
    """Write one part chunk by chunk, each checked, so that only one is in memory.

    Args:
        chunks: the rows in their final order; the same chunks give the same bytes.
        path: the part.
        schema: the contract. Uniqueness is checked within a chunk only.
        stored: columns not worth compressing, such as JPEG bytes.

    Returns:
        The number of rows written.

    Raises:
        DataContractError: a chunk breaks the contract.
    """
    dtypes = {name: column.dtype.type for name, column in schema.to_schema().columns.items()}
    layout = pl.DataFrame(schema=dtypes).to_arrow().schema
    compression = {name: "none" if name in stored else "zstd" for name in dtypes}
    encoded = [name for name in dtypes if name not in stored]
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(path, layout, compression=compression, use_dictionary=encoded) as writer:
        for chunk in chunks:
            table = check(chunk, schema, path.name)
            writer.write_table(table.to_arrow().cast(layout))
            rows += table.height
    return rows


def write_facts(entry: Mapping[str, object], path: Path) -> None:
    """Write what a step tells the manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
