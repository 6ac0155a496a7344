"""Changes of whole files: archives, encodings, layouts of csv, and what is no file at all."""

import codecs
import csv
import gzip
import io
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.bad_input import (
    ANY,
    HONEST,
    READ,
    READ_OR_HONEST,
    READ_OR_REFUSED,
    REFUSED,
    Change,
    Promise,
    rewrite,
)
from tests.field.case import SECRET
from tests.field.loader import Table

Rows = list[list[str]]

PAGE = b"<!doctype html>\n<html><head><title>Log in</title></head>\n<body>\n</body></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
NOISE = random.Random(0).randbytes(4096)


def of_files(table: Table) -> Iterator[Change]:
    """Every change of a whole file that a table can have."""
    yield from _of_bytes(table)
    yield from _of_places(table)
    if table.is_json:
        yield from _of_lines()
    else:
        yield from _of_layouts(table)
        if table.named:
            yield from _of_names(table)


def _of_bytes(table: Table) -> Iterator[Change]:
    def change(what: str, promise: Promise, to: Callable[[bytes], bytes]) -> Change:
        return Change("encodings and archives", what, promise, rewrite(to))

    yield change("a byte order mark", READ, lambda raw: codecs.BOM_UTF8 + raw)
    yield change("CR LF at line ends", READ, lambda raw: raw.replace(b"\n", b"\r\n"))
    yield change("CR alone", READ_OR_REFUSED, lambda raw: raw.replace(b"\n", b"\r"))
    yield change("UTF-16", REFUSED, lambda raw: raw.decode().encode("utf-16"))
    yield change("UTF-16 without its mark", REFUSED, lambda raw: raw.decode().encode("utf-16-le"))
    yield change("UTF-32", REFUSED, lambda raw: raw.decode().encode("utf-32"))
    yield change("EBCDIC", REFUSED, lambda raw: raw.decode().encode("cp500"))
    yield change("a byte of CP1252", HONEST, lambda raw: _in_the_middle(raw, b"\xe9"))
    yield change("a byte of zero", HONEST, lambda raw: _in_the_middle(raw, b"\0"))
    yield change("zero bytes at the end", HONEST, lambda raw: raw + bytes(512))
    yield change("zero bytes alone", REFUSED, lambda raw: bytes(len(raw)))
    yield change("half a character at the end", HONEST, lambda raw: raw + b"\xf0\x9f\x98")
    yield change("no byte", REFUSED, lambda _: b"")
    yield change("blank lines alone", REFUSED, lambda _: b"\n" * 9)
    yield change("a byte order mark alone", REFUSED, lambda _: codecs.BOM_UTF8)
    yield change("a gzip file without its ending", REFUSED, gzip.compress)
    yield change("a part of a gzip file", REFUSED, lambda raw: gzip.compress(raw)[:-9])
    yield change("a zip file", REFUSED, lambda _: b"PK\3\4\x14\0\6\0" + NOISE)
    yield change("a Parquet file under its name", REFUSED, lambda _: b"PAR1" + NOISE + b"PAR1")
    yield change("noise", REFUSED, lambda _: NOISE)
    yield change("a page of a website", REFUSED, lambda _: PAGE)
    yield change("a pointer of Git LFS", REFUSED, lambda _: POINTER)
    yield change("JSON of another kind", REFUSED, lambda _: b'[{"a": 1}, {"a": 2}]\n')
    yield change("cut within the last row", HONEST, _cut if table.is_json else _cut_row)
    yield change("an unfinished quote at the end", HONEST, lambda raw: raw + b'"' + _secret())
    yield change("no line end at the end", READ_OR_REFUSED, lambda raw: raw.rstrip(b"\n"))
    yield change("blank lines at the end", READ_OR_REFUSED, lambda raw: raw + b"\n\n\n")


def _cut(raw: bytes) -> bytes:
    """Lines without the end of the last one."""
    return raw.rstrip(b"\n")[:-9]


def _cut_row(raw: bytes) -> bytes:
    """A csv file with the first bytes of its last row, which may be of several lines."""
    whole = len(_on_rows(lambda rows: rows[:-1])(raw))
    return raw[: whole + 4]


def _secret() -> bytes:
    return SECRET.encode()


def _in_the_middle(raw: bytes, bad: bytes) -> bytes:
    """The bytes with others before the last line's end."""
    return raw.rstrip(b"\n") + bad + b"\n"


def _of_places(table: Table) -> Iterator[Change]:
    """What stands where a file should."""

    def gone(path: Path) -> None:
        path.unlink()

    def folder(path: Path) -> None:
        path.unlink()
        path.mkdir()

    def loop(path: Path) -> None:
        path.unlink()
        path.symlink_to(path)

    def dangling(path: Path) -> None:
        path.unlink()
        path.symlink_to(path.with_name("gone"))

    def linked(path: Path) -> None:
        elsewhere = path.with_name("elsewhere")
        shutil.move(path, elsewhere)
        path.symlink_to(elsewhere)

    for what, promise, apply in (
        ("no file", HONEST if table.optional else REFUSED, gone),
        ("a folder in its place", REFUSED, folder),
        ("a link to itself", REFUSED, loop),
        ("a link to nothing", REFUSED, dangling),
        ("a link to it", READ, linked),
    ):
        yield Change("what stands in the place of a file", what, promise, apply)


def _of_layouts(table: Table) -> Iterator[Change]:
    def change(what: str, promise: Promise, to: Callable[[Rows], Rows], **form: str) -> Change:
        return Change("layouts of csv", what, promise, rewrite(_on_rows(to, **form)))

    first = int(table.named)
    width = len(table.columns)
    secrets = [f"{SECRET} {place}" for place in range(width)]
    yield change("semicolons", READ_OR_REFUSED, lambda rows: rows, delimiter=";")
    yield change("tabs", READ_OR_REFUSED, lambda rows: rows, delimiter="\t")
    yield change("bars", REFUSED, lambda rows: rows, delimiter="|")
    yield change("spaces", REFUSED, lambda rows: rows, delimiter=" ")
    yield change("a field too few", HONEST, lambda rows: [*rows[:-1], rows[-1][:-1]])
    yield change("a field too many", HONEST, lambda rows: [*rows[:-1], [*rows[-1], SECRET]])
    yield change("one field", HONEST, lambda rows: [*rows[:-1], [SECRET]])
    yield change("names and lines of words", REFUSED, lambda _: [[SECRET], [SECRET]])
    yield change("words in every cell", HONEST, lambda r: [*r[:first], *([secrets] * len(r))])
    yield change("a blank line within", READ_OR_HONEST, lambda r: [*r[:-1], [], r[-1]])
    yield change("a line of comment first", HONEST, lambda rows: [[f"# made by {SECRET}"], *rows])
    yield change("the end of a report", HONEST, lambda rows: [*rows, [f"Total: {SECRET}"]])
    yield Change(
        "layouts of csv",
        "a quote within a field",
        READ_OR_HONEST | {"kept"},
        rewrite(lambda raw: _in_the_middle(raw, b' 9" tall')),
        text='9" tall',
    )


def _of_names(table: Table) -> Iterator[Change]:
    def change(what: str, promise: Promise, to: Callable[[Rows], Rows], **form: str) -> Change:
        return Change("names of columns", what, promise, rewrite(_on_rows(to, **form)))

    def renamed(to: Callable[[list[str]], list[str]]) -> Callable[[Rows], Rows]:
        return lambda rows: [to(rows[0]), *rows[1:]]

    secrets = [f"{SECRET} {place}" for place in range(len(table.columns))]
    read = [place for place, kind in enumerate(table.columns.values()) if kind != "other"]
    yield change("names alone", REFUSED, lambda rows: rows[:1])
    yield change("no names", HONEST, lambda rows: rows[1:])
    yield change("names of words alone", REFUSED | READ, renamed(lambda _: secrets))
    yield change("names twice, as of two files", HONEST, lambda rows: [*rows, rows[0]])
    yield change("a name twice", REFUSED, renamed(lambda names: [names[1], *names[1:]]))
    yield change("a column without a name", REFUSED, renamed(lambda names: ["", *names[1:]]))
    yield change("the index of pandas", REFUSED, lambda r: [["", *r[0]], *_numbered(r[1:])])
    yield change("a last name of words", ANY, renamed(lambda names: [*names[:-1], SECRET]))
    for odd, which in enumerate(("every second name", "every other name")):
        yield change(
            f"{which} of words",
            ANY,
            renamed(lambda names, odd=odd: _alternating(names, secrets, odd)),
        )
    yield change("a column too many", ANY, lambda r: [[*r[0], SECRET], *([*x, "1"] for x in r[1:])])
    for place in read[:2]:
        name = list(table.columns)[place]
        yield change(
            f"no column {name}",
            REFUSED,
            lambda rows, place=place: [[*row[:place], *row[place + 1 :]] for row in rows],
        )
    yield change("columns in another order", READ_OR_REFUSED, lambda r: [x[::-1] for x in r])
    yield change("names in capitals", READ_OR_REFUSED, renamed(lambda x: [n.upper() for n in x]))
    yield change("spaces around names", READ_OR_REFUSED, renamed(lambda x: [f" {n} " for n in x]))
    yield change(
        "a zero width space in a name", REFUSED, renamed(lambda x: [f"\u200b{x[0]}", *x[1:]])
    )
    yield change("everything in quotes", READ_OR_REFUSED, lambda rows: rows, quoting="all")


def _numbered(rows: Rows) -> Rows:
    return [[str(number), *row] for number, row in enumerate(rows)]


def _alternating(names: list[str], others: list[str], odd: int) -> list[str]:
    pairs = enumerate(zip(names, others, strict=True))
    return [name if place % 2 == odd else other for place, (name, other) in pairs]


def _on_rows(
    change: Callable[[Rows], Rows], delimiter: str = ",", quoting: str = ""
) -> Callable[[bytes], bytes]:
    """A change of the rows of a csv file, its names among them."""

    def changed(raw: bytes) -> bytes:
        rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
        text = io.StringIO(newline="")
        form = csv.QUOTE_ALL if quoting else csv.QUOTE_MINIMAL
        csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=form).writerows(
            change(rows)
        )
        return text.getvalue().encode()

    return changed


def _of_lines() -> Iterator[Change]:
    """Lines that are no JSON, or JSON of another kind."""
    for what, line in (
        ("a line of words", SECRET),
        ("a line of Python", f"{{'asin': '{SECRET}'}}"),
        ("a list in a line", f'["{SECRET}"]'),
        ("a number in a line", "7700779"),
        ("null in a line", "null"),
        ("an empty object", "{}"),
        ("an object of other keys", f'{{"{SECRET}": "{SECRET}"}}'),
        ("a comma too many", '{"asin": "B1",}'),
        ("two objects in a line", '{"asin": "B1"} {"asin": "B2"}'),
        ("a comment", f"// {SECRET}"),
        ("half a surrogate pair", '{"asin": "\\ud83d"}'),
        ("an unknown escape", '{"asin": "\\x41"}'),
        ("an array of a thousand levels", "[" * 1000 + "]" * 1000),
        ("an array of 100,000 levels", "[" * 100_000 + "]" * 100_000),
        ("an object of 100,000 levels", '{"a":' * 100_000 + "1" + "}" * 100_000),
        ("a line of 2 MB", '{"asin": "' + "x" * 2_000_000),
    ):
        yield Change(
            "lines of JSON",
            what,
            HONEST,
            rewrite(lambda raw, line=line: raw + line.encode() + b"\n"),
        )
    yield Change(
        "lines of JSON",
        "lines of words alone",
        REFUSED,
        rewrite(lambda _: f"{SECRET}\n".encode() * 20),
    )
