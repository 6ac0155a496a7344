"""Files that steps leave each other, damaged or of another kind, told without their words."""

from __future__ import annotations

from collections.abc import Sequence
from json import JSONDecodeError
from pathlib import Path


def tell_damaged(error: Exception, words: Sequence[str]) -> str | None:
    """What to say of an error on reading such a file; None = it comes from elsewhere.

    Args:
        error: of a library, whose words may hold a cell.
        words: of the command line, which name the file or a folder that it is in.
    """
    kind = _kind_of(error)
    if kind is None:
        return None
    files = [word for word in words if not word.startswith("-") and Path(word).exists()]
    return (
        f"A file that this step reads is not {kind}, or is damaged. It is one of these or lies in "
        f"them: {', '.join(files)}. If an earlier step made it, delete it and repeat the command; "
        "else name another."
    )


def _kind_of(error: Exception) -> str | None:
    """What was to be read; classes are known by name, as none of the libraries is imported here."""
    name = type(error).__name__
    words = str(error).lower()
    if name in ("ComputeError", "ArrowInvalid") and "parquet" in words:
        return "Parquet"
    if isinstance(error, OSError) and "is a directory" in words:  # of Arrow, which has no number
        return "Parquet"
    if isinstance(error, JSONDecodeError):
        return "JSON"
    if isinstance(error, UnicodeDecodeError):
        return "text in UTF-8"
    return "of the layout that this version writes" if name == "ValidationError" else None
