"""The memory that a step may take: that of its process, which the operating system counts."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Annotated

from typer import Option

from commandline import Made
from commandline.retries import AGAIN
from preprocessing.errors import ConfigError

RESIDENT = Path("/proc/self/statm")
PAUSE = 0.1
SLACK = 0.1
"""Share of the limit by which a process may pass it before it is ended."""
LIMITS: list[int] = []
"""What steps of this process were told, in MB."""


def keep_memory(
    memory_limit: Annotated[str, Option(help="Memory of the step as a whole, such as 2GB")] = "2GB",
) -> int:
    """The limit in MB; `watch_memory` sees that the process keeps it.

    Raises:
        ConfigError: it is no size.

    >>> keep_memory("2GB"), keep_memory("500 MB")
    (2000, 500)
    """
    told = re.fullmatch(r"([0-9]{1,9}) ?([MG])B", memory_limit)
    if not told:
        raise ConfigError(
            f"--memory-limit is {memory_limit!r}; allowed: a whole number of MB or GB, such as 2GB."
        )
    LIMITS.append(int(told[1]) * {"M": 1, "G": 1000}[told[2]])
    return LIMITS[-1]


StepMemory = Annotated[int, Made(keep_memory)]
"""Of a step's parameter: its limit in MB."""


def demand(least: int, limit: int, remedy: str = "") -> None:
    """Refuse a limit that is known to be too small.

    Args:
        least: MB that the step needs.
        limit: MB that it may take.
        remedy: what else helps, after a comma.

    Raises:
        ConfigError: names both.
    """
    if limit < least:
        raise ConfigError(
            f"This step needs at least {least} MB of memory and may take {limit}. Give "
            f"--memory-limit {least}MB, which is engine.memory_mb in the configuration{remedy}."
        )


@contextmanager
def watch_memory() -> Iterator[None]:
    """Within it, the process ends with a message where it passes the limit of its step."""
    LIMITS.clear()
    done = Event()
    if RESIDENT.exists():
        Thread(target=_watch, args=(done,), daemon=True).start()
    yield
    done.set()


def resident_mb() -> int:
    """Memory of this process that lies in the machine's, that of libraries included."""
    pages = int(RESIDENT.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 10**6


def _watch(done: Event) -> None:
    while not done.wait(PAUSE):
        if LIMITS and resident_mb() > LIMITS[-1] * (1 + SLACK):
            print(
                f"error: This step has taken more memory than the {LIMITS[-1]} MB that it may. "
                "Raise --memory-limit, which is engine.memory_mb in the configuration, or let the "
                f"tables lie in more parts. {AGAIN}",
                file=sys.stderr,
                flush=True,
            )
            os._exit(1)
