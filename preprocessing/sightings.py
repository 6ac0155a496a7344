"""Which pictures a step looked for, and what it found: the workflow looks again before a run.

Without this a picture that arrives later, goes or is exchanged would not be noticed: of hundreds
of thousands in folders of folders, no date of a folder tells.
"""

import json
from collections.abc import Sequence
from pathlib import Path

# Of pictures that were had, and of others: asking for all of a big data set would take minutes.
AT_MOST = 5_000


def write_sightings(lost: Sequence[Path], had: Sequence[Path], file: Path) -> None:
    """Write the sizes of pictures by path, in bytes; null of one that is not there.

    Args:
        lost: those that are not there or broken, which may come.
        had: those that were read.
        file: JSON to write; of more than `AT_MOST` lost or had ones it has an even choice.
    """
    sizes = {str(path): size_of(path) for paths in (lost, had) for path in spread(paths)}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(sizes), encoding="utf-8")


def spread(paths: Sequence[Path], at_most: int = AT_MOST) -> Sequence[Path]:
    """Paths from the first to the last at even distances, all if there are few.

    >>> [path.name for path in spread([Path(str(n)) for n in range(10)], 4)]
    ['0', '3', '6', '9']
    """
    if len(paths) <= at_most:
        return paths
    return [paths[number * (len(paths) - 1) // (at_most - 1)] for number in range(at_most)]


def size_of(path: Path) -> int | None:
    """Bytes of a file; None if it is not there."""
    return path.stat().st_size if path.is_file() else None
