"""Which MIMIC-IV release raw tables belong to: told by their headers, never by a folder's name."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files

from preprocessing.errors import DataContractError

# Those that columns tell apart, oldest first: v2.1 has the columns of v2.0, v3.1 those of v2.2.
RELEASES = ("v1", "v2.0", "v2.2")

# These lie in core/ in v1 and in hosp/ from v2.0 on.
CORE = frozenset({"hosp/patients", "hosp/admissions", "hosp/transfers"})

# Tables that tell the release and that every copy is likely to have.
EVIDENCE = (
    "hosp/patients",
    "hosp/admissions",
    "hosp/labevents",
    "hosp/d_labitems",
    "icu/chartevents",
)


@dataclass(frozen=True)
class Column:
    """One column: its name here (that of v2.2), its name in the file, its Arrow type."""

    name: str
    header: str
    type: str
    nullable: bool


Layout = tuple[Column, ...]


@dataclass(frozen=True)
class Header:
    """The column names of one file; a Parquet file is read by name, so its order is free."""

    file: str
    names: tuple[str, ...]
    ordered: bool = True

    def is_of(self, layout: Layout) -> bool:
        """Whether these are the columns of a layout, all of them and no other."""
        expected = [column.header for column in layout]
        return list(self.names) == expected or (
            not self.ordered and sorted(self.names) == sorted(expected)
        )


@cache
def layouts(release: str) -> Mapping[str, Layout]:
    """The columns of every table of a release, in file order.

    v2.2 is tables.tsv. v2.0 lacks the provider and caregiver columns and tables. v1 also
    lacks omr and ingredientevents, says `ethnicity` for `race` and has LOINC codes. Notes
    and radiographs have releases of their own, one layout each.

    Source: mimic-code, buildmimic/postgres/create.sql at the tags of these releases.

    >>> [column.header for column in layouts("v1")["hosp/d_labitems"]]
    ['itemid', 'label', 'fluid', 'category', 'loinc_code']
    """
    tables = {table: list(columns) for table, columns in _newest().items()}
    if release in {"v1", "v2.0"}:
        for table in ("hosp/provider", "icu/caregiver"):
            del tables[table]
        for table, columns in tables.items():
            tables[table] = [c for c in columns if not _names_staff(c.name)]
    if release == "v1":
        for table in ("hosp/omr", "icu/ingredientevents"):
            del tables[table]
        tables["hosp/admissions"] = [
            replace(c, header="ethnicity") if c.name == "race" else c
            for c in tables["hosp/admissions"]
        ]
        tables["hosp/d_labitems"].append(Column("loinc_code", "loinc_code", "string", True))
    return {table: tuple(columns) for table, columns in tables.items()}


@cache
def _newest() -> Mapping[str, Layout]:
    tables: dict[str, Layout] = {}
    text = files("preprocessing.datasets.mimic").joinpath("tables.tsv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        column = Column(row["column"], row["column"], row["type"], row["nullable"] == "1")
        tables[row["table"]] = (*tables.get(row["table"], ()), column)
    return tables


def _names_staff(column: str) -> bool:
    return column == "caregiver_id" or column.endswith("_provider_id")


def releases_of(table: str, header: Header) -> tuple[str, ...]:
    """The releases in which `table` has exactly these columns; empty if none.

    >>> releases_of("hosp/services", Header("services.csv", ("subject_id", "hadm_id",
    ...     "transfertime", "prev_service", "curr_service")))
    ('v1', 'v2.0', 'v2.2')
    """
    known = [release for release in RELEASES if table in layouts(release)]
    return tuple(r for r in known if header.is_of(layouts(r)[table]))


def release_of(headers: Mapping[str, Header]) -> str:
    """The newest release that all these tables fit.

    Args:
        headers: for each table, such as "icu/chartevents", what its file has.

    Raises:
        DataContractError: a table fits no release (the nearest one is named, and what
            differs), or the tables fit only different ones.
    """
    fits = {table: releases_of(table, header) for table, header in headers.items()}
    unknown = [describe_unknown(t, headers[t]) for t, releases in fits.items() if not releases]
    if unknown:
        raise DataContractError("\n".join(unknown))
    common = [r for r in RELEASES if all(r in releases for releases in fits.values())]
    if not common:
        raise DataContractError(_describe_mixture(headers, fits))
    return common[-1]


def describe_unknown(table: str, header: Header) -> str:
    """How a header differs from the nearest known layout, and what to do."""
    release, layout = _nearest(table, header)
    expected = [column.header for column in layout]
    found = list(header.names)
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    in_place = {expected[b.a + i] for b in matcher.get_matching_blocks() for i in range(b.size)}
    differences = {
        "missing": [c for c in expected if c not in found],
        "unexpected": [c for c in found if c not in expected],
        "out of order": [c for c in found if c in expected and c not in in_place],
        "repeated": sorted({c for c in found if found.count(c) > 1}),
    }
    return "\n".join(
        [
            f"{header.file} has a layout that no known release has.",
            f"  nearest known: {table} of {release}, {len(expected)} columns; found {len(found)}",
            *(f"  {kind}: {', '.join(names)}" for kind, names in differences.items() if names),
            f"  allowed, in this order: {', '.join(expected)}",
            "  Get the file anew from the release; do not rename, drop or move its columns.",
        ]
    )


def _nearest(table: str, header: Header) -> tuple[str, Layout]:
    found = set(header.names)

    def distance(release: str) -> float:
        expected = {column.header for column in layouts(release)[table]}
        return len(expected ^ found) / len(expected | found)

    known = [release for release in reversed(RELEASES) if table in layouts(release)]
    release = min(known, key=distance)
    return release, layouts(release)[table]


def _describe_mixture(headers: Mapping[str, Header], fits: Mapping[str, Sequence[str]]) -> str:
    telling = {table: fit for table, fit in fits.items() if len(fit) < len(RELEASES)}
    return "\n".join(
        [
            "These files are of different MIMIC-IV releases:",
            *(f"  {headers[table].file}: {' or '.join(fit)}" for table, fit in telling.items()),
            "Their columns tell, whatever the folder is called. Give a root whose files are all "
            "of one release (v2.0 stands for v2.1 too, v2.2 for v3.1).",
        ]
    )
