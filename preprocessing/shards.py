"""Parquet parts: which patient lies in which, and their deterministic bytes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source

from preprocessing.contracts import check

GROUP = 122_880
"""Rows that Polars wants in a row group of Parquet."""


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


def write_pieces(
    pieces: Iterable[pl.DataFrame], path: Path, schema: type[pa.DataFrameModel]
) -> int:
    """Write one part of which some pieces are in memory, as `write_part` would the whole.

    Args:
        pieces: the rows in their final order, best in pieces of `even_sizes`.
        path: the part.
        schema: the contract. Uniqueness is checked within a piece only.

    Returns:
        The number of rows written.

    Raises:
        DataContractError: a piece breaks the contract.
    """
    rows = 0

    def checked(*_: object) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for piece in pieces:
            rows += piece.height
            yield check(piece, schema, path.name)

    path.parent.mkdir(parents=True, exist_ok=True)
    dtypes = {name: column.dtype.type for name, column in schema.to_schema().columns.items()}
    register_io_source(checked, schema=dtypes).sink_parquet(path, compression="zstd")
    return rows


def even_sizes(rows: int) -> list[int]:
    """Rows of the groups in which Polars writes a frame to Parquet: near to `GROUP`, and even.

    >>> even_sizes(300_001), even_sizes(10), even_sizes(0)
    ([100001, 100000, 100000], [10], [])
    """
    fewer = max(1, rows // GROUP)
    groups = min((fewer, fewer + 1), key=lambda number: abs(rows // number - GROUP))
    sizes = [rows // groups + (number < rows % groups) for number in range(groups)]
    return sizes if rows else []


def cut(chunks: Iterable[pl.DataFrame], sizes: Iterable[int]) -> Iterator[pl.DataFrame]:
    """The rows of a stream in pieces of given sizes, of which it has enough.

    >>> stream = (pl.DataFrame({"a": rows}) for rows in ([1, 2, 3], [4], [5]))
    >>> [piece["a"].to_list() for piece in cut(stream, [2, 3])]
    [[1, 2], [3, 4, 5]]
    """
    coming = iter(chunks)
    waiting: list[pl.DataFrame] = []
    for size in sizes:
        while sum(chunk.height for chunk in waiting) < size:
            waiting.append(next(coming))
        piece = pl.concat(waiting, rechunk=True)
        waiting = [piece.slice(size)]
        yield piece.head(size)


def row_groups(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Columns of a Parquet file, a row group at a time."""
    groups, start = pq.read_metadata(path), 0
    rows = pl.scan_parquet(path, glob=False).select(columns)
    for number in range(groups.num_row_groups):
        size = groups.row_group(number).num_rows
        yield rows.slice(start, size).collect()
        start += size


def largest_group_mb(path: Path) -> int:
    """The largest row group of a Parquet file, unpacked, in MB; 0 if it has none."""
    groups = pq.read_metadata(path)
    sizes = [groups.row_group(n).total_byte_size for n in range(groups.num_row_groups)]
    return -(-max(sizes, default=0) // 10**6)


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
