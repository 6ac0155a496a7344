"""Whether the bytes of a raw csv file are whole, seen before anything is computed from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip, igzip_lib

from preprocessing.errors import DataContractError

GET_ANEW = "Get the file anew and compare it with the release's SHA256SUMS.txt."

NEWLINE = ord("\n")
BLOCK = 1 << 18


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The text of a csv file as bytes, decompressed and compared with its checksums on the way.

    Raises:
        DataContractError: the gzip stream is cut short or damaged.
    """
    try:
        if path.suffix == ".gz":
            # Intel's library: several times faster than zlib.
            with igzip.open(path, "rb") as file:
                yield cast(BinaryIO, file)
        else:
            with path.open("rb") as file:
                yield file
    except (EOFError, igzip.BadGzipFile, igzip_lib.IsalError) as error:  # type: ignore[misc]
        raise DataContractError(
            f"{path} is not a whole gzip file: {error}. Allowed: complete members that match "
            f"their checksums. {GET_ANEW}"
        ) from None


def first_line(path: Path) -> str:
    """The header line, without a byte order mark and the line end.

    Raises:
        DataContractError: there is none, or the file is damaged.
    """
    with opened(path) as file:
        line = file.readline(1 << 16).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if not line:
        raise DataContractError(f"{path} has no header line. {GET_ANEW}")
    return line


def has_multiline_fields(path: Path) -> bool:
    """Read a csv file once as bytes: see that it is whole, and whether a field spans lines.

    DuckDB does not compare gzip members with their checksums, reads on past NUL bytes, may
    lose without a word what follows a quote that is never closed, and can share a
    file among threads only if no field spans lines. One run over the bytes, at about a tenth
    of the cost of reading the table, settles all four.

    Raises:
        DataContractError: the gzip stream is cut short or damaged, there is a NUL byte, or
            the file ends inside quotes.
    """
    spans, quoted = False, False
    with opened(path) as file:
        while block := file.read(BLOCK):
            if b"\0" in block:
                raise DataContractError(
                    f"{path}, line {_first_nul(path)}: a NUL byte. Allowed: text. {GET_ANEW}"
                )
            if quoted or b'"' in block:
                ends_inside, quoted = _line_ends_inside_quotes(block, quoted)
                spans = spans or ends_inside
    if quoted:
        raise DataContractError(
            f"{path} ends inside quotes: one is never closed. Allowed: RFC 4180, quotes in pairs. "
            f"{GET_ANEW}"
        )
    return spans


def _first_nul(path: Path) -> int:
    with opened(path) as file:
        return next(number for number, line in enumerate(file, start=1) if b"\0" in line)


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
