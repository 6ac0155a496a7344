"""What became of every address that was asked: an append-only file that survives kill -9.

One JSON object per line. The first line states the picture size of the folder, each other line
one finished address: `url`, `outcome` ("fetched" or the reason of the failure), `permanent`,
`requests`, `bytes` (as received), `seconds` and `at` (UTC). The last line of an address counts.
That a picture was fetched is told by its file alone, never by this record.
"""

import fcntl
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from preprocessing.datasets.amazon.image_paths import local_name
from preprocessing.errors import ConfigError, DataContractError

log = logging.getLogger(__name__)

FETCHED = "fetched"


class Record:
    """The failures known so far, and the file to which every finished address is appended."""

    def __init__(self, file: BinaryIO, failed: dict[str, str]) -> None:
        self._file = file
        # By local name, about 0.2 kB each: all that grows with the list of addresses.
        self._failed = failed

    def failure(self, url: str) -> str | None:
        """Why `url` is not asked (again) in this run, or None."""
        return self._failed.get(local_name(url))

    def add(
        self,
        url: str,
        outcome: str,
        *,
        permanent: bool,
        requests: int,
        received: int,
        seconds: float,
    ) -> None:
        """Append one finished address.

        Args:
            url: the address as listed.
            outcome: `FETCHED` or the reason.
            permanent: True if a later run need not ask again.
            requests: sent for it, redirects and retries included.
            received: bytes of the body.
            seconds: since the address was begun, all waiting included.
        """
        if outcome != FETCHED:
            self._failed[local_name(url)] = sys.intern(outcome)
        line = {
            "url": url,
            "outcome": outcome,
            "permanent": permanent,
            "requests": requests,
            "bytes": received,
            "seconds": round(seconds, 3),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        _append(self._file, line)


@contextmanager
def open_record(path: Path, px: int, *, retry_failed: bool = False) -> Iterator[Record]:
    """The record at `path`, begun if there is none, held by this process alone.

    Args:
        path: the file.
        px: the size to which the pictures of this folder are scaled down.
        retry_failed: forget the permanent failures of earlier runs.

    Raises:
        ConfigError: another process holds the record, or it was begun with another size.
        DataContractError: the file is not a record.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unbuffered: a line is with the system once it is written, whatever happens to the process.
    with path.open("ab+", buffering=0) as file:
        _lock(file, path)
        if path.stat().st_size == 0:
            _append(file, {"px": px})
        failed = _permanent_failures(path, px)
        _close_torn_line(file)
        yield Record(file, {} if retry_failed else failed)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"Another process is fetching with the record {path}. "
            "Wait for it or stop it; what it has is kept either way."
        ) from None
    except OSError as error:
        log.warning(
            "%s: its file system has no locks (%s); let no other process fetch with it",
            path,
            error.strerror,
        )


def _permanent_failures(path: Path, px: int) -> dict[str, str]:
    """Reasons by local name, from the last line of each address."""
    failed: dict[str, str] = {}
    with path.open("rb") as lines:
        _check_begin(_parsed(next(lines, b"")), px, path)
        for entry in map(_parsed, lines):
            if entry is None:
                log.warning("%s: one line was cut off and is ignored", path.name)
            elif entry["permanent"]:
                failed[local_name(entry["url"])] = sys.intern(entry["outcome"])
            else:
                failed.pop(local_name(entry["url"]), None)
    return failed


def _check_begin(begin: dict | None, px: int, path: Path) -> None:
    if begin is None or "px" not in begin:
        raise DataContractError(
            f"{path} does not begin like the record of a fetch, which is "
            '{"px": <size>}. Name another file, or move this one away.'
        )
    if begin["px"] != px:
        raise ConfigError(
            f"The pictures of {path} were scaled to {begin['px']} pixels, not {px}. Ask for "
            f"--px {begin['px']}, or fetch into another folder with another record."
        )


def _parsed(line: bytes) -> dict | None:
    """The object of one line; None if it was cut off."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _append(file: BinaryIO, line: dict[str, object]) -> None:
    file.write(json.dumps(line).encode() + b"\n")


def _close_torn_line(file: BinaryIO) -> None:
    """End a line that a power cut left open, so that the next one stands alone."""
    file.seek(-1, 2)
    if file.read(1) != b"\n":
        file.write(b"\n")
