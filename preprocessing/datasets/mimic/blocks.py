"""Large raw tables, a block of rows at a time: one read, bounded memory, both cores.

Rows that are plain csv, nearly all of them, go the fast way: Intel's inflate in one thread,
Polars' parser in others. A block that is anything but plain is left to the door's own reader,
DuckDB, which is stricter and three times slower, and accepts or refuses it.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import duckdb
import polars as pl

from preprocessing.datasets.mimic.raw import Source
from preprocessing.datasets.mimic.rawfile import RawFile
from preprocessing.engine.intact import GET_ANEW, TextChecker, check_text, opened, without_rows
from preprocessing.errors import DataContractError

# Bytes to a block: larger ones leave the processor's caches and the allocator's reach. Blocks
# are handed out several at a time, because what is done with them has a cost for each time.
BLOCK = 1 << 23
TOGETHER = 4
PARSERS = 2
# No row of these tables is longer; without a limit, a quote that is never closed would
# pull the rest of the file into memory.
LONGEST_ROW = 1 << 24

# Every byte that is neither a comma nor the end of a line.
CONTENT = bytes(set(range(256)) - set(b",\n"))

Item = TypeVar("Item")
Result = TypeVar("Result")

DTYPES = {"int16": pl.Int16, "int32": pl.Int32, "float32": pl.Float32, "float64": pl.Float64}


def blocks(
    source: Source, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """The rows of a table, some hundred thousand at a time, in file order for csv.

    Args:
        source: the raw root; `open_source(..., streamed=...)` need not have read the table.
        con: reads Parquet, and blocks that are not plain.
        table: such as "icu/chartevents".
        columns: those wanted, under the names of v2.2. From csv, times come as text, so that
            only those of rows in use are ever parsed: cast them.

    Raises:
        DataContractError: a row that cannot be read, a damaged file; by file and line.
    """
    file = source.files[table]
    if file.path.suffix == ".parquet":
        yield from _parquet_blocks(source, con, table, columns)
    else:
        frames = _csv_blocks(file, con.cursor(), columns)
        yield from ahead(map(pl.concat, iter(lambda: list(islice(frames, TOGETHER)), [])))


def _parquet_blocks(
    source: Source, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    with source.guard():
        # A cursor of its own, because the caller uses `con` between the blocks.
        reader = source.scan(con.cursor(), table, columns).to_arrow_reader(1 << 19)
        for batch in reader:
            yield pl.DataFrame(pl.from_arrow(batch))


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, the next one made in a thread while the last is in use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _csv_blocks(
    file: RawFile, con: duckdb.DuckDBPyConnection, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    def parsed(block: bytes) -> tuple[bytes, pl.DataFrame | None]:
        return block, _parsed(block, file, columns)

    with opened(file.path) as stream:
        header, line = stream.readline(), 2
        for block, frame in _in_parallel(parsed, _whole_rows(stream, file.path)):
            if frame is None:
                frame = _strictly_parsed(block, Place(file, header, line), con, columns)
            line += frame.height
            yield frame
    if line == 2:
        raise without_rows(file.path)


def _in_parallel(work: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """The result of each item, in order; the next ones are in the making while one is in use."""
    with ThreadPoolExecutor(PARSERS) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > PARSERS:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _whole_rows(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The stream, cut where a row ends: after a line that does not end inside quotes."""
    while chunk := stream.read(BLOCK) + stream.readline():
        # Looking for a byte is several times faster than counting it.
        inside = b'"' in chunk and chunk.count(b'"') % 2 == 1
        if inside:
            chunk += _rest_of_row(stream, path)
        yield chunk if chunk.endswith(b"\n") else chunk + b"\n"


def _rest_of_row(stream: BinaryIO, path: Path) -> bytes:
    """What follows up to the end of the line in which the open quote is closed."""
    rest = bytearray()
    while len(rest) <= LONGEST_ROW and (line := stream.readline()):
        rest += line
        if line.count(b'"') % 2:
            return bytes(rest)
    raise DataContractError(
        f"{path}: a quote is never closed. Allowed: RFC 4180, quotes in pairs. {GET_ANEW}"
    )


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
    if not all(column.is_finite().all() for column in frame if column.dtype.is_float()):
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
    if b"\r" in block or not TextChecker().passes(block):
        return False
    if b'"' in block:
        block = b"".join(block.split(b'"')[::2])
    line = b"," * (fields - 1) + b"\n"
    separators = block.translate(None, CONTENT)
    return separators == line * (len(separators) // len(line))


@dataclass(frozen=True)
class Place:
    """Where a block comes from: its file, the header of that, the block's first line there.

    Lines are rows, the header being line 1, as the door counts them.
    """

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
    check_text(block, path, place.line)
    with _in_memory(place.header + block) as copy:
        layout = tuple(
            replace(c, type="string") if c.type.startswith("timestamp") else c
            for c in place.file.layout
        )
        file = replace(place.file, path=copy, layout=layout, multiline=True)
        try:
            return Source(path.parent, "", {"block": file}).read(con, "block", columns)
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
