"""New rows, checked: which columns they have, and which modalities each row has.

| Modality | Columns |
| :-- | :-- |
| text | `text`: a string |
| image | `image`: a path below the folder of the rows or of `--pictures`, or the bytes of a file |
| tabular | one for each category and number of the training data |
| timeseries | `timeseries`: hours * values, in clinical units |
|            | `observed`: hours * variables, 1 = measured in that hour, else 0 |

Null means absent; a table is absent where all of its columns are null. `sample_id` may name the
rows in the results.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lanistr.errors import DataContractError
from lanistr.modality import Modality
from reading.columns import type_name
from reading.delimited import NULLS, DelimitedError, read_delimited
from reading.paths import located

log = logging.getLogger(__name__)

NewRows = pl.DataFrame | Iterable[Mapping[str, Any]]
"""A table, or one mapping per row."""

SAMPLE_ID = "sample_id"
LARGEST = float(np.finfo(np.float32).max)
# What columns of csv may be; an id of digits that no whole number holds stays as it is.
NUMBERS, IDS = (pl.Int64, pl.Float64), (pl.Int64,)
TEXT, IMAGE, SERIES, OBSERVED = "text", "image", "timeseries", "observed"

Inputs = Mapping[Modality, tuple[str, ...]]
"""The columns of each modality that a model reads."""


@dataclass(frozen=True)
class Rows:
    """Rows of which each has something that the model reads.

    Attributes:
        table: one row per sample.
        present: True = the row has it, (N,) bool each; of the modalities that the model reads.
        first: number of the first row, counted from 0 over all rows.
    """

    table: pl.DataFrame
    present: Mapping[Modality, np.ndarray]
    first: int = 0

    def __len__(self) -> int:
        return self.table.height

    def slices(self, size: int) -> Iterator[Rows]:
        """All rows in their order, so many at a time."""
        for start in range(0, len(self), size):
            here = slice(start, start + size)
            some = {modality: flags[here] for modality, flags in self.present.items()}
            yield Rows(self.table[here], some, self.first + start)

    def only(self, modalities: Iterable[Modality]) -> Rows:
        """The rows as if they had nothing but these modalities.

        Raises:
            DataContractError: the model does not read one of them, or rows have none of them.
        """
        kept = frozenset(modalities)
        if unknown := sorted(kept - self.present.keys()):
            raise DataContractError(
                f"modalities: found {unknown}, the model reads {sorted(self.present)}."
            )
        present = {modality: flags for modality, flags in self.present.items() if modality in kept}
        check_not_empty(present)
        return Rows(self.table, present, self.first)

    def described(self) -> pl.DataFrame:
        """How results begin: `sample_id`, where given, and `modalities`, such as "text+image"."""
        names = np.array(list(self.present), dtype=object)
        flags = np.stack(list(self.present.values()), axis=1)
        listed = ["+".join(names[row]) for row in flags]
        kept = [column for column in self.table.columns if column == SAMPLE_ID]
        told = self.table.with_columns(modalities=pl.Series(listed, dtype=pl.String))
        return told.select(*kept, "modalities")


def read_table(path: Path) -> pl.DataFrame:
    """The rows of a .parquet or .csv file; time series need the former.

    Raises:
        DataContractError: no such file, or it cannot be read.
    """
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": partial(pl.read_parquet, glob=False),
        ".csv": _read_csv,
    }
    if path.suffix not in readers:
        raise DataContractError(
            f"{path}: found the ending {path.suffix!r}, allowed are {sorted(readers)}."
        )
    try:
        table = readers[path.suffix](path)
    except (FileNotFoundError, IsADirectoryError):
        raise DataContractError(f"{path} is not there. Check the path.") from None
    except pl.exceptions.PolarsError as error:
        raise DataContractError(
            f"{path} could not be read ({type(error).__name__}). Is it {path.suffix[1:]}?"
        ) from None
    if table.is_empty():
        raise DataContractError(f"{path}: has no row. Give at least one.")
    return table


def _read_csv(path: Path) -> pl.DataFrame:
    """A table whose columns get the type that fits all of their values."""
    try:
        words, _ = read_delimited(path)
    except DelimitedError as error:
        raise DataContractError(str(error)) from None
    words = words.select(pl.all().replace("", None))
    return words.with_columns(
        _typed(words[name], IDS if name == SAMPLE_ID else NUMBERS)
        for name in words.columns
        if name not in (TEXT, IMAGE)
    )


def _typed(words: pl.Series, kinds: Sequence[type[pl.DataType]] = NUMBERS) -> pl.Series:
    """Strings as the first kind that all of them are; null for what stands for nothing.

    A column of codes with leading zeros keeps its strings.

    >>> _typed(pl.Series(["1", " ", "2.5", "NA"])).to_list()
    [1.0, None, 2.5, None]
    >>> _typed(pl.Series(["007", "12"])).to_list()
    ['007', '12']
    """
    plain = words.str.strip_chars()
    known = plain.set(plain.is_in(NULLS), None)
    if known.str.contains(r"^0\d").any():
        return known
    for kind in kinds:
        numbers = known.cast(kind, strict=False)
        if numbers.count() == known.count():
            return numbers
    return known


def make_table(rows: pl.DataFrame | Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a table; pandas frames are taken, and of mappings arrays and paths, too.

    Raises:
        DataContractError: values of a column differ in type.
    """
    if isinstance(rows, pl.DataFrame):
        return rows
    pandas = sys.modules.get("pandas")  # whoever has a frame of it has imported it
    if pandas and isinstance(rows, pandas.DataFrame):
        return pl.from_pandas(rows)
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    try:
        return pl.DataFrame(plain, infer_schema_length=None)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"rows: no table can be made of them ({type(error).__name__}). "
            "Give each column values of one type, and None for what is absent."
        ) from None


def _plain(value: Any) -> Any:
    """A value that polars knows."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value


def confined(table: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Rows whose paths of pictures are those of files below a folder, which they are relative to.

    Raises:
        DataContractError: a path leads out of the folder.
    """
    if table.schema.get(IMAGE) != pl.String:
        return table
    root = folder.resolve()
    paths = [None if name is None else located(root, name) for name in table[IMAGE]]
    outside = [n for n, path in enumerate(paths) if path and not path.is_relative_to(root)]
    if outside:
        raise DataContractError(
            f"rows: {len(outside)} paths of pictures lead out of {root}, such as that of row "
            f"{outside[0]} (from 0). Give paths below it, or name the folder that all pictures are "
            "below with --pictures."
        )
    return table.with_columns(pl.Series(IMAGE, [path and str(path) for path in paths], pl.String))


def checked(table: pl.DataFrame, inputs: Inputs) -> Rows:
    """Rows that a model with these inputs can read; how many have what is logged.

    Raises:
        DataContractError: unknown or missing columns, a type that does not fit, or rows without
            any modality.
    """
    _check_names(table.columns, inputs)
    _check_types(table)
    table = table.with_columns(
        _tidy(table[name]) for name in table.columns if name not in (SAMPLE_ID, IMAGE)
    )
    _check_finite(table)
    present = {modality: _present(table, names) for modality, names in inputs.items()}
    check_not_empty(present)
    counts = ", ".join(f"{modality} in {flags.sum()}" for modality, flags in present.items())
    log.info("%d rows: %s", table.height, counts)
    return Rows(table, present)


def _check_names(found: list[str], inputs: Inputs) -> None:
    """Refuse unknown columns, and modalities with some of their columns only."""
    known = [name for names in inputs.values() for name in names]
    # By their places, as a name that is not known may be a cell.
    unknown = [n for n, name in enumerate(found, start=1) if name not in (SAMPLE_ID, *known)]
    if unknown and not set(found) & {SAMPLE_ID, *known}:
        raise DataContractError(
            f"rows: none of the {len(found)} columns is one of the model's, {', '.join(known)}. "
            "Does the first line name the columns? Name them so."
        )
    missing = [
        name
        for names in inputs.values()
        if any(name in found for name in names)
        for name in names
        if name not in found
    ]
    if unknown or missing or not set(found) & set(known):
        listed = "; ".join(f"{modality}: {', '.join(names)}" for modality, names in inputs.items())
        raise DataContractError(
            f"rows: unknown columns, by place from 1: {unknown}; missing columns: {missing}. "
            f"Allowed are {SAMPLE_ID} and, all or none of a modality, {listed}. Null is absence."
        )


def _check_types(table: pl.DataFrame) -> None:
    """Refuse texts and images of another type, and columns of a table that hold lists or bytes."""
    allowed = {TEXT: (pl.String,), IMAGE: (pl.String, pl.Binary)}
    for name, kind in table.schema.items():
        if name not in (TEXT, IMAGE, SERIES, OBSERVED) and (kind.is_nested() or kind == pl.Binary):
            raise DataContractError(
                f"rows: {name} is of type {type_name(kind)}, allowed are texts and numbers."
            )
    for name, types in allowed.items():
        if name in table.columns and table.schema[name] not in (*types, pl.Null):
            raise DataContractError(
                f"rows: {name} is of type {type_name(table.schema[name])}, allowed is "
                f"{' or '.join(map(str, types))}."
            )


def _check_finite(table: pl.DataFrame) -> None:
    """Refuse numbers that are infinite, or larger than 32 bits hold."""
    infinite = {
        name: int((table[name].abs() > LARGEST).sum())
        for name, kind in table.schema.items()
        if kind.is_float() and name != SAMPLE_ID
    }
    if told := [f"{name}: {count}" for name, count in infinite.items() if count]:
        raise DataContractError(
            f"rows: infinite numbers, {', '.join(told)}. Leave the cells empty where a number is "
            "not known."
        )


def _tidy(column: pl.Series) -> pl.Series:
    """A column without the marks of the tool that wrote it.

    NaN and blank texts become null, whole numbers that a null made floats integers again, and
    "True" or "false" flags.
    """
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = column.is_finite().all() and (column == column.round()).all()
        return column.cast(pl.Int64) if whole else column
    if column.dtype == pl.String:
        words = pl.col(column.name)
        column = column.to_frame().select(pl.when(words.str.strip_chars() != "").then(words))[:, 0]
        lower = column.str.to_lowercase()
        if column.name != TEXT and lower.is_in(["true", "false"]).all():
            return (lower == "true").alias(column.name)
    return column


def _present(table: pl.DataFrame, names: Iterable[str]) -> np.ndarray:
    """True where any of the columns has a value, (N,) bool; text and series need their own."""
    found = [name for name in names if name in table.columns]
    decisive = [name for name in found if name in (TEXT, SERIES)] or found
    if not decisive:
        return np.zeros(table.height, bool)
    return table.select(pl.any_horizontal(pl.col(decisive).is_not_null())).to_series().to_numpy()


def check_not_empty(present: Mapping[Modality, np.ndarray]) -> None:
    """Refuse rows that have none of the modalities.

    Raises:
        DataContractError: says how many there are and where the first is.
    """
    nothing = np.flatnonzero(~np.logical_or.reduce(list(present.values())))
    if len(nothing):
        raise DataContractError(
            f"rows: {len(nothing)} have none of {', '.join(present)}, such as row {nothing[0]} "
            "(from 0): nothing can be said of them. Leave them out."
        )
