"""Pictures of reviews and products from the web: many at once, politely, resumed where it stopped.

A picture is on disk whole or not at all, so the folder itself says what need not be fetched; the
record beside it says why the rest is missing. Kill the process when you like, and start it again.
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Annotated

import pyarrow.parquet as pq
from typer import Option

from commandline import Made
from commandline.retries import AGAIN
from preprocessing.datasets.amazon.fetch_http import Again, Downloader, FetchError, Journey, Limits
from preprocessing.datasets.amazon.fetch_image import shrink
from preprocessing.datasets.amazon.fetch_progress import FetchProgress
from preprocessing.datasets.amazon.fetch_record import FETCHED, Record, open_record
from preprocessing.datasets.amazon.image_paths import check_folder, local_name
from preprocessing.errors import DataContractError, PipelineError, SourceMissingError
from preprocessing.ledger import Ledger
from preprocessing.options import LedgerFile
from reading.pictures import UndecodableError

USER_AGENT = "lanistr-fetch/0.1 (research reproduction of arXiv:2305.16556)"
ROWS_AT_ONCE = 1000
# A picture is written in this folder and moved out when it is whole; emptied at the start.
UNFINISHED = ".unfinished"

ON_DISK = "on disk already"
SECOND_CHOICE = "fetched, but not the best candidate"
NO_ADDRESS = "no address listed"


@dataclass(frozen=True)
class FetchRequest:
    """What to fetch and where to put it."""

    links: Annotated[
        list[Path],
        Option(help="Part of the links, of whose addresses the first are best; repeatable"),
    ]
    images: Annotated[Path, Option(help="Folder of the pictures; what is there is kept")]
    record: Annotated[Path, Option(help="JSON lines of what became of each address")]
    px: Annotated[int, Option(min=8, help="Shorter side that larger pictures are reduced to")] = 256
    limits: Annotated[Limits, Made(Limits)] = field(default_factory=Limits)
    user_agent: Annotated[str, Option(help="Who asks; add your address")] = USER_AGENT
    allowed_hosts: Annotated[
        list[str] | None,
        Option("--allow-host", help="Host that may be asked although its address is private"),
    ] = None
    retry_failed: Annotated[
        bool, Option("--retry-failed", help="Ask again for what failed for good")
    ] = False
    max_unanswered: Annotated[
        float,
        Option(min=0, max=1, help="Share of rows that may lack a picture as no host answered"),
    ] = 0.0


def fetch_pictures(
    request: Annotated[FetchRequest, Made(FetchRequest)], ledger_path: LedgerFile
) -> None:
    """Fetch the best picture of every row of the links, and write the ledger; see `fetch`."""
    fetch(request).write(ledger_path)


def fetch(request: FetchRequest) -> Ledger:
    """Fetch, for every row of the links, the best picture that can be had.

    Returns:
        Rows that had a picture already, that got one, and that have none, by the reason of a
        candidate that may still be had, else of the last one.

    Raises:
        DataContractError: the links have no column `urls`, or the record is no record.
        ConfigError: the record belongs to another size, or to another process at work.
        SourceMissingError: more rows than may be have no picture because hosts did not answer.
        PipelineError: a picture could not be written.
    """
    rows = _count(request.links)
    check_folder(request.images)
    with open_record(request.record, request.px, retry_failed=request.retry_failed) as record:
        shutil.rmtree(request.images / UNFINISHED, ignore_errors=True)
        (request.images / UNFINISHED).mkdir(parents=True)
        try:
            counts, unanswered = asyncio.run(_fetch_rows(request, rows, record))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
    _refuse_unanswered(counts, unanswered, rows, request.max_unanswered)
    return _ledger(counts, rows)


def _refuse_unanswered(
    counts: Counter[str], unanswered: Set[str], rows: int, max_share: float
) -> None:
    """Stop where too many rows wait for an answer: done, the step would never ask again."""
    waiting = {reason: counts[reason] for reason in sorted(unanswered) if counts[reason]}
    left = sum(waiting.values())
    if left <= max_share * rows:
        return
    reasons = ", ".join(f"{number} {reason}" for reason, number in waiting.items())
    raise SourceMissingError(
        f"{left} of {rows} pictures are still to be had, as hosts did not answer: {reasons}. "
        f"On disk are {counts[ON_DISK] + counts[FETCHED]}. Check the network of this machine "
        "(proxies are not used), then run the same again: it asks for these alone. To go on "
        "without them, set amazon.fetch_options.max_unanswered to the share of rows that may "
        f"wait, 1 for all. {AGAIN}"
    )


async def _fetch_rows(
    request: FetchRequest, rows: int, record: Record
) -> tuple[Counter[str], Set[str]]:
    """How many rows ended how, and which of these ends an answer may still change."""
    downloader = Downloader(
        request.limits, request.user_agent, frozenset(request.allowed_hosts or ())
    )
    with closing(FetchProgress(rows)) as progress, ThreadPoolExecutor(os.cpu_count()) as threads:
        async with downloader:
            fetcher = Fetcher(request, record, downloader, threads)
            links = _links(request.links)
            async with asyncio.TaskGroup() as workers:
                for _ in range(request.limits.connections):
                    workers.create_task(fetcher.work(links, progress))
    return fetcher.rows, fetcher.unanswered


class Fetcher:
    """Takes rows to pictures on disk.

    Attributes:
        rows: how many ended how; `SECOND_CHOICE` is counted beside `FETCHED`.
        unanswered: outcomes that may be others in the next run.
    """

    def __init__(
        self,
        request: FetchRequest,
        record: Record,
        downloader: Downloader,
        threads: ThreadPoolExecutor,
    ) -> None:
        self.rows: Counter[str] = Counter()
        self.unanswered: set[str] = set()
        self._images, self._px = request.images, request.px
        self._record, self._downloader, self._threads = record, downloader, threads
        self._in_flight: dict[str, asyncio.Task[str]] = {}

    async def work(self, links: Iterator[list[str]], progress: FetchProgress) -> None:
        """Fetch row after row of an iterator that several workers share."""
        for urls in links:
            outcome = await self._row(urls)
            self.rows[outcome] += 1
            had = outcome in (FETCHED, ON_DISK)
            progress.row(fetched=outcome == FETCHED, missing=not had)

    async def _row(self, urls: list[str]) -> str:
        """The outcome of the first candidate that can be had; without any, why there is none.

        A candidate that may still be had counts more than the last one.
        """
        outcomes = [NO_ADDRESS]
        for url in urls:
            outcomes.append(outcome := await self._address(url))
            if outcome == FETCHED and url != urls[0]:
                self.rows[SECOND_CHOICE] += 1
            if outcome in (FETCHED, ON_DISK):
                return outcome
        return next((o for o in outcomes if o in self.unanswered), outcomes[-1])

    async def _address(self, url: str) -> str:
        """The outcome of one address, which is asked once however many rows list it."""
        if failure := self._record.failure(url):
            return failure
        if self._on_disk(url):
            return ON_DISK
        if url not in self._in_flight:
            self._in_flight[url] = asyncio.create_task(self._fetch(url))
            self._in_flight[url].add_done_callback(lambda _: self._in_flight.pop(url))
        return await self._in_flight[url]

    async def _fetch(self, url: str) -> str:
        """Download, scale down, put on disk and record."""
        began, journey = monotonic(), Journey()
        outcome, permanent = FETCHED, False
        try:
            body = await self._downloader.body(url, journey)
            await asyncio.get_running_loop().run_in_executor(self._threads, self._keep, url, body)
        except FetchError as error:
            outcome, permanent = error.reason, error.again is Again.ON_REQUEST
            if not permanent:
                self.unanswered.add(outcome)
        except UndecodableError as error:
            outcome, permanent = str(error), True
        self._record.add(
            url,
            outcome,
            permanent=permanent,
            requests=journey.requests,
            received=journey.received,
            seconds=monotonic() - began,
        )
        return outcome

    def _on_disk(self, url: str) -> bool:
        return (self._images / local_name(url)).exists()

    def _keep(self, url: str, body: bytes) -> None:
        """Put the picture on disk, whole or not at all."""
        jpeg = shrink(body, self._px)
        name = local_name(url)
        unfinished = self._images / UNFINISHED / name
        try:
            with unfinished.open("wb") as file:
                file.write(jpeg)
                file.flush()
                # Before the move: otherwise a power cut could leave an empty file of this name.
                os.fsync(file.fileno())
            unfinished.replace(self._images / name)
        except OSError as error:
            raise PipelineError(
                f"A picture could not be written to {self._images} ({error.strerror}). "
                "Make room or check the permissions, then run this again: it resumes."
            ) from error


def _count(links: Sequence[Path]) -> int:
    """Rows of all parts, whose layout is checked."""
    rows = 0
    for path in links:
        if not path.is_file():
            raise SourceMissingError(f"{path} is not there. Make it with amazon-reviews.")
        schema = pq.read_schema(path)
        found = schema.field("urls").type if "urls" in schema.names else "no such column"
        if str(getattr(found, "value_type", found)) not in ("string", "large_string"):
            raise DataContractError(
                f"{path}: column urls must be a list of strings, found: {found}. "
                "The contract is in preprocessing/datasets/amazon/schemas.py:Links."
            )
        rows += pq.read_metadata(path).num_rows
    return rows


def _links(paths: Sequence[Path]) -> Iterator[list[str]]:
    """The addresses of each row, read piece by piece."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=["urls"]):
                for urls in batch.column("urls").to_pylist():
                    yield [url for url in urls or () if url]


def _ledger(counts: Counter[str], rows: int) -> Ledger:
    """Rows kept are noted, rows without a picture are drops, most frequent reason first."""
    ledger = Ledger("amazon-fetch")
    for outcome in (ON_DISK, FETCHED, SECOND_CHOICE):
        ledger.note("links", outcome, counts.pop(outcome, 0))
    for reason, lost in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        ledger.record("links", reason, rows, rows - lost)
        rows -= lost
    return ledger
