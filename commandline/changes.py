"""What tells whether raw data changed: their content, and not their dates.

A plan asks this of every raw file, so it has to be cheap: nothing is imported, and of a big
file only a part is read.
"""

import functools
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

# A file up to this size is read whole, at about 1 GB per second.
WHOLE_BYTES = 64 << 20
# Of a bigger one these many blocks are read, evenly spread, with its head and its tail.
BLOCKS, BLOCK_BYTES = 64, 256 << 10
# Their tail holds checksums or places of all that they hold, so that it tells of any change.
SEALED = (".gz", ".zip", ".parquet")
# A network disk answers many questions at once in about the time of one.
ASKED_AT_ONCE = 16


@functools.cache
def fingerprint(path: str) -> str:
    """Size and digest of a file, or of all files below a folder; once per plan.

    Args:
        path: a file or folder; one that is not there has a fingerprint of its own.

    Returns:
        Text that differs where the content does. A file above `WHOLE_BYTES` that is not `SEALED`
        may be edited between the blocks that are read, so that its date counts too.
    """
    if os.path.isdir(path):
        inside = {str(file.relative_to(path)): fingerprint(str(file)) for file in files_in(path)}
        return f"{len(inside)} files {blake2b(repr(inside).encode(), digest_size=12).hexdigest()}"
    if not os.path.exists(path):
        return "not there"
    digest, size = blake2b(digest_size=12), os.path.getsize(path)
    with open(path, "rb", buffering=0) as file:
        for start, length in blocks(size):
            file.seek(start)
            while length and (block := file.read(min(length, 1 << 20))):
                digest.update(block)
                length -= len(block)
    told = size <= WHOLE_BYTES or path.endswith(SEALED)
    date = "" if told else f" of {os.stat(path).st_mtime_ns}"
    return f"{size} bytes {digest.hexdigest()}{date}"


def files_in(folder: str) -> list[Path]:
    """Every file below a folder, in one order."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def blocks(size: int) -> Iterator[tuple[int, int]]:
    """Where to read of a file of some size, as (start, length).

    >>> list(blocks(1000))
    [(0, 1000)]
    >>> sampled = list(blocks(10 * WHOLE_BYTES))
    >>> len(sampled), sampled[0], sum(sampled[-1]) == 10 * WHOLE_BYTES
    (64, (0, 262144), True)
    """
    if size <= WHOLE_BYTES:
        yield 0, size
        return
    for number in range(BLOCKS):
        yield number * (size - BLOCK_BYTES) // (BLOCKS - 1), BLOCK_BYTES


def changed_pictures(sightings: str) -> str:
    """What became of the pictures that a step looked for, as a digest; "" if nothing did.

    Args:
        sightings: JSON of the sizes of pictures by path, null for one that was not there, as
            `preprocessing/sightings.py` writes it; without any, nothing is known to change.
    """
    if not os.path.exists(sightings) or not os.path.getsize(sightings):
        return ""
    seen = json.loads(Path(sightings).read_text(encoding="utf-8"))
    paths, some = list(seen), 500
    shares = [paths[start : start + some] for start in range(0, len(paths), some)]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        sizes = [size for share in pool.map(sizes_of, shares) for size in share]
    if sizes == list(seen.values()):
        return ""
    return blake2b(repr(sizes).encode(), digest_size=12).hexdigest()


def sizes_of(paths: Iterable[str]) -> list[int | None]:
    """The size of each file in bytes; None of one that is not there."""
    return [os.path.getsize(path) if os.path.isfile(path) else None for path in paths]
