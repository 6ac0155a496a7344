"""What an operator sees of a fetch: a bar on a terminal, a plain line now and then in a log."""

import logging
import sys
from time import monotonic

from tqdm import tqdm

log = logging.getLogger(__name__)

LOG_EVERY_SECONDS = 30.0


class FetchProgress:
    """Rows done, pictures fetched and the rate at which pictures arrive.

    Args:
        rows: of all links.
        log_every: seconds between two lines in a log.
    """

    def __init__(self, rows: int, log_every: float = LOG_EVERY_SECONDS) -> None:
        self._rows, self._log_every = rows, log_every
        self._done = self._fetched = self._without = 0
        self._began = self._said = monotonic()
        self._bar = tqdm(total=rows, unit="row", disable=not sys.stderr.isatty(), leave=False)

    def row(self, *, fetched: bool, missing: bool) -> None:
        """One more row is done: its picture came just now, or cannot be had, or was there."""
        self._done += 1
        self._fetched += fetched
        self._without += missing
        if not self._bar.disable:
            self._bar.set_postfix(fetched=self._fetched, missing=self._without, refresh=False)
            self._bar.update()
        elif monotonic() - self._said >= self._log_every:
            self.say()

    def say(self) -> None:
        """One plain line: how far the fetch is."""
        self._said = monotonic()
        rate = self._fetched / max(self._said - self._began, 1e-9)
        log.info(
            "%d of %d rows: %d pictures fetched (%.1f per second), %d cannot be had",
            *(self._done, self._rows, self._fetched, rate, self._without),
        )

    def close(self) -> None:
        """Take the bar away and leave the last line."""
        self._bar.close()
        self.say()
