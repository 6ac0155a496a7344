"""Gzip csv tables in the layouts of MIMIC's `tables.tsv`, appended chunk by chunk."""

import io
import shutil
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl
from isal import igzip

from preprocessing.errors import ConfigError

MARKER = "GENERATED.txt"
# What a generated root may hold; nothing else is ever removed.
OWN_PATHS = ("hosp", "icu", "note", "files", "mimic-cxr-2.0.0-*.csv.gz")


@cache
def layout(table: str) -> dict[str, str]:
    """The columns of a table in file order, each with its Arrow type.

    >>> layout("hosp/d_labitems")
    {'itemid': 'int32', 'label': 'string', 'fluid': 'string', 'category': 'string'}
    """
    text = (resources.files("preprocessing.datasets.mimic") / "tables.tsv").read_text(
        encoding="utf-8"
    )
    rows = (line.split("\t") for line in text.splitlines())
    # Both labellers' files have the same columns; only one is listed.
    listed = table.replace("negbio", "chexpert")
    columns = {column: kind for name, column, kind, _ in rows if name == listed}
    if not columns:
        raise KeyError(f"{table} is not in tables.tsv")
    return columns


def format_columns(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The columns of `table` in file order: epoch seconds become times, what is absent is null."""

    def column(name: str, kind: str) -> pl.Expr:
        if name not in frame.columns:
            return pl.lit(None, pl.String).alias(name)
        if kind.startswith("timestamp"):
            return pl.from_epoch(name, "s")
        return pl.from_epoch(name, "s").cast(pl.Date) if kind == "date32" else pl.col(name)

    return frame.select(column(name, kind) for name, kind in layout(table).items())


class TableWriter:
    """One table, compressed as it is written, so that memory holds one chunk at a time.

    The gzip header carries no time and no name: the same rows give the same bytes.
    """

    def __init__(self, root: Path, table: str):
        self.table = table
        self.rows = 0
        path = root / f"{table}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        # Level 1 is 30 % faster than level 2 and its files are 5 % larger.
        self._gzip = igzip.IGzipFile(
            filename="", mode="wb", compresslevel=1, fileobj=self._file, mtime=0
        )
        self._gzip.write((",".join(layout(table)) + "\n").encode())

    def append(self, frame: pl.DataFrame) -> None:
        """Add the rows of `frame`, whose columns may be more or fewer than those of the table."""
        text = io.BytesIO()
        format_columns(frame, self.table).write_csv(
            text, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S"
        )
        self._gzip.write(text.getbuffer())
        self.rows += frame.height

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gzip.close()
        self._file.close()


def write_table(root: Path, table: str, frame: pl.DataFrame) -> None:
    """Write a table that fits in memory."""
    with TableWriter(root, table) as writer:
        writer.append(frame)


def prepare_root(root: Path, remark: str) -> None:
    """Make room for a generated root and mark it as generated, before anything else is written.

    Raises:
        ConfigError: the folder holds such data already and is not marked as generated.
    """
    present = [path for pattern in OWN_PATHS for path in root.glob(pattern)]
    # Folders without a file are what a workflow prepares for its outputs.
    holding = [
        path for path in present if path.is_file() or any(map(Path.is_file, path.rglob("*")))
    ]
    if holding and not (root / MARKER).is_file():
        names = ", ".join(sorted(path.name for path in holding))
        raise ConfigError(
            f"{root} holds {names} but no {MARKER}: these may be real data, nothing was written. "
            "Name another folder, or move them away."
        )
    for path in present:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).write_text(remark, encoding="utf-8")


def number_text(values: np.ndarray) -> pl.Series:
    """Numbers as MIMIC prints them: shortest form, no `.0`, nothing for NaN.

    >>> number_text(np.array([98.6, 120.0, np.nan])).to_list()
    ['98.6', '120', None]
    """
    return pl.Series(values).fill_nan(None).cast(pl.String).str.strip_suffix(".0")


def packaged_table(name: str) -> pl.DataFrame:
    """A tab-separated table of this package, every cell as text, empty cells null."""
    text = (resources.files("synthetic") / name).read_bytes()
    return pl.read_csv(text, separator="\t", infer_schema=False, quote_char=None)
