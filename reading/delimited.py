"""Rows of csv, tsv and txt files, read strictly: every field as it stands, and each row's line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl

# What people write for nothing.
NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")

DELIMITERS = ",;\t"
# A field of csv may be as long as a book; the module's own limit is 128 KiB.
LONGEST_FIELD = 2**27
ROWS_AT_ONCE = 50_000

# What files begin with that are no text in UTF-8.
MAGIC = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "a gzip file",
    b"PK": "an Excel workbook",
}


class DelimitedError(ValueError):
    """A file that is not read; the message says where and why, and shows no field."""


def read_delimited(path: Path) -> tuple[pl.DataFrame, pl.Series]:
    """The rows of a file as strings, and the line that each begins on.

    The delimiter is the comma, semicolon or tab that the first line has most of. A byte order mark
    is passed by, and lines may end in LF, CR LF or CR.

    Raises:
        DelimitedError: bytes that are no text in UTF-8, quotes that do not keep to RFC 4180, names
            that are missing or twice, rows of another width, or no row.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        # "utf-8-sig" also reads files without a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, rows = _opened(_without_nul(file, path), path)
            schema = dict.fromkeys(names, pl.String)
            chunks, lines = [pl.DataFrame(schema=schema)], []
            while chunk := list(islice(rows, ROWS_AT_ONCE)):
                lines += [line for line, _ in chunk]
                fields = [row for _, row in chunk]
                chunks.append(pl.DataFrame(fields, schema=schema, orient="row"))
    except UnicodeDecodeError:
        raise _no_text(path, "CP1252") from None
    if not lines:
        raise DelimitedError(f"{path}: has no row below its names. Give at least one.")
    return pl.concat(chunks), pl.Series(lines, dtype=pl.Int64)


def _without_nul(lines: Iterable[str], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise _no_text(path, f"UTF-16 or damaged, for line {number} has a NUL byte")
        yield line


def _no_text(path: Path, otherwise: str) -> DelimitedError:
    with path.open("rb") as file:
        start = file.read(2)
    kind = next((name for magic, name in MAGIC.items() if start.startswith(magic)), otherwise)
    return DelimitedError(f"{path}: is not UTF-8, perhaps {kind}. Save it as csv in UTF-8.")


def _opened(lines: Iterator[str], path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Names of the columns, and the line and fields of each row."""
    first = next(lines, "")
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    names = [name.strip() for name in _next(reader, path) or []]
    if not names:
        raise DelimitedError(f"{path}: is empty. Expected are a line of names, and rows.")
    if twice := sorted({names.index(name) + 1 for name in names if names.count(name) > 1}):
        raise DelimitedError(f"{path}, line 1: the names of columns {twice} stand twice. Rename.")
    if "" in names:
        raise DelimitedError(
            f"{path}, line 1: column {names.index('') + 1} has no name. Name it, or leave it out "
            "where it is the index of pandas: to_csv(index=False)."
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
                raise DelimitedError(
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
        raise DelimitedError(
            f"{path}, line {reader.line_num}: quotes or line ends do not keep to RFC 4180. "
            'Write a quote inside of "quotes" twice.'
        ) from None
