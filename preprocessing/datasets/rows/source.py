"""Tables of people: csv and Parquet files with the place of every row, read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from preprocessing.errors import DataContractError, SourceMissingError
from reading.delimited import DelimitedError, read_delimited


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
            raise DataContractError(
                f"{path}: is not Parquet ({type(error).__name__}). Save it again, or as csv in "
                "UTF-8."
            ) from None
        if frame.is_empty():
            raise DataContractError(f"{path}: has no row. Give at least one.")
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
    try:
        return read_delimited(path)
    except DelimitedError as error:
        raise DataContractError(str(error)) from None
