"""Rows of somebody's own: the same answer for training, for new rows and for other models."""

import codecs
import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from lanistr.errors import LanistrError
from lanistr.inference.rows import checked, read_table
from lanistr.modality import Modality
from tests.field.case import SECRET, Promise, Seen, case, run_step, without_folder
from tests.preprocessing.own_rows import parcels, write_own

ARCHIVES = "Archives and encodings"
SAVED_AGAIN = "Tables saved again"
CUT = "Repeated, cut and redacted rows"
MESSAGES = "Messages"
PATHS = "Paths and settings"

INPUTS = {
    Modality.TEXT: ("note",),
    Modality.TABULAR: tuple(name for name in parcels() if name not in ("parcel", "note")),
}


def read_training(folder: Path) -> Seen:
    """What `rows-read` makes of the files of a description."""
    files = {"output": "rows.parquet", "contents": "contents.json", "ledger": "ledger.json"}
    words = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    return run_step(folder, ["rows-read", "--description", folder / "own.yaml", *words])


def read_new(folder: Path, rows: Path) -> Seen:
    """What `rows-read` makes of new rows for a model of the rows that were read."""
    contents = json.loads((folder / "contents.json").read_text(encoding="utf-8"))
    (folder / "told.json").write_text(json.dumps(contents["description"]), encoding="utf-8")
    words = ["--description", folder / "told.json", "--base", folder, "--new", rows]
    output = ["--output", folder / "new.parquet", "--ledger", folder / "new.json"]
    return run_step(folder, ["rows-read", *words, *output])


def read_for_a_hospital(folder: Path, rows: Path) -> str | None:
    """The message of `predict` about rows for a model of no rows of one's own."""
    try:
        read_table(rows)
    except LanistrError as error:
        return without_folder(str(error), folder)
    return None


def read_csv(folder: Path, change: Callable[[bytes], bytes]) -> Seen:
    """What every reader of csv makes of bytes; it must be the same."""
    write_own(folder)
    assert read_training(folder).message is None
    before = pl.read_parquet(folder / "rows.parquet")
    path = folder / "parcels.csv"
    path.write_bytes(change(path.read_bytes()))
    seen = read_training(folder)
    assert read_new(folder, path).message == seen.message
    assert read_for_a_hospital(folder, path) == seen.message
    assert seen.message or pl.read_parquet(folder / "rows.parquet").equals(before)
    return seen


def declare(kind: str, what: str, promise: Promise, says: str, change: Any) -> None:
    """Declare a case of a csv file whose bytes are changed."""

    @case(kind, what, promise, says)
    def see(folder: Path) -> Seen:
        return read_csv(folder, change)


for what, says, change in (
    ("a byte order mark", "as without it", lambda raw: codecs.BOM_UTF8 + raw),
    ("CR LF at line ends", "as with LF", lambda raw: raw.replace(b"\n", b"\r\n")),
    ("CR alone at line ends", "as with LF", lambda raw: raw.replace(b"\n", b"\r")),
):
    declare(ARCHIVES, f"a csv of rows with {what}", "read", says, change)

for what, kind, change in (
    ("in UTF-16", "UTF-16", lambda raw: raw.decode().encode("utf-16")),
    (
        "in UTF-16 without its mark",
        "UTF-16 or damaged, for line 1 has a NUL byte",
        lambda raw: raw.decode().encode("utf-16-le"),
    ),
    ("in CP1252", "CP1252", lambda raw: raw + SECRET.encode() + b"\xe9"),
    (
        "with NUL bytes",
        "UTF-16 or damaged, for line 5 has a NUL byte",
        lambda raw: raw.replace(b"handle 3", b"\0 " + SECRET.encode()),
    ),
    ("that is a gzip file", "a gzip file", gzip.compress),
    ("that is an Excel workbook", "an Excel workbook", lambda _: b"PK\3\4\x14\0\6\0\xff"),
):
    says = f"parcels.csv: is not UTF-8, perhaps {kind}. Save it as csv in UTF-8."
    declare(ARCHIVES, f"a csv of rows {what}", "refused", says, change)

for what, says, change in (
    ("that is empty", "parcels.csv: is empty. ...", lambda _: b""),
    (
        "with its names alone",
        "parcels.csv: has no row below its names. Give at least one.",
        lambda raw: raw.splitlines(keepends=True)[0],
    ),
    (
        "with a row that is cut off",
        "parcels.csv, row 61 (line 62): has 2 fields, the first line names 11. ...",
        lambda raw: raw + f"p999,{SECRET}".encode(),
    ),
    (
        "with quotes that are never closed",
        "parcels.csv, line ...: quotes or line ends do not keep to RFC 4180. ...",
        lambda raw: raw.replace(b"shelf 2", b'"' + SECRET.encode(), 1),
    ),
):
    declare(CUT, f"a csv of rows {what}", "refused", says, change)

declare(
    SAVED_AGAIN,
    "a csv of rows with the index of pandas",
    "refused",
    "parcels.csv, line 1: column 1 has no name. ... index of pandas: to_csv(index=False).",
    lambda raw: b"".join(b"," + line for line in raw.splitlines(keepends=True)),
)


@case(
    MESSAGES,
    "a csv of rows without a line of names",
    "refused",
    "parcels.csv: none of the 11 columns is in the description. Does its first line name ...",
)
def headless(folder: Path) -> Seen:
    """No cell is taken for a name and shown."""
    write_own(folder)
    read_training(folder)
    path = folder / "parcels.csv"
    rest = path.read_bytes().partition(b"\n")[2]
    path.write_bytes(
        b"\n".join([b",".join(b"%s %d" % (SECRET.encode(), n) for n in range(11)), rest])
    )
    seen = read_training(folder)
    assert read_new(folder, path).message == seen.message
    try:
        checked(read_table(path), INPUTS)
    except LanistrError as error:
        assert "none of the 11 columns" in str(error) and SECRET not in str(error)
    else:
        raise AssertionError("read by predict")
    return seen


@case(
    ARCHIVES,
    "a description of rows in CP1252",
    "refused",
    "own.yaml: is not YAML in UTF-8.",
)
def described_in_cp1252(folder: Path) -> Seen:
    path = write_own(folder)
    path.write_bytes(path.read_bytes().replace(b"Parcels", SECRET.encode() + b"\xe9"))
    return read_training(folder)


@case(ARCHIVES, "a description of rows with a byte order mark", "read", "as without it")
def marked_description(folder: Path) -> Seen:
    path = write_own(folder)
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    return read_training(folder)


def read_both(folder: Path, cells: dict[str, list[Any]], **changes: Any) -> Seen:
    """What becomes of columns in csv and in Parquet; it must be the same."""
    found, rows = [], []
    for ending in ("csv", "parquet"):
        (folder / ending).mkdir()
        write_own(folder / ending, parcels() | cells, ending=ending, **changes)
        seen = read_training(folder / ending)
        message = (seen.message or "").replace("parcels.parquet", "parcels.csv")
        found.append(re.sub(r" \(line \d+\)", "", message) or None)
        if not seen.message:
            table = pl.read_parquet(folder / ending / "rows.parquet")
            rows.append(table.drop("image"))
    assert found[0] == found[1]
    assert not rows or rows[0].equals(rows[1])
    return Seen(found[0])


def sizes(third: str) -> dict[str, list[Any]]:
    """The column of sizes as text, with this one in the third row."""
    return {"size": [third if n == 2 else f"{n}.5" for n in range(60)]}


for what, written in (
    ("a sign of thousands", "1,234"),
    ("a comma for the point", "1,5"),
    ("an infinity", "infinity"),
    ("an underscore", "6_1"),
    ("hexadecimal digits", "0x3D"),
    ("a unit", f"5 {SECRET}"),
    ("more than 32 bits hold", "1e39"),
):

    @case(
        SAVED_AGAIN,
        f"a number with {what}, in csv or Parquet",
        "refused",
        "parcels.csv, row 3, column size: no number, in 1 row. ...",
    )
    def no_number(folder: Path, written: str = written) -> Seen:
        return read_both(folder, sizes(written))


@case(
    SAVED_AGAIN,
    "lists or structures in Parquet, in a column of text, numbers, times or answers",
    "refused",
    "parcels.parquet, column colour: holds Struct. Write texts, numbers or times.",
)
def structures(folder: Path) -> Seen:
    write_own(folder, parcels() | {"colour": [{SECRET: SECRET}] * 60}, ending="parquet")
    return read_training(folder)


@case(SAVED_AGAIN, "true and false as numbers, in csv or Parquet", "read", "1 and 0")
def flags(folder: Path) -> Seen:
    seen = read_both(folder, {"size": [True, False, None] * 20})
    sizes = pl.read_parquet(folder / "csv/rows.parquet")["size"]
    assert sizes.head(3).to_list() == [1.0, 0.0, None]
    return seen


for what, written in (
    ("a year of two digits, 02-01-24", "02-01-24"),
    ("seven digits, 2024111", "2024111"),
    ("second 60", "2024-01-01 08:00:60"),
):

    @case(
        SAVED_AGAIN,
        f"a date of {what}, in csv or Parquet",
        "refused",
        "parcels.csv, row 3, column sent: no date of the format ..., in 1 row. ...",
    )
    def no_date(folder: Path, written: str = written) -> Seen:
        return read_both(folder, {"sent": ["2024-01-01", "2024-01-02", written] + [None] * 57})


@case(SAVED_AGAIN, "times with a zone, in csv or Parquet", "read", "as that instant")
def zones(folder: Path) -> Seen:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    moments = pl.Series([start + timedelta(hours=n) for n in range(60)])
    seen = read_both(folder, {"sent": moments.dt.convert_time_zone("Asia/Kolkata").to_list()})
    first = pl.read_parquet(folder / "csv/rows.parquet")["sent"][0]
    assert first == start.timestamp()
    return seen


@case(SAVED_AGAIN, "ids and classes that pandas made 7.0", "read", "as 7")
def whole_floats(folder: Path) -> Seen:
    tasks = {"late": {"kind": "binary"}, "weight": {"kind": "regression"}}
    cells = {"parcel": [float(n) for n in range(60)], "late": [1.0, 0.0, None] * 20}
    seen = read_both(folder, cells, tasks=tasks, series=None)
    rows = pl.read_parquet(folder / "csv/rows.parquet")
    assert rows.filter(pl.col("row_id") == "7")["late"].to_list() == [0]
    return seen


@case(
    PATHS,
    "a path of a picture that leads out of the stated folder",
    "refused",
    "parcels.csv, row 2, column picture: a path outside of the root of the pictures, in 1 row. ...",
)
def outside(folder: Path) -> Seen:
    pictures = list(parcels()["picture"])
    pictures[1] = f"../{SECRET}.jpg"
    return read_both(folder, {"picture": pictures})
