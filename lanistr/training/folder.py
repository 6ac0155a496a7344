"""One run per folder: a second one, such as that of a workflow started twice, waits, then stops."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commandline.retries import AGAIN
from lanistr.errors import TrainingError
from lanistr.training.distributed import World

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds in which a killed process may still be ending."""


@contextmanager
def hold_folder(folder: Path, here: World, patience: float = PATIENCE) -> Iterator[None]:
    """Within it, no other run writes into a folder; the lock ends with the process.

    Args:
        folder: of a run.
        here: the first process of a run holds the lock for all.
        patience: seconds to wait for another run.

    Raises:
        TrainingError: another run has the folder all that time.
    """
    if not here.leads:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as file:
        deadline = time.monotonic() + patience
        while not _is_locked(file.fileno(), folder):
            if time.monotonic() > deadline:
                raise TrainingError(
                    f"{folder}: another process trains into this folder. Wait for it or stop it; "
                    f"on a cluster, squeue lists the jobs that a stopped workflow left. {AGAIN}"
                )
            time.sleep(0.5)
        yield


def _is_locked(file: int, folder: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("%s: its file system has no locks (%s)", folder, error.strerror)
    return True
