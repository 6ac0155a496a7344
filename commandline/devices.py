"""GPUs and memory of a machine: what there is, and which GPUs a job may use.

    python -m commandline.devices --gpus 2 -- torchrun ...

runs a command on two GPUs that no other such command has, and waits until there are. They are
held by locks that end with the command, however it ends. The driver's `nvidia-smi` says which
there are: a test that needs some puts one of its own first on PATH.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

ASK = ("nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")
VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 1.0
"""Seconds before GPUs that are held are asked for again."""


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: UUID, which names it whatever order CUDA and the driver count in.
        memory_mb: all of its memory, in MiB; None = not known.
    """

    name: str
    memory_mb: int | None


def find_gpus() -> list[Gpu]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves, in its order."""
    try:
        told = subprocess.run(ASK, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    lines = [line.split(", ") for line in told.splitlines() if line.strip()]
    found = [Gpu(name, int(size) if size.isdigit() else None) for name, size in lines]
    return visible(found, os.environ.get(VISIBLE))


def visible(found: Sequence[Gpu], told: str | None) -> list[Gpu]:
    """Those that a value of CUDA_VISIBLE_DEVICES leaves: as in CUDA, all up to an unknown one.

    >>> two = [Gpu("GPU-a", 1), Gpu("GPU-b", 1)]
    >>> [[gpu.name for gpu in visible(two, told)] for told in (None, "1", "GPU-b,0", "1,7,0", "")]
    [['GPU-a', 'GPU-b'], ['GPU-b'], ['GPU-b', 'GPU-a'], ['GPU-b'], []]
    """
    if told is None:
        return list(found)
    left: list[Gpu] = []
    for word in told.split(","):
        numbered = {str(number): gpu for number, gpu in enumerate(found)}
        named = [gpu for gpu in found if word.startswith("GPU-") and gpu.name.startswith(word)]
        part = [Gpu(word, None)] if word.startswith("MIG-") else []  # of a GPU, listed elsewhere
        chosen = [numbered[word]] if word in numbered else named[:1] or part
        if not chosen:
            break
        left += chosen
    return left


def find_memory() -> int:
    """The memory of this machine, or what its control group leaves this process of it, in MB."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of cgroup v2 and v1
        limit = Path("/sys/fs/cgroup", name)
        told = limit.read_text(encoding="utf-8").strip() if limit.is_file() else ""
        sizes += [int(told)] if told.isdigit() else []
    return min(sizes) // 10**6


def take_gpus(count: int) -> list[Gpu] | None:
    """GPUs that no other process of this user has taken, until this one ends; None = too few.

    What this process becomes by `exec`, and what it starts with its files open, hold them too.
    """
    folder = Path(tempfile.gettempdir()) / f"lanistr-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    taken: dict[int, Gpu] = {}
    for gpu in find_gpus():
        if len(taken) == count:
            break
        lock = os.open(folder / gpu.name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken[lock] = gpu
        except BlockingIOError:
            os.close(lock)
    if len(taken) < count:
        for lock in taken:  # so that two who wait for each other's do not wait for ever
            os.close(lock)
        return None
    for lock in taken:
        os.set_inheritable(lock, True)
    return list(taken.values())


def run(
    command: Annotated[list[str], typer.Argument(help="Command to run")],
    gpus: Annotated[int, typer.Option(min=1, help="Number of GPUs that it gets")] = 1,
) -> None:
    """Run a command on GPUs that no other one has."""
    if (there := len(find_gpus())) < gpus:
        sys.exit(
            f"error: {gpus} GPUs are asked for, and this machine has {there} for this job. Set "
            "engine.gpus to what a job gets."
        )
    while (taken := take_gpus(gpus)) is None:
        print(f"waiting for {gpus} of {there} GPUs, which other jobs have", file=sys.stderr)
        time.sleep(PAUSE)
    os.environ[VISIBLE] = ",".join(gpu.name for gpu in taken)
    os.execvp(command[0], command)


if __name__ == "__main__":
    typer.run(run)
