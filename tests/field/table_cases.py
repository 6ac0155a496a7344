"""Tables of MIMIC that another program saved again: columns, numbers and times that it changed."""

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from preprocessing.datasets.mimic.release import layouts
from tests.field.case import SECRET, Seen, case
from tests.field.mimic_root import MimicRoot

KIND = "Tables saved again"
STAYS, CHARTS, ADMISSIONS = "icu/icustays", "icu/chartevents", "hosp/admissions"


def numbered(text: str) -> str:
    """A table as pandas' to_csv writes it, with its index."""
    header, *rows = text.splitlines()
    return "\n".join([f",{header}", *(f"{n},{row}" for n, row in enumerate(rows)), ""])


@case(
    KIND,
    "a table that pandas saved with its index",
    "refused",
    "mimic/icu/icustays.csv.gz has 1 column without a name, as pandas writes the index of a table.",
)
def index_column(folder: Path) -> Seen:
    seen = MimicRoot(folder).rewrite(STAYS, numbered).cohort()
    assert "to_csv(index=False)" in str(seen.message)
    assert "unexpected" not in str(seen.message)
    again = MimicRoot(folder).rewrite(STAYS, lambda text: "Unnamed: 0" + numbered(text)).cohort()
    assert again == seen
    return seen


@case(
    KIND,
    "admissions of v2 whose race is called ethnicity, as for MedFuse's extraction",
    "noted",
    "column ethnicity read as race",
)
def ethnicity(folder: Path) -> Seen:
    plain = MimicRoot(folder).write()
    assert plain.cohort().message is None
    plain.tabular()
    expected = pl.read_parquet(folder / "tabular.parquet")
    root = MimicRoot(folder).rewrite(ADMISSIONS, lambda text: text.replace("race", "ethnicity", 1))
    assert root.cohort().message is None
    seen = root.tabular()
    assert pl.read_parquet(folder / "tabular.parquet").equals(expected)
    return seen


@case(
    KIND,
    "a column with a name of one's own",
    "refused",
    "mimic/hosp/admissions.csv.gz has a layout that no known release has.",
)
def renamed(folder: Path) -> Seen:
    root = MimicRoot(folder).rewrite(ADMISSIONS, lambda text: text.replace("race", "origin", 1))
    seen = root.cohort()
    for words in (
        "hosp/admissions of v2.2",
        "missing: race\n",
        "unexpected: column 13, whose name no table has\n",
    ):
        assert words in str(seen.message)
    return seen


@case(
    KIND,
    "a table without its header line",
    "refused",
    "mimic/hosp/patients.csv.gz has a first line that looks like data, not like a header: "
    "6 of 6 fields are no known column.",
)
def headless(folder: Path) -> Seen:
    root = MimicRoot(folder)
    root.tables["hosp/patients"][0] |= {"gender": SECRET, "anchor_age": 61}
    seen = root.rewrite("hosp/patients", lambda text: text.split("\n", 1)[1]).cohort()
    assert "10000101" not in str(seen.message)
    return seen


@case(
    KIND,
    "a table whose fields are separated by semicolons",
    "refused",
    "mimic/icu/icustays.csv.gz has its fields separated by semicolons, not by commas.",
)
def semicolons(folder: Path) -> Seen:
    return MimicRoot(folder).rewrite(STAYS, lambda text: text.replace(",", ";")).cohort()


@case(
    KIND,
    "a table with its header alone",
    "refused",
    "mimic/icu/chartevents.csv.gz has no row, its header alone. ...",
)
def header_alone(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    seen = root.rewrite(CHARTS, lambda text: text.split("\n")[0] + "\n").series()
    small = root.rewrite(STAYS, lambda text: text.split("\n")[0] + "\n").cohort()
    assert "icustays.csv.gz has no row" in str(small.message)
    return seen


@case(KIND, "identifiers that pandas wrote as 20000101.0", "read", "the whole number")
def floats(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    expected = root.series()
    for table in (STAYS, CHARTS, "hosp/labevents"):
        for row in root.tables[table]:
            row["hadm_id"] = f"{row['hadm_id']}.0"
    root.write()
    assert root.cohort().message is None
    assert root.series() == expected
    return expected


def refused_alike(folder: Path, table: str, column: str, cell: str) -> Seen:
    """What a cell does in csv and, as text and where it can be as a number, in Parquet."""
    root = MimicRoot(folder).write()
    step = root.series if table in (CHARTS, "hosp/labevents") else root.cohort
    assert root.cohort().message is None
    root.tables[table][2][column] = cell
    root.write()
    seen = step()
    frame = pl.read_csv(io.StringIO(root.text(table)), infer_schema=False)
    types: list[Callable[[pl.Expr], pl.Expr]] = [lambda text: text]
    if cell.replace(".", "", 1).isdecimal():
        types.append(lambda text: text.cast(pl.Float64))
    for change in types:
        path = root.put(table, b"", ".parquet")
        frame.with_columns(change(pl.col(column))).write_parquet(path)
        again = step()
        expected = str(seen.message).replace(".csv.gz, line 4", ".parquet, row 3")
        assert again.message == expected
    assert cell not in str(seen.message)
    return seen


def declare_refused(table: str, column: str, cell: str, wrong: str, what: str) -> None:
    """A case of `refused_alike`."""
    (wanted,) = (c.type for c in layouts("v2.2")[table] if c.name == column)
    place = f"mimic/{table}.csv.gz, line 4: {column} {wrong}; allowed: "
    allowed = "a whole number" if wanted.startswith("int") else "..."
    case(KIND, f"{what}, in csv or Parquet", "refused", f"{place}{allowed}. ...")(
        lambda folder: refused_alike(folder, table, column, cell)
    )


NO_SHORT, NO_INTEGER = "does not convert to SMALLINT", "does not convert to INTEGER"
declare_refused(ADMISSIONS, "hospital_expire_flag", "0.6", NO_SHORT, "a death that is 0.6")
declare_refused("hosp/patients", "anchor_age", "61.5", NO_SHORT, "an age with a fraction")
declare_refused("hosp/patients", "anchor_age", "6e1", NO_SHORT, "an age as 6e1")
declare_refused("hosp/patients", "anchor_age", "0x3D", NO_SHORT, "an age as 0x3D")
declare_refused("hosp/patients", "anchor_age", "6_1", NO_SHORT, "an age as 6_1")
declare_refused(STAYS, "stay_id", "30000102.5", NO_INTEGER, "a stay with a fraction")
declare_refused(CHARTS, "stay_id", "30000102.5", NO_INTEGER, "a charted stay with a fraction")
declare_refused(STAYS, "los", "infinity", "does not convert to DOUBLE", "an endless stay")
declare_refused(
    STAYS, "intime", "2150-05-01 08:00:00+02:00", "has a time zone", "a time with its zone"
)
declare_refused(
    STAYS, "intime", "5/1/2150 8:00", "does not convert to TIMESTAMP", "a time as Excel writes it"
)


@case(
    KIND,
    "times of chartevents with a zone",
    "refused",
    "mimic/icu/chartevents.csv.gz: charttime or storetime has a time zone; ...",
)
def charted_zone(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    for row in root.tables[CHARTS]:
        row["charttime"] = f"{row['charttime']}Z"
    return root.write().series()


@case(
    KIND,
    "times with a T, or without seconds, in small tables and chartevents",
    "read",
    "as the same moment",
)
def iso_times(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    expected = root.series()
    series = pl.read_parquet(folder / "series.parquet")
    for table, column in ((STAYS, "intime"), (STAYS, "outtime"), (CHARTS, "charttime")):
        for number, row in enumerate(root.tables[table]):
            row[column] = str(row[column]).replace(" ", "T")[: 16 if number % 2 else 19]
    root.write()
    assert root.cohort().message is None
    assert root.series() == expected
    assert pl.read_parquet(folder / "series.parquet").equals(series)
    return expected
