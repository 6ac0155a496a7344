"""What decides how far a step goes and when a run ends: pure functions of its story so far.

So there is nothing to save beside the story, and a run that goes on decides as it would have.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from lanistr.errors import ConfigError
from lanistr.experiments.config import Optim, Plateau

ALGORITHMS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
LOWER = 1e-4  # by this share a loss has to fall to count as lower; torch's default


def optimiser(model: nn.Module, taken: Container[str], optim: Optim) -> torch.optim.Optimizer:
    """What moves the weights that require it; `set_rate` sets their rate before each step.

    Args:
        model: whose weights are moved.
        taken: names of those that started from other runs.
        optim: the recipe's.
    """
    trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
    old = [name for name in trained if name in taken and optim.pretrained_lr < 1]
    groups = [
        {"params": [each for name, each in trained.items() if name not in old], "share": 1.0},
        {"params": [trained[name] for name in old], "share": optim.pretrained_lr},
    ]
    return ALGORITHMS[optim.algorithm](
        [group for group in groups if group["params"]],
        lr=optim.lr,
        betas=optim.betas,
        weight_decay=optim.weight_decay,
        fused=True,
    )


def set_rate(moves: torch.optim.Optimizer, rate: float) -> None:
    """Have new weights move at a rate, and those of other runs at their share of it."""
    for group in moves.param_groups:
        group["lr"] = rate * group["share"]


def rate_at(
    step: int, steps: int, optim: Optim, history: Sequence[Mapping[str, Any]] = ()
) -> float:
    """Learning rate of an optimiser step: linear warm-up, then the schedule.

    Args:
        step: of the run, from 0.
        steps: of the run.
        optim: the recipe's.
        history: records of the finished epochs, for a plateau.

    >>> optim = Optim(lr=1.0, warmup_share=0.2, epochs=1, batch_size=1)
    >>> [round(rate_at(step, 10, optim), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    warmup = round(optim.warmup_share * steps)
    if step < warmup:
        return optim.lr * (step + 1) / warmup
    if isinstance(optim.schedule, Plateau):
        losses = [record["valid/loss"] for record in history if "valid/loss" in record]
        return optim.lr * optim.schedule.factor ** plateaus(losses, optim.schedule.patience)
    if optim.schedule == "constant":
        return optim.lr
    return optim.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def plateaus(losses: Sequence[float], patience: int) -> int:
    """How often the losses of successive epochs did not fall for more than `patience` of them.

    >>> plateaus([3, 2, 2, 2, 2, 2], patience=1)
    2
    """
    lowest, waited, found = math.inf, 0, 0
    for loss in losses:
        waited += 1
        if loss < lowest * (1 - LOWER):
            lowest, waited = loss, 0
        if waited > patience:
            found, waited = found + 1, 0
    return found


def is_over(finished: int, best: Mapping[str, Any], optim: Optim) -> bool:
    """Whether a run ends: all epochs are done, or too many since the best one.

    Args:
        finished: epochs.
        best: record of the selected one; empty before the first.
        optim: the recipe's.

    >>> optim = Optim(epochs=9, batch_size=1, stop_after=2)
    >>> is_over(4, {"epoch": 3}, optim), is_over(5, {"epoch": 3}, optim), is_over(9, {}, optim)
    (False, True, True)
    """
    waited = finished - best.get("epoch", finished)
    return finished == optim.epochs or (optim.stop_after is not None and waited >= optim.stop_after)


def micro_batch_size(optim: Optim, processes: int) -> int:
    """Samples that a process takes at once.

    Raises:
        ConfigError: the batch cannot be divided evenly.
    """
    size, rest = divmod(optim.batch_size, optim.accumulate * processes)
    if rest or not size:
        raise ConfigError(
            f"optim.batch_size: {optim.batch_size} samples cannot be divided evenly into "
            f"{optim.accumulate} micro-batches (optim.accumulate) of {processes} processes. "
            "Choose a multiple."
        )
    return size
