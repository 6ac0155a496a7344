"""The layouts of the MIMIC-IV releases, and those that a header fits."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

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

# Names that a column has in copies of a release whose own name is another: v1's, which users of
# MedFuse's extraction give to the column of v2.
ALIASES = {("hosp/admissions", "race"): "ethnicity"}


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


def layout_of(table: str, header: Header, release: str) -> Layout:
    """The columns of a file whose header fits the release, under the names that the file has."""
    return next(layout for layout in _variants(table, release) if header.is_of(layout))


def _variants(table: str, release: str) -> tuple[Layout, ...]:
    """The layout of a table, and the one with its column under another release's name."""
    layout = layouts(release)[table]
    other = tuple(replace(c, header=ALIASES.get((table, c.header), c.header)) for c in layout)
    return layout, other


def renamed(layout: Layout) -> list[str]:
    """Which columns are read under another name than the file's, as remarks for a ledger."""
    return [f"column {c.header} read as {c.name}" for c in layout if c.header != c.name]


def releases_of(table: str, header: Header, *, aliases: bool = False) -> tuple[str, ...]:
    """The releases in which `table` has exactly these columns; empty if none.

    Args:
        table: such as "hosp/services".
        header: what its file has.
        aliases: whether a column may have the name that it has in another release.

    >>> releases_of("hosp/services", Header("services.csv", ("subject_id", "hadm_id",
    ...     "transfertime", "prev_service", "curr_service")))
    ('v1', 'v2.0', 'v2.2')
    """
    known = [release for release in RELEASES if table in layouts(release)]
    allowed = 2 if aliases else 1
    return tuple(r for r in known if any(map(header.is_of, _variants(table, r)[:allowed])))
