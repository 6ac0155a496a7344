"""Tables of people: csv and Parquet files with the place of every row, read strictly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from preprocessing.errors import DataContractError, SourceMissingError

DELIMITERS = ",;\t"
# A field of csv may be as long as a book; the module's own limit is 128 KiB.
LONGEST_FIELD = 2**27
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Source:
    """Rows of one or several files.

    Attributes:
        frame: one row per row of the files; columns of csv files are strings.
        places: for each row the `file` (position in `files`), the `row` in it (from 1), and the
            `line`, null in Parquet files.
        files: where the rows come from.
        columns: names of the columns of each file.
    """

    frame: pl.DataFrame
    places: pl.DataFrame
    files: tuple[Path, ...]
    columns: tuple[tuple[str, ...], ...]

    def where(self, index: int) -> str:
        """The place of a row, such as "products.csv, row 3 (line 4)"."""
        file, row, line = self.places.row(index)
        return f"{self.files[file].name}, row {row}" + (f" (line {line})" if line else "")


def read_source(paths: Sequence[Path], nulls: Sequence[str] = ()) -> Source:
    """The rows of all files, one after the other; columns that a file lacks are null.

    Args:
        paths: .csv, .tsv, .txt or .parquet files.
        nulls: strings that stand for nothing.

    Raises:
        SourceMissingError: no such file.
        DataContractError: a file cannot be read, or files differ in the type of a column.
    """
    frames, places = [], []
    for number, path in enumerate(paths):
        frame, lines = _read(path)
        frames.append(frame)
        places.append(
            pl.DataFrame({"row": pl.int_range(1, frame.height + 1, eager=True)})
            .with_columns(pl.lit(number, pl.Int64).alias("file"), lines.alias("line"))
            .select("file", "row", "line")
        )
    try:
        frame = pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        names = ", ".join(path.name for path in paths)
        raise DataContractError(
            f"{names}: a column is of different types in these files. Write it alike in all."
        ) from None
    words = pl.col(pl.String)
    frame = frame.with_columns(pl.when(~words.str.strip_chars().is_in(list(nulls))).then(words))
    numbers = pl.selectors.float().fill_nan(None)
    columns = tuple(tuple(frame.columns) for frame in frames)
    return Source(frame.with_columns(numbers), pl.concat(places), tuple(paths), columns)


def _read(path: Path) -> tuple[pl.DataFrame, pl.Series]:
    """A file and the line of each row."""
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there. Check the path and what it is relative to.")
    if path.suffix == ".parquet":
        try:
            frame = pl.read_parquet(path, glob=False)
        except pl.exceptions.PolarsError as error:
            raise DataContractError(f"{path}: is not Parquet ({type(error).__name__}).") from None
        plain = frame.with_columns(
            pl.selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String),
            pl.selectors.decimal().cast(pl.Float64),
        )
        return plain, pl.repeat(None, frame.height, dtype=pl.Int64, eager=True)
    if path.suffix not in {".csv", ".tsv", ".txt"}:
        raise DataContractError(
            f"{path}: has the ending {path.suffix!r}; allowed are .csv, .tsv, .txt and .parquet."
        )
    return _read_csv(path)


def _read_csv(path: Path) -> tuple[pl.DataFrame, pl.Series]:
    csv.field_size_limit(LONGEST_FIELD)
    try:
        # "utf-8-sig" also reads files without a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, rows = _opened(file, path)
            schema = dict.fromkeys(names, pl.String)
            chunks, lines = [pl.DataFrame(schema=schema)], []
            while chunk := list(islice(rows, ROWS_AT_ONCE)):
                lines += [line for line, _ in chunk]
                fields = [row for _, row in chunk]
                chunks.append(pl.DataFrame(fields, schema=schema, orient="row"))
    except UnicodeDecodeError:
        raise DataContractError(
            f"{path}: holds bytes that are not UTF-8, perhaps CP1252. Save it as UTF-8."
        ) from None
    return pl.concat(chunks), pl.Series(lines, dtype=pl.Int64)


def _opened(file: io.TextIOBase, path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Names of the columns, and the line and fields of each row."""
    first = file.readline()
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    names = [name.strip() for name in _next(reader, path) or []]
    if not names:
        raise DataContractError(f"{path}: is empty. Expected are a line of names, and rows.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataContractError(f"{path}, line 1: the columns {twice} stand twice. Rename them.")
    if "" in names:
        raise DataContractError(
            f"{path}, line 1: column {names.index('') + 1} has no name. Name it in the file."
        )
    return names, _rows(reader, len(names), path)


def _rows(reader: Any, width: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    number, line, blank = 0, reader.line_num + 1, 0
    while (row := _next(reader, path)) is not None:
        if not row and width > 1:
            blank = blank or line
        else:
            number += 1
            if blank or len(row or [""]) != width:
                where = f"line {blank}" if blank else f"row {number} (line {line})"
                found = 0 if blank else len(row)
                raise DataContractError(
                    f"{path}, {where}: has {found} fields, the first line names {width}. "
                    'Put fields that contain the delimiter or line ends in "quotes".'
                )
            yield line, row or [""]
        line = reader.line_num + 1


def _next(reader: Any, path: Path) -> list[str] | None:
    """The fields of the next row; None at the end."""
    try:
        return next(reader, None)
    except csv.Error:
        raise DataContractError(
            f"{path}, line {reader.line_num}: quotes or line ends do not keep to RFC 4180. "
            'Write a quote inside of "quotes" twice.'
        ) from None
