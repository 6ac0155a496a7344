"""Large raw tables, a block of rows at a time: one read, bounded memory, both cores.

Rows that are plain csv, nearly all of them, go the fast way: Intel's inflate in one thread,
Polars' parser in others. A block that is anything but plain is left to the door's own reader,
DuckDB, which is stricter and three times slower, and accepts or refuses it.
"""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import duckdb
import polars as pl

from preprocessing.errors import DataContractError
from preprocessing.intact import GET_ANEW, opened
from preprocessing.raw import RawFile, Source

# Larger blocks leave the processor's caches and the allocator's reach.
BLOCK = 1 << 23
# No row of these tables is longer; without a limit, a quote that is never closed would
# pull the rest of the file into memory.
LONGEST_ROW = 1 << 25

# Every byte that is neither a comma nor the end of a line.
CONTENT = bytes(set(range(256)) - set(b",\n"))

DTYPES = {"int16": pl.Int16, "int32": pl.Int32, "float32": pl.Float32, "float64": pl.Float64}


def blocks(
    source: Source, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """The rows of a table, some hundred thousand at a time, in file order for csv.

    Args:
        source: the raw root; `open_source(..., streamed=...)` need not have read the table.
        con: reads Parquet, and blocks that are not plain.
        table: such as "icu/chartevents".
        columns: those wanted, under the names of v2.2. Numbers and text are typed; a time may
            still be text, so that only the times of rows in use are ever parsed: cast it.

    Raises:
        DataContractError: a row that cannot be read, a damaged file; by file and line.
    """
    file = source.files[table]
    if file.path.suffix == ".parquet":
        yield from _parquet_blocks(source, con, table, columns)
    else:
        yield from _ahead(_csv_blocks(file, con.cursor(), columns))


def _parquet_blocks(
    source: Source, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    with source.guard():
        # A cursor of its own, because the caller uses `con` between the blocks.
        reader = source.scan(con.cursor(), table, columns).to_arrow_reader(1 << 19)
        for batch in reader:
            yield pl.DataFrame(pl.from_arrow(batch))


def _ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, the next one made while the last is in use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = pool.submit(next, frames, None)
            yield frame


def _csv_blocks(
    file: RawFile, con: duckdb.DuckDBPyConnection, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    with opened(file.path) as stream:
        header = stream.readline()
        line = 2
        for block in _whole_rows(stream, file.path):
            frame = _parsed(block, file, columns)
            if frame is None:
                frame = _strictly_parsed(block, Place(file, header, line), con, columns)
            line += block.count(b"\n") if b'"' in block else frame.height
            yield frame


def _whole_rows(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The stream, cut where a row ends."""
    rest = b""
    while chunk := stream.read(BLOCK):
        chunk = rest + chunk
        end = _end_of_rows(chunk)
        if len(chunk) - end > LONGEST_ROW:
            raise DataContractError(
                f"{path} has a row longer than {LONGEST_ROW >> 20} MB: a quote is never closed? "
                f"Allowed: RFC 4180, quotes in pairs. {GET_ANEW}"
            )
        if end:
            yield chunk[:end]
        rest = chunk[end:]
    if rest:
        yield rest + b"\n"


def _end_of_rows(chunk: bytes) -> int:
    r"""Where the last whole row ends: after a newline that is not inside quotes.

    >>> _end_of_rows(b'1,2\n3,"4\n'), _end_of_rows(b"1,2\n3")
    (4, 4)
    """
    end = chunk.rfind(b"\n") + 1
    # Looking for a byte is several times faster than counting it.
    quotes = chunk.count(b'"', 0, end) if b'"' in chunk else 0
    while quotes % 2:
        before = chunk.rfind(b"\n", 0, end - 1) + 1
        quotes -= chunk.count(b'"', before, end)
        end = before
    return end


def _parsed(block: bytes, file: RawFile, columns: Sequence[str]) -> pl.DataFrame | None:
    """The rows of a plain block; None if it is not plain."""
    if not is_plain(block, len(file.layout)):
        return None
    names = [column.name for column in file.layout]
    schema = {c.name: DTYPES.get(c.type, pl.String) for c in file.layout}
    try:
        frame = pl.read_csv(
            block, has_header=False, schema=schema, columns=sorted(map(names.index, columns))
        )
    except pl.exceptions.PolarsError:
        return None
    if b'""' in block:
        # An empty field is null at the door, quoted or not.
        frame = frame.with_columns(pl.col(pl.String).replace("", None))
    return frame.select(columns)


def is_plain(block: bytes, fields: int) -> bool:
    r"""Whether every line has that many fields, and holds nothing that readers disagree about.

    Polars would fill up short rows and cut long ones without a word.

    >>> is_plain(b'1,"a, b"\n2,\n', fields=2), is_plain(b"1,a,b\n2\n", fields=2)
    (True, False)
    """
    if b"\0" in block or b"\r" in block:
        return False
    if b'"' in block:
        block = b"".join(block.split(b'"')[::2])
    line = b"," * (fields - 1) + b"\n"
    separators = block.translate(None, CONTENT)
    return separators == line * (len(separators) // len(line))


@dataclass(frozen=True)
class Place:
    """Where a block comes from: its file, the header of that, the block's first line there."""

    file: RawFile
    header: bytes
    line: int


def _strictly_parsed(
    block: bytes, place: Place, con: duckdb.DuckDBPyConnection, columns: Sequence[str]
) -> pl.DataFrame:
    """The rows of a block as the door reads them.

    Raises:
        DataContractError: it refuses them.
    """
    path = place.file.path
    if b"\0" in block:
        line = place.line + block.count(b"\n", 0, block.index(b"\0"))
        raise DataContractError(f"{path}, line {line}: a NUL byte. Allowed: text. {GET_ANEW}")
    with _in_memory(place.header + block) as copy:
        whole = Source(path.parent, "", {"block": replace(place.file, path=copy, multiline=True)})
        try:
            return whole.read(con, "block", columns)
        except DataContractError as error:
            # The copy begins with the header, then comes the block's first line.
            message = re.sub(
                r", line (\d+)", lambda m: f", line {int(m[1]) + place.line - 2}", str(error)
            )
            raise DataContractError(message.replace(str(copy), str(path))) from None


@contextmanager
def _in_memory(data: bytes) -> Iterator[Path]:
    """A file that holds `data`, for readers that want a path."""
    descriptor = os.memfd_create("block")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
