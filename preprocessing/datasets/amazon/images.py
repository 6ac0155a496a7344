"""The pictures that are on disk, small: for each wanted one, whichever size the fetch step got."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from heapq import nsmallest
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.contracts import check
from preprocessing.datasets.amazon.image_paths import files_in, local_name
from preprocessing.datasets.amazon.options import LinksFile
from preprocessing.datasets.amazon.schemas import Images, Links
from preprocessing.images import square_or_reason
from preprocessing.ledger import Ledger
from preprocessing.options import (
    FactsFile,
    ImagePx,
    LedgerFile,
    OutputFiles,
    SightingsFile,
    Threads,
)
from preprocessing.shards import part_of, write_facts, write_stream
from preprocessing.sightings import AT_MOST, write_sightings
from reading.pictures import REASONS
from reading.squares import colour_square

# Pictures in memory at a time.
CHUNK = 512

log = logging.getLogger(__name__)


def wanted_on_disk(
    links: pl.DataFrame, on_disk: frozenset[str]
) -> tuple[list[str], int, list[str]]:
    """The names of the wanted pictures that are there, sorted, and how many links have any.

    The last are names of some that are not there, `AT_MOST` of them.

    >>> name = local_name("https://example.org/a.jpg")
    >>> links = pl.DataFrame({"urls": [["https://example.org/a.jpg"], ["https://example.org/b"]]})
    >>> names, served, absent = wanted_on_disk(links, frozenset({name}))
    >>> (names == [name], served, absent == [local_name("https://example.org/b")])
    (True, 1, True)
    """
    names: set[str] = set()
    absent: set[str] = set()
    served = 0
    for urls in links["urls"]:
        wanted = set(map(local_name, urls))
        present = wanted & on_disk
        names |= present
        served += bool(present)
        absent |= wanted - present
        if len(absent) > 2 * AT_MOST:  # names are digests, so that the first are as good as any
            absent = set(nsmallest(AT_MOST, absent))
    return sorted(names), served, sorted(absent)


def decoded(
    folder: Path, names: Sequence[str], px: int, pool: Executor, lost: Counter[str]
) -> Iterator[pl.DataFrame]:
    """The rows of a part, a chunk at a time; what cannot be decoded is counted by reason."""

    def square(name: str) -> bytes | str:
        return square_or_reason(colour_square, folder / name, px, folder)

    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        squares = list(pool.map(square, chunk))
        lost.update(reason for reason in squares if isinstance(reason, str))
        rows = [
            (Path(name).stem, jpeg)
            for name, jpeg in zip(chunk, squares, strict=True)
            if isinstance(jpeg, bytes)
        ]
        yield pl.DataFrame(rows, schema={"image_id": pl.String, "jpeg": pl.Binary}, orient="row")


def resize_pictures(
    links: LinksFile,
    folder: Annotated[
        Path, Option("--images", help="Folder of the pictures; it need not be there")
    ],
    *,
    px: ImagePx,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    threads: Threads = 2,
    sightings: SightingsFile = None,
) -> None:
    """Write the parts, the facts and the ledger; a folder that is not there holds no picture.

    Raises:
        SourceMissingError: a file is there, but the system does not let it be read.
    """
    started = time.monotonic()
    wanted = check(pl.read_parquet(links, glob=False), Links, links.name)
    names, served, absent = wanted_on_disk(wanted, files_in(folder))
    if sightings:
        write_sightings([folder / name for name in absent], [folder / n for n in names], sightings)
    lost: Counter[str] = Counter()
    rows = 0
    with ThreadPoolExecutor(threads) as pool:
        for number, path in enumerate(outputs):
            own = [name for name in names if part_of(name, len(outputs)) == number]
            chunks = decoded(folder, own, px, pool, lost)
            rows += write_stream(chunks, path, Images, stored=["jpeg"])
    ledger = Ledger("amazon-images")
    ledger.record("links", "no file on disk for any of the addresses", wanted.height, served)
    left = len(names)
    for reason in REASONS:
        ledger.record("images", reason, left, left - lost[reason])
        left -= lost[reason]
    ledger.write(ledger_path)
    write_facts({"rows": rows, "px": px, "channels": 3}, facts)
    log.info("%d pictures, %.1f s", rows, time.monotonic() - started)
