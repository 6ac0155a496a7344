"""Lines that DuckDB passes by or another release wrote: what is wrong with them, said in words."""

import ast
import codecs
import json
from collections import Counter
from itertools import islice
from pathlib import Path

from preprocessing.engine.intact import opened

# Lines longer than this are not looked into.
LONGEST = 1 << 20
LOOKED_AT = 100

# Keys that tell the releases apart; asin, overall, title and others are in several.
MARKS = {
    "2014": {"helpful", "imUrl", "related", "salesRank"},
    "2018": {"verified", "vote", "style", "image", "category", "imageURL", "imageURLHighRes"},
    "2023": {"rating", "text", "user_id", "timestamp", "parent_asin", "average_rating"},
}
ALLOWED = "2018"


def other_release(path: Path, remedy: str) -> str | None:
    """What release a dump looks like, and why; None if its first lines are of no other than ours.

    Raises:
        DataContractError: the file is damaged.
    """
    keys: set[str] = set()
    with opened(path, remedy) as file:
        for line in islice(iter(lambda: file.readline(LONGEST), b""), LOOKED_AT):
            row = _json_object(line)
            if row is None and _is_python(line):
                return "that of 2014: it holds Python dicts instead of JSON"
            keys |= row.keys() if row else set()
    found = {release: sorted(keys & marks) for release, marks in MARKS.items()}
    if found[ALLOWED]:
        return None
    release, marks = max(found.items(), key=lambda item: len(item[1]))
    return f"that of {release}: it has the keys {', '.join(marks)}" if marks else None


def count_flaws(path: Path, remedy: str) -> Counter[str]:
    """Lines of which it is certain why they are no JSON objects, by reason."""
    with opened(path, remedy) as file:
        return Counter(flaw for flaw in map(_flaw, file) if flaw)


def _flaw(line: bytes) -> str | None:
    r"""What a line has that no JSON in UTF-8 has.

    >>> _flaw(b'{"asin": "\xe9"}')
    'bytes that are not UTF-8, perhaps CP1252'
    >>> _flaw(b'{"asin": "\\ud83d"}')
    'half a surrogate pair, such as \\ud83d alone'
    >>> _flaw(b'{"asin": "\\ud83d\\ude00"}')
    """
    if b"\0" in line:
        return "NUL bytes"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8, perhaps CP1252"
    if b"\\ud" in line.lower() and (row := _json_object(line)):
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "half a surrogate pair, such as \\ud83d alone"
    return None


def marked_object(line: bytes) -> str:
    """The JSON object that a byte order mark stands before; '' if there is no mark or object."""
    if not line.startswith(codecs.BOM_UTF8) or _flaw(line) or not _json_object(line):
        return ""
    return line.decode("utf-8-sig").strip()


def _json_object(line: bytes) -> dict[str, object] | None:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _is_python(line: bytes) -> bool:
    """Whether a line is written as Python writes a dict: 'single quotes', None, True."""
    try:
        return isinstance(ast.literal_eval(line.decode().strip()), dict)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
