"""One process or many: the only module that knows about ranks.

Start with `torchrun --nproc-per-node N -m lanistr train ...`: gloo on CPUs, nccl on GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lanistr.errors import ConfigError

T = TypeVar("T")

# Kept until the interpreter ends. Gloo's threads take its lock to release tensors; a group that
# dies with the last wrapped module waits for these threads while it holds the lock itself, and
# one run in twenty never ended.
_joined: list[Any] = []


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
    """Join the processes that torchrun started, if it did.

    Args:
        device: `cpu`, `cuda`, or `auto` = a GPU where there is one.
        threads: of torch, in each process; None = torch's own choice.

    Raises:
        ConfigError: `cuda` without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no GPU here. Use --device cpu or auto.")
    if threads:
        torch.set_num_threads(threads)
    kind = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_RANK", 0))
    where = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(where)
    else:
        torch.use_deterministic_algorithms(True)
    if size == 1:
        yield World(where)
        return
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    _joined.append(distributed.group.WORLD)
    yield World(where, rank, size)
    distributed.barrier()  # nobody leaves before all files are written
    distributed.destroy_process_group()
