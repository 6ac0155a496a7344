"""Whether the bytes of a raw file are whole and text, seen before anything is computed from them.

What every reader refuses alike: a gzip file that is cut short, damaged or has anything after
its last member, NUL bytes, and text that is not UTF-8. A byte order mark of UTF-8 is no data.
"""

import codecs
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from isal import igzip, igzip_lib

from preprocessing.errors import DataContractError

GET_ANEW = "Get the file anew and compare it with the release's SHA256SUMS.txt."

NEWLINE = ord("\n")
BLOCK = 1 << 18

MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
SAVE_AS_UTF8 = "Save it again as UTF-8 (Excel: CSV UTF-8), or get the file anew."

# More zero bytes than a whole gzip file can end in: those of an empty text are nine.
PADDING = 16


@contextmanager
def opened(path: Path, remedy: str = GET_ANEW) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed and compared with its checksums on the way.

    Raises:
        DataContractError: the gzip stream is cut short, damaged or followed by anything.
    """
    try:
        if path.suffix == ".gz":
            _refuse_padding(path, remedy)
            # Intel's library: several times faster than zlib.
            with igzip.open(path, "rb") as file:
                yield cast(BinaryIO, file)
        else:
            with path.open("rb") as file:
                yield file
    except (EOFError, igzip.BadGzipFile, igzip_lib.IsalError) as error:  # type: ignore[misc]
        raise DataContractError(
            f"{path} is not a whole gzip file: {error}. Allowed: complete members that match "
            f"their checksums, and nothing after them. {remedy}"
        ) from None


def _refuse_padding(path: Path, remedy: str) -> None:
    """Zero bytes at the end, of a disk's block or a download, which not every reader passes by."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - PADDING))
        if size and not any(file.read()):
            raise DataContractError(
                f"{path} is not a whole gzip file: zero bytes follow its end. Allowed: nothing "
                f"after the last member. {remedy} If it is the same, unpack it: gunzip -c passes "
                "the zeros by."
            )


def first_line(path: Path) -> str:
    """The header line, without a byte order mark and the line end.

    Raises:
        DataContractError: there is none, it is not UTF-8, lines end in CR alone, or the file is
            damaged.
    """
    with opened(path) as file:
        start = file.readline(1 << 16)
    check_start(start, path)
    # A character may be cut where the line is.
    line = start.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if not line:
        raise DataContractError(f"{path} has no header line. {GET_ANEW}")
    return line


def check_start(start: bytes, path: Path, remedy: str = SAVE_AS_UTF8) -> None:
    """Refuse a first line that is UTF-16 or UTF-32, or that a carriage return alone ends.

    Args:
        start: the file up to its first LF, or the beginning of that.
        path: named in the message.
        remedy: what to do, a sentence.

    Raises:
        DataContractError: it is one of these.
    """
    kind = next((name for mark, name in MARKS.items() if start.startswith(mark)), None)
    if kind or (b"\0" in start and 3 * start.count(b"\0") > len(start)):
        raise DataContractError(
            f"{path} is {kind or 'UTF-16 or UTF-32'} text. Allowed: UTF-8. {remedy}"
        )
    if b"\r" in start.rstrip(b"\r\n"):
        raise DataContractError(
            f"{path} has lines that end in a carriage return alone. Allowed: LF or CR LF. {remedy}"
        )


def check_text(block: bytes, path: Path, line: int = 1, remedy: str = GET_ANEW) -> None:
    """Refuse NUL bytes and what is not UTF-8 in a block of whole lines.

    Args:
        block: the bytes.
        path: named in the message.
        line: number of the block's first line.
        remedy: what to do, a sentence.

    Raises:
        DataContractError: names the line of the first one.
    """
    checker = TextChecker()
    if not (checker.passes(block) and checker.ends()):
        _refuse_line(block.split(b"\n"), path, line, remedy)


class TextChecker:
    """Whether blocks of bytes, one after the other, are UTF-8 without NUL bytes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def passes(self, block: bytes) -> bool:
        """Whether a block goes on with the text so far; a character may be cut at its end."""
        if b"\0" in block:
            return False
        pieces = memoryview(block)
        try:
            # Decoded pieces that stay in the processor's caches cost a third.
            for start in range(0, len(block), BLOCK):
                self._decoder.decode(pieces[start : start + BLOCK])
        except UnicodeDecodeError:
            return False
        return True

    def ends(self) -> bool:
        """Whether no character is cut at the end of the text."""
        return not self._decoder.getstate()[0]


def _refuse_line(lines: Iterable[bytes], path: Path, first: int, remedy: str) -> NoReturn:
    """Name the first line that has a NUL byte or is not UTF-8; one of them does."""
    for number, line in enumerate(lines, start=first):
        if b"\0" in line:
            raise DataContractError(f"{path}, line {number}: a NUL byte. Allowed: text. {remedy}")
        try:
            line.decode()
        except UnicodeDecodeError:
            break
    raise DataContractError(
        f"{path}, line {number}: bytes that are not UTF-8, perhaps CP1252; allowed: UTF-8. {remedy}"
    )


def whole_text(path: Path, remedy: str = SAVE_AS_UTF8) -> str:
    """A small text file, without a byte order mark and with LF at the ends of lines.

    Raises:
        DataContractError: it is not UTF-8, damaged, or its lines end in CR alone.
    """
    with opened(path) as file:
        data = file.read()
    check_start(data.partition(b"\n")[0], path, remedy)
    check_text(data, path, remedy=remedy)
    return data.decode("utf-8-sig").replace("\r\n", "\n")


def has_multiline_fields(path: Path) -> bool:
    """Read a csv file once as bytes: see that it is whole, and whether a field spans lines.

    DuckDB does not compare gzip members with their checksums, reads on past NUL bytes, passes by
    columns that are not asked for, may lose without a word what follows a quote that is never
    closed, and can share a file among threads only if no field spans lines. One run over the
    bytes, at about a tenth of the cost of reading the table, settles all five.

    Raises:
        DataContractError: the gzip stream is damaged, bytes are no text, there is no row, or the
            file ends inside quotes.
    """
    spans, quoted, rows, checker = False, False, False, TextChecker()
    with opened(path) as file:
        text = checker.passes(file.readline())
        while text and (block := file.read(BLOCK)):
            text = checker.passes(block)
            rows = rows or bool(block.strip())
            if quoted or b'"' in block:
                ends_inside, quoted = _line_ends_inside_quotes(block, quoted)
                spans = spans or ends_inside
    if not (text and checker.ends()):
        with opened(path) as file:
            _refuse_line(file, path, 1, GET_ANEW)
    if quoted:
        raise DataContractError(
            f"{path} ends inside quotes: one is never closed. Allowed: RFC 4180, quotes in pairs. "
            f"{GET_ANEW}"
        )
    if not rows:
        raise without_rows(path)
    return spans


def without_rows(path: Path) -> DataContractError:
    """What to raise for a table that has a header alone."""
    return DataContractError(f"{path} has no row, its header alone. Allowed: a table. {GET_ANEW}")


def _line_ends_inside_quotes(block: bytes, quoted: bool) -> tuple[bool, bool]:
    r"""Whether a line ends inside quotes, and whether the block does; `quoted` = it starts so.

    >>> _line_ends_inside_quotes(b'1,"a ""b"" c",2\n3,"d', False)
    (False, True)
    >>> _line_ends_inside_quotes(b'\n",4', True)
    (True, False)
    """
    parts = block.split(b'"')
    inside = parts[0 if quoted else 1 :: 2]
    return any(NEWLINE in part for part in inside), quoted ^ (len(parts) % 2 == 0)
