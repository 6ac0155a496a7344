"""Inputs of the canonical rows: what a model reads of a row, whether it is trained on or new."""

import os
from pathlib import Path

import polars as pl

from preprocessing.datasets.rows.description import Column, Description
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.source import Source
from preprocessing.datasets.rows.values import parse_category, parse_number, parse_text, parse_time
from preprocessing.ledger import Ledger
from reading.paths import located

NO_FILE = "a path is given, but there is no file"


def read_inputs(
    description: Description, source: Source, ledger: Ledger, problems: Problems
) -> pl.DataFrame:
    """The columns `text` and `image` and those of the table, as far as the description has them.

    Args:
        description: says what the columns are.
        source: has these columns.
        ledger: gets the pictures that are not there.
        problems: gets values that do not convert, and paths that lead out of their folder.
    """
    frame = pl.DataFrame(height=source.frame.height)
    if texts := description.named("text"):
        pieces = source.frame.select(parse_text(source.frame[name]) for name in texts)
        joined = pl.concat_str(
            pl.all(), separator=description.text_separator, ignore_nulls=True
        ).replace("", None)
        frame = frame.with_columns(pieces.select(joined.alias("text")))
    for name in description.named("image"):
        frame = frame.with_columns(_pictures(description, name, source, ledger, problems))
    for name in description.table:
        column = _converted(source, name, description.columns[name], problems)
        frame = frame.with_columns(column.alias(name))
    return frame


def _converted(source: Source, name: str, column: Column, problems: Problems) -> pl.Series:
    raw = source.frame[name]
    if column.type == "number":
        return converted_numbers(source, name, problems)
    if column.type == "date":
        seconds = parse_time(raw, column.format)
        problems.add_rows(
            source,
            name,
            raw.is_not_null() & seconds.is_null(),
            f"no date of the format {column.format or 'YYYY-MM-DD, with HH:MM:SS or without'}",
            f'Write them alike, or say columns: {name}: {{type: date, format: "%d/%m/%Y"}}.',
        )
        return seconds
    return parse_category(raw)


def converted_numbers(source: Source, name: str, problems: Problems) -> pl.Series:
    """A column as numbers; what is none is a problem."""
    raw = source.frame[name]
    number = parse_number(raw)
    known = parse_text(raw).is_not_null() if raw.dtype == pl.String else raw.is_not_null()
    problems.add_rows(
        source,
        name,
        known & number.is_null(),
        "no number",
        "Write numbers with a point and without signs of thousands, such as 1234.5, add what "
        "stands for nothing to rows.nulls, or say that it is a category.",
    )
    return number


def _pictures(
    description: Description, name: str, source: Source, ledger: Ledger, problems: Problems
) -> pl.Series:
    """Bytes as they are; of a path the file, which must be below the stated root."""
    raw = source.frame[name].alias("image")
    if raw.dtype == pl.Binary:
        return raw.set(raw.bin.size() == 0, None)
    root = _root(description, name)
    paths = _paths(root, raw)
    kind = "" if root.is_dir() else ", which is no folder"
    outside = pl.Series([path is not None and not path.is_relative_to(root) for path in paths])
    problems.add_rows(
        source,
        name,
        outside.cast(pl.Boolean),
        "a path outside of the root of the pictures",
        f"Give paths below it, or another columns.{name}.root.",
    )
    lost = pl.Series([path is not None and not _is_there(path, root) for path in paths])
    lost = lost.cast(pl.Boolean) & ~outside.cast(pl.Boolean)
    if description.missing_pictures == "absent":
        ledger.note("rows", f"picture absent: {NO_FILE}", int(lost.sum()))
    else:
        problems.add_rows(
            source,
            name,
            lost,
            "a picture that is not there",
            f"Paths are taken relative to columns.{name}.root ({root.name}{kind}). Leave the cell "
            "empty where there is no picture, or say missing_pictures: absent.",
        )
    kept = [None if gone else path for path, gone in zip(paths, lost | outside, strict=True)]
    return pl.Series("image", [path and str(path) for path in kept], dtype=pl.String)


def pictures_named(description: Description, source: Source) -> tuple[list[Path], list[Path]]:
    """The files that the rows name and that are not there, and those that are; in one order."""
    paths = {
        path
        for name in description.named("image")
        if source.frame[name].dtype != pl.Binary
        for path in _paths(_root(description, name), source.frame[name])
        if path and path.is_relative_to(_root(description, name))
    }
    there = {path for path in paths if os.path.isfile(path)}
    return sorted(paths - there), sorted(there)


def _root(description: Description, name: str) -> Path:
    return (description.folder / description.columns[name].root).resolve()


def _paths(root: Path, raw: pl.Series) -> list[Path | None]:
    return [None if name is None else located(root, name) for name in parse_text(raw)]


def _is_there(path: Path, root: Path) -> bool:
    # Unlike `Path.is_file` it also answers of a text that is too long for a path.
    return path.is_relative_to(root) and os.path.isfile(path)
