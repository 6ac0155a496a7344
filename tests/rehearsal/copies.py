"""Raw tables of any length out of short ones: copies with identifiers of their own.

A table is written once with places for its identifiers; a copy fills in the digits and is
compressed, at the speed of the disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
from isal import igzip

# Digits of an identifier, as in the releases.
WIDTH = 8
# The first number of each identifier, so that none is mistaken for another; those of people are
# shared by tables, the others name rows.
OF_PEOPLE = {"subject_id": 10_000_000, "hadm_id": 20_000_000, "stay_id": 30_000_000}
OF_ROWS = {"study_id": 50_000_000, "dicom_id": 10_000_000, "note_id": 10_000_000}
FIRST = OF_PEOPLE | OF_ROWS
MARKS = {name: chr(number) for number, name in enumerate(FIRST, start=1)}


@dataclass(frozen=True)
class Template:
    """A table as bytes, and for each identifier where it stands and which it is.

    Attributes:
        header: the line of names.
        text: the rows.
        places: by identifier the first byte of each occurrence, and its rank among `sizes`.
        sizes: how many of each identifier one copy has.
    """

    header: bytes
    text: np.ndarray
    places: Mapping[str, tuple[np.ndarray, np.ndarray]]
    sizes: Mapping[str, int]

    def copy(self, number: int, people: int) -> bytes:
        """The rows with the identifiers of a copy; of every `people` copies people come again."""
        text = self.text.copy()
        for name, (where, rank) in self.places.items():
            nth = number % people if name in OF_PEOPLE else number
            first, size = FIRST[name] + nth * self.sizes[name], self.sizes[name]
            digits = np.array([list(f"{n:0{WIDTH}d}".encode()) for n in range(first, first + size)])
            text[where[:, None] + np.arange(WIDTH)] = digits[rank]
        return text.tobytes()


def read(path: Path) -> pl.DataFrame:
    """A raw table, every cell as it stands."""
    return pl.read_csv(path, infer_schema=False)


def ranks(tables: Iterable[pl.DataFrame]) -> dict[str, dict[str, int]]:
    """Each identifier of people in any of the tables, numbered from 0."""
    found: dict[str, set[str]] = {name: set() for name in OF_PEOPLE}
    for table in tables:
        for name in found.keys() & set(table.columns):
            found[name] |= set(table[name].drop_nulls())
    return {
        name: dict(zip(sorted(all_of), count(), strict=False)) for name, all_of in found.items()
    }


def template_of(table: pl.DataFrame, known: Mapping[str, Mapping[str, int]]) -> Template:
    """A table with places for its identifiers; those of people are `ranks` of all tables."""
    numbers = {**known}
    for name in OF_ROWS.keys() & set(table.columns):
        numbers[name] = dict(zip(table[name].unique().sort(), count(), strict=False))

    def place(name: str) -> pl.Expr:
        rank = pl.col(name).replace_strict(numbers[name], return_dtype=pl.String)
        return MARKS[name] + rank.str.zfill(WIDTH - 1)

    columns = {name: place(name) for name in FIRST if name in table.columns}
    if "dicom_id" in columns:
        columns["dicom_id"] += pl.col("dicom_id").str.slice(WIDTH)
    if "note_id" in columns:
        kind = pl.col("note_id").str.split("-").list.get(1)
        columns["note_id"] = pl.concat_str(
            columns["subject_id"], pl.lit("-"), kind, pl.lit("-"), columns["note_id"]
        )
    header, _, rows = table.with_columns(**columns).write_csv().encode().partition(b"\n")
    text = np.frombuffer(rows, np.uint8)
    places = {}
    for name in columns:
        where = np.flatnonzero(text == ord(MARKS[name]))
        digits = text[where[:, None] + np.arange(1, WIDTH)].astype(np.int64) - ord("0")
        places[name] = where, digits @ 10 ** np.arange(WIDTH - 2, -1, -1)
    sizes = {name: len(numbers[name]) for name in columns}
    return Template(header + b"\n", text, places, sizes)


def write_copies(template: Template, path: Path, copies: int, people: int) -> None:
    """Write so many copies of a table as csv.gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with igzip.open(path, "wb", compresslevel=1) as file:
        file.write(template.header)
        for number in range(copies):
            file.write(template.copy(number, people))
