"""The door for raw tables: found, whole, of one known release, and read by column name.

Nothing is skipped or repaired. A file that is cut short, fails its checksum, holds a NUL
byte, a row with too many or too few fields, a value that does not convert, a byte that
is not UTF-8 or a header alone is refused with one message that names file, line and column and
shows no cell. An empty field is null, quoted or not; a blank line and one trailing comma are not
data. Lines may end in LF or CRLF, but not both.
"""

import csv
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from preprocessing.datasets.mimic.rawfile import RawFile, check_parquet, parquet_schema
from preprocessing.datasets.mimic.release import (
    CORE,
    EVIDENCE,
    Header,
    layout_of,
    layouts,
    renamed,
)
from preprocessing.datasets.mimic.told import release_of
from preprocessing.engine import cells
from preprocessing.engine.checksums import check_sums
from preprocessing.engine.duckdb import connect, guard
from preprocessing.engine.intact import first_line, has_multiline_fields
from preprocessing.errors import DataContractError, SourceMissingError

ENDINGS = (".csv.gz", ".csv", ".parquet")

# First part of a table's name: configuration key, what that folder holds, where it comes from.
ORIGINS = {
    "hosp": ("mimic.root", "hosp/ and icu/ (v1: core/ too)", "mimiciv/2.2"),
    "icu": ("mimic.root", "hosp/ and icu/ (v1: core/ too)", "mimiciv/2.2"),
    "note": ("mimic.notes", "note/", "mimic-iv-note/2.2"),
    "mimic-cxr-2": ("mimic.cxr", "files/ and mimic-cxr-2.0.0-*.csv.gz", "mimic-cxr-jpg/2.0.0"),
}

# The anchor_year_group "2020 - 2022" came with v3.0.
FIRST_YEAR_OF_V3 = "2020"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One raw root: the tables asked for, found whole, and the release they are of.

    `release` is "v1", "v2.0" (also v2.1, which nothing in the tables tells from it), "v2.2" or
    "v3.1".
    """

    root: Path
    release: str
    files: Mapping[str, RawFile]

    def path(self, table: str) -> Path:
        """The file of a table, whichever its folder and ending."""
        return self.files[table].path

    def scan(
        self, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
    ) -> duckdb.DuckDBPyRelation:
        """The named columns, typed, under the names of v2.2; nothing is read yet.

        The file is read once each time that the relation is consumed: do so inside
        `guard`, which is where bad rows are reported.
        """
        file = self.files[table]
        by_name = {column.name: column for column in file.layout}
        wanted = [by_name[name] for name in columns]
        return con.sql(f"SELECT {', '.join(map(file.typed, wanted))} FROM {file.sql()}")

    def read(
        self, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
    ) -> pl.DataFrame:
        """A small table, collected.

        Raises:
            DataContractError: a row that cannot be read.
        """
        with self.guard():
            return self.scan(con, table, columns).pl()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn errors on reading these files into messages that show no cell of the data."""
        with guard([file.path for file in self.files.values()]):
            try:
                yield
            # Results that are streamed as Arrow batches raise OSError.
            except (duckdb.Error, OSError) as error:
                if not (place := cells.MARKER.search(str(error))):
                    raise
                path, header = place.groups()
                file = next(file for file in self.files.values() if str(file.path) == path)
                raise file.refusal(header) from None


def open_source(root: Path, tables: Sequence[str], *, streamed: Collection[str] = ()) -> Source:
    """Find tables below a raw root, read their headers, tell the release, see that they are whole.

    Args:
        root: a MIMIC-IV, MIMIC-IV-Note or MIMIC-CXR-JPG folder.
        tables: names such as "icu/chartevents", "note/discharge", "mimic-cxr-2.0.0-metadata".
        streamed: those that `blocks.blocks` will read, which checks them on the way.

    Raises:
        SourceMissingError: names all files that are missing.
        DataContractError: a table in two files, an unknown layout, tables of different
            releases, a damaged file, one that is not what SHA256SUMS.txt lists.
    """
    paths = _find_all(root, tables)
    headers = {table: _header(path) for table, path in paths.items()}
    release = _told_by_contents(root, release_of({**_evidence(root, tables), **headers}))
    known = {table: layout_of(table, header, release) for table, header in headers.items()}
    for table, path in paths.items():
        if path.suffix == ".parquet":
            check_parquet(path, known[table])
    checked = {table: path for table, path in paths.items() if table not in streamed}
    with ThreadPoolExecutor(max_workers=2) as pool:
        multiline = dict(zip(checked, pool.map(_is_multiline, checked.values()), strict=True))
    check_sums(root, paths.values())
    logger.info("%s: %d tables, columns of %s", root, len(paths), release)
    for table, layout in known.items():
        for remark in renamed(layout):
            logger.info("%s: %s", paths[table], remark)
    files = {
        table: RawFile(path, known[table], multiline.get(table, True))
        for table, path in paths.items()
    }
    return Source(root, release, files)


def has_table(root: Path, table: str) -> bool:
    """Whether a raw root holds a table, for those that may be missing."""
    return bool(_candidates(root, table))


def _find_all(root: Path, tables: Sequence[str]) -> dict[str, Path]:
    found = {table: _candidates(root, table) for table in tables}
    if not all(found.values()):
        raise SourceMissingError(_describe_missing(root, [t for t in tables if not found[t]]))
    double = [", ".join(map(str, paths)) for paths in found.values() if len(paths) > 1]
    if double:
        raise DataContractError(
            "One table in two files, which may differ:\n  "
            + "\n  ".join(double)
            + "\nKeep one of them, or give a folder of links to those that you mean."
        )
    return {table: paths[0] for table, paths in found.items()}


def _candidates(root: Path, table: str) -> list[Path]:
    """The files that a table has.

    Raises:
        SourceMissingError: something else stands in the place of one.
    """
    places = [table, table.replace("hosp/", "core/")] if table in CORE else [table]
    paths = [root / f"{place}{ending}" for place in places for ending in ENDINGS]
    # A table that may be absent is not, where a link to it leads nowhere.
    if odd := [path for path in paths if os.path.lexists(path) and not path.is_file()]:
        raise SourceMissingError(
            f"{odd[0]} is there, but is no file: a folder, or a link that leads to none. "
            "Put the file there, or remove what stands in its place."
        )
    return [path for path in paths if path.is_file()]


def _describe_missing(root: Path, tables: Sequence[str]) -> str:
    key, holds, project = next(v for k, v in ORIGINS.items() if tables[0].startswith(k))
    folders = sorted({t.split("/")[0] for t in tables if "/" in t})
    absent = [f"{folder}/" for folder in folders if not (root / folder).is_dir()]
    lines = [f"{root} lacks what this step reads:" if root.is_dir() else f"{root} is no folder:"]
    lines += [f"  {table}  ({' or '.join(ENDINGS)})" for table in tables]
    if root.is_dir() and absent:
        lines.append(f"It has no folder {' and no folder '.join(absent)}.")
    lines.append(
        f"Set {key} to the folder that holds {holds}. The files come from "
        f"https://physionet.org/content/{project}/ under its data use agreement."
    )
    return "\n".join(lines)


def _evidence(root: Path, tables: Sequence[str]) -> dict[str, Header]:
    """Headers of tables that tell the release, so that every step comes to the same one."""
    if not any(table.startswith(("hosp/", "icu/")) for table in tables):
        return {}
    found = {table: _candidates(root, table) for table in EVIDENCE if table not in tables}
    return {table: _header(paths[0]) for table, paths in found.items() if paths}


def _told_by_contents(root: Path, release: str) -> str:
    """v3.1 has the columns of v2.2, and patients of later years."""
    paths = _candidates(root, "hosp/patients")
    if release != "v2.2" or not paths:
        return release
    patients = RawFile(paths[0], layouts(release)["hosp/patients"], _is_multiline(paths[0]))
    source = Source(root, release, {"hosp/patients": patients})
    con = connect(memory_limit="500MB", threads=1)
    groups = source.read(con, "hosp/patients", ["anchor_year_group"])["anchor_year_group"]
    return "v3.1" if groups.str.starts_with(FIRST_YEAR_OF_V3).any() else release


def _header(path: Path) -> Header:
    if path.suffix == ".parquet":
        return Header(str(path), tuple(parquet_schema(path)), ordered=False)
    return Header(str(path), tuple(next(csv.reader([first_line(path)]))))


def _is_multiline(path: Path) -> bool:
    return path.suffix != ".parquet" and has_multiline_fields(path)
