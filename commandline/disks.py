"""What a disk refuses, in one message: a file that is not there, no space, no permission."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = {
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
}
NO_FILE = {
    errno.EEXIST: "a file is there, where a folder is to be",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "it lies below a file",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "its name is too long",
}
LOW_MB = 50  # of a disk with less than this a failed write is believed to have met its end
ELSEWHERE = (
    "name another folder: --directory for results, engine.temp_dir for temporary files. Then "
    "repeat the command: what is whole is kept, and the rest goes on."
)


def tell_disk(error: Exception) -> str | None:
    """What to say of an error that comes from a disk; None = it comes from elsewhere.

    Many libraries have no number in their error but in its words, and numpy not even there.

    >>> tell_disk(FileNotFoundError("No such file or directory (os error 2): a/b.parquet"))[:31]
    'a/b.parquet: there is no such f'
    >>> tell_disk(FileNotFoundError("[Errno 2] Failed to open local file 'a b'. Detail: no"))[:17]
    'a b: there is no '
    >>> tell_disk(RuntimeError("I/O error: No space left on device (os error 28)"))[:18]
    'The disk is full. '
    >>> tell_disk(RuntimeError("Could not write to file: No space left on device"))[:18]
    'The disk is full. '
    >>> tell_disk(OSError("1000000 requested and 262128 written"))[:18]
    'The disk is full. '
    """
    words = str(error)
    opened = re.search(r"^\[Errno \d+\] Failed to open local file '(.+)'\. Detail: ", words)
    name = getattr(error, "filename", None) or (opened and opened[1])  # Arrow's errors have no name
    told = re.search(r"(?:os error |errno\W{1,3})(\d+)", words)
    number = getattr(error, "errno", None) or (told and int(told[1]))
    number = number or next((full for full in FULL if os.strerror(full) in words), None)
    if isinstance(error, FileNotFoundError):
        return (
            f"{name or words.rpartition(': ')[2]}: there is no such file. If an earlier step makes "
            "it, see how that ended; else correct the path."
        )
    if number in FULL or re.fullmatch(r"\d+ requested and \d+ written", words):
        return tell_full(name)
    if isinstance(error, OSError) and number in CLOSED:
        return f"{name}: cannot be read or written, {CLOSED[number]}. Change that, or {ELSEWHERE}"
    if isinstance(error, OSError) and number in NO_FILE:
        return (
            f"{name}: cannot be read or written, {NO_FILE[number]}. Name a file, or put one there."
        )
    return None


def tell_full(path: Path | str | None = None) -> str:
    """What to say where a disk is full, with what is free there if the path is known."""
    if not path:
        return f"The disk is full. Free space, or {ELSEWHERE}"
    return f"{path}: its disk is full ({free_mb(path)} MB are free). Free space, or {ELSEWHERE}"


def told_bytes(size: float) -> str:
    """A size as one says it.

    >>> told_bytes(2_345_678), told_bytes(12_345_678_901)
    ('2.3 MB', '12.3 GB')
    """
    return f"{size / 1e9:,.1f} GB" if abs(size) >= 1e9 else f"{size / 1e6:,.1f} MB"


def is_full(path: Path | str) -> bool:
    """Whether less than `LOW_MB` are left on the disk of a path."""
    return free_mb(path) < LOW_MB


def free_mb(path: Path | str) -> int:
    """MB that are free on the disk of a path or of the first folder above it that is there."""
    absolute = Path(path).absolute()
    there = next(each for each in (absolute, *absolute.parents) if each.exists())
    return shutil.disk_usage(there).free // 1_000_000
