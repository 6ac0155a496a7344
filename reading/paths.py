"""Paths that stand in files of people."""

import os
from pathlib import Path


def located(root: Path, name: str) -> Path:
    """The file that a path relative to a root leads to, through all links; it may lead out of it.

    A path that cannot be, such as one with a zero byte, gives one that is not there.

    >>> located(Path("/pictures"), "a/../../b.jpg")
    PosixPath('/b.jpg')
    """
    return Path(os.path.realpath(root / name.replace("\0", "?")))
