"""What the steps of a running workflow need at most: memory, and disk for what does not fit."""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SECONDS = 0.5


@dataclass
class Needs:
    """What the processes of one step have needed so far.

    Attributes:
        memory: most bytes of one process.
        spilled: most bytes of the folder of temporary files meanwhile.
        cpu: seconds of each process, by its number.
    """

    memory: int = 0
    spilled: int = 0
    cpu: dict[int, float] = field(default_factory=dict)


@contextmanager
def watched(temp: Path) -> Iterator[dict[str, Needs]]:
    """What each step needs while the block runs; `temp` is the folder of temporary files.

    The kernel keeps the peak of a process; it is asked twice a second, as Snakemake's own benchmark
    files ask every 30 seconds and may miss it.
    """
    needs: defaultdict[str, Needs] = defaultdict(Needs)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SECONDS):
            here = size_of(temp)
            for process in psutil.Process().children(recursive=True):
                # It may end meanwhile.
                with suppress(psutil.Error, OSError):
                    note(process, here, needs)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield needs
    finally:
        done.set()
        thread.join()


def note(process: psutil.Process, spilled: int, needs: defaultdict[str, Needs]) -> None:
    """Enter what a process needs, if it is a step."""
    words = process.cmdline()
    if not {"preprocessing", "lanistr"} & set(words[2:3]):
        return
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    step, times = needs[words[3]], process.cpu_times()
    step.memory = max(step.memory, int(peak[1]) * 1024 if peak else 0)
    step.spilled = max(step.spilled, spilled)
    step.cpu[process.pid] = times.user + times.system


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 if it is not there."""
    total = 0
    for file in [path, *path.rglob("*")]:
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
