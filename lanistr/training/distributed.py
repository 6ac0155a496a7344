"""One process or many: the only module that knows about ranks.

Start with `torchrun --nproc-per-node N -m lanistr train ...`, over several nodes with its
`--nnodes` and `--rdzv-endpoint`, or with `srun --ntasks N python -m lanistr train ...`, one task
for each GPU: gloo on CPUs, nccl on GPUs.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from ctypes import CDLL
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lanistr.errors import ConfigError

T = TypeVar("T")
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>

# Kept until the interpreter ends. Gloo's threads take its lock to release tensors; a group that
# dies with the last wrapped module waits for these threads while it holds the lock itself, and
# one run in twenty never ended.
_joined: list[Any] = []


@dataclass(frozen=True)
class Place:
    """The place of a process among those that were started together.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        local: its number among those of its node, from 0.
        master: where the first one listens, as the variables of torch; empty = they are set.
        alone_with_gpu: whether the scheduler may show each process its own GPU alone.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    master: Mapping[str, str] = field(default_factory=dict)
    alone_with_gpu: bool = False


def read_place(told: Mapping[str, str]) -> Place:
    """What torchrun or, where it did not start the process, a step of Slurm's srun says of it.

    Args:
        told: the environment.

    >>> read_place({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}).local
    1
    >>> step = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "3", "SLURM_LOCALID": "0"}
    >>> step |= {"SLURM_STEP_NODELIST": "gpu[07-08,11],login", "SLURM_JOB_ID": "5"}
    >>> read_place(step).master
    {'MASTER_ADDR': 'gpu07', 'MASTER_PORT': '20320'}
    """
    if "RANK" in told or int(told.get("SLURM_STEP_NUM_TASKS", 1)) == 1:
        return Place(
            int(told.get("RANK", 0)), int(told.get("WORLD_SIZE", 1)), int(told.get("LOCAL_RANK", 0))
        )
    first = re.match(r"([^\[,]+)(?:\[([^\],-]+))?", told["SLURM_STEP_NODELIST"])
    assert first
    # Steps of one job, and jobs of one node, listen on ports of their own.
    step = 64 * int(told["SLURM_JOB_ID"]) + int(told.get("SLURM_STEP_ID", 0))
    master = {"MASTER_ADDR": "".join(first.groups("")), "MASTER_PORT": str(20000 + step % 20000)}
    return Place(
        int(told["SLURM_PROCID"]),
        int(told["SLURM_STEP_NUM_TASKS"]),
        int(told["SLURM_LOCALID"]),
        {name: value for name, value in master.items() if name not in told},
        alone_with_gpu=True,
    )


def own_gpu(place: Place, there: int) -> int:
    """The number of the GPU that a process computes on.

    Args:
        place: of the process.
        there: number of GPUs that it sees.

    Raises:
        ConfigError: fewer than processes.

    >>> own_gpu(Place(local=1), 2), own_gpu(Place(local=1, alone_with_gpu=True), 1)
    (1, 0)
    """
    if place.local < there:
        return place.local
    if place.alone_with_gpu and there == 1:
        return 0
    raise ConfigError(
        f"Process {place.local + 1} of this node finds {there} GPUs, and two never share one. "
        "Start as many processes as there are GPUs: engine.gpus, --nproc-per-node or --ntasks."
    )


def go_alone() -> bool:
    """Whether this process does alone what cannot be shared: of several the first does."""
    place = read_place(os.environ)
    if place.size > 1:
        for name in ("RANK", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
            os.environ.pop(name, None)
    return place.rank == 0


def die_with_launcher() -> None:
    """Have the system end this process with the one that started it, on Linux.

    A launcher that is killed at once cannot end its processes, and they would train on beside
    those of the next start.
    """
    if sys.platform == "linux":
        CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        device: where this process computes.
        rank: number of this process; 0 writes files and lines.
        size: how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and lines."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, with gradients averaged over all processes after each backward pass.

        On GPUs batch normalisation takes its statistics over all processes; torch has that for no
        other device, so on CPUs they are of each process.
        """
        if self.size == 1:
            return module
        if self.device.type == "cuda":
            share_statistics(module)
        # Every loss gives every trained weight a gradient, be it zero: nothing to search for.
        return DistributedDataParallel(module)

    def syncing(self, wrapped: nn.Module, sync: bool) -> AbstractContextManager[None]:
        """Within it, backward passes average gradients over processes only if `sync`."""
        if isinstance(wrapped, DistributedDataParallel) and not sync:
            return wrapped.no_sync()
        return nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """The element-wise mean over all processes."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values / self.size

    def gathered(self, value: T) -> list[T]:
        """The value of every process, in the order of their ranks."""
        values: list[Any] = [value]
        if self.size > 1:
            values = [None] * self.size
            distributed.all_gather_object(values, value)
        return values


def share_statistics(module: nn.Module) -> None:
    """Have batch normalisation take its statistics over all processes; same parameters and names.

    Kinds of it that differ by design, such as those of parts of a batch, stay as they are.
    """
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d):
                setattr(parent, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))


@contextmanager
def world(device: str, threads: int | None = None) -> Iterator[World]:
    """Join the processes that torchrun or srun started, if one did.

    Args:
        device: `cpu`, `cuda`, or `auto` = a GPU where there is one.
        threads: of torch, in each process; None = torch's own choice.

    Raises:
        ConfigError: `cuda` without a GPU, or with fewer than processes.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no GPU here. Use --device cpu or auto.")
    if threads:
        torch.set_num_threads(threads)
    kind = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    place = read_place(os.environ)
    if kind == "cuda":
        where = torch.device(kind, own_gpu(place, torch.cuda.device_count()))
        torch.cuda.set_device(where)
    else:
        where = torch.device(kind)
        torch.use_deterministic_algorithms(True)
        # Filling memory that is about to be written costs a sixth of a step of a small model.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if place.size == 1:
        yield World(where)
        return
    die_with_launcher()
    os.environ.update(place.master)
    backend = "nccl" if kind == "cuda" else "gloo"
    distributed.init_process_group(backend, rank=place.rank, world_size=place.size)
    _joined.append(distributed.group.WORLD)
    yield World(where, place.rank, place.size)
    distributed.barrier()  # nobody leaves before all files are written
    distributed.destroy_process_group()
