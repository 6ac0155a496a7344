"""What was measured of a series, summed up over time: pure functions of values and flags.

Shapes: B series; S hours; C value columns, V variables; what was not measured is never read.
"""

from __future__ import annotations

import torch
from torch import Tensor

SUMMARIES = ("first", "last", "least", "greatest", "mean", "spread", "trend", "recent", "lately")
DECAYS = {"recent": 4.0, "lately": 12.0}  # hours in which a measurement loses 63 % of its weight
COUNTS = ("measured", "how often", "how long ago", "how late first")
SLOWEST = 0.05  # added to the spread of time, so that two measurements at once have no trend


def summarise(values: Tensor, seen: Tensor) -> Tensor:
    """The `SUMMARIES` of each value column, 0 where it was never measured.

    Spread is a standard deviation, trend a change over the whole series; recent and lately are
    means in which a measurement weighs less the longer it was before the last one.

    Args:
        values: 0 where not measured, (B, S, C).
        seen: True = measured, (B, S, C) bool.

    Returns:
        (B, C, summaries).

    >>> values, seen = torch.tensor([[[5.0], [1.0], [0.0], [3.0]]]), torch.tensor([1, 1, 0, 1]) > 0
    >>> told = summarise(values, seen[None, :, None])[0, 0].tolist()
    >>> {name: round(value, 2) for name, value in zip(SUMMARIES, told)}
    {'first': 5.0, 'last': 3.0, 'least': 1.0, 'greatest': 5.0, 'mean': 3.0, 'spread': 1.63, \
'trend': -1.46, 'recent': 2.87, 'lately': 2.95}
    """
    hours = hours_of(seen)
    first_hour, last_hour = reach(seen)
    mean = average(values, seen)
    away = (values - mean[:, None]) * seen
    time = (hours / len(hours)).to(values.dtype)
    when = (time - average(time.expand_as(values), seen)[:, None]) * seen
    elapsed = (last_hour - hours).clamp(min=0)
    told = [
        values.gather(1, first_hour)[:, 0],
        values.gather(1, last_hour)[:, 0],
        values.masked_fill(~seen, torch.inf).amin(dim=1).masked_fill(~seen.any(dim=1), 0.0),
        values.masked_fill(~seen, -torch.inf).amax(dim=1).masked_fill(~seen.any(dim=1), 0.0),
        mean,
        average(away.square(), seen).sqrt(),
        (when * away).sum(dim=1) / (when.square().sum(dim=1) + SLOWEST),
        *(average(values, torch.exp(-elapsed / decay) * seen) for decay in DECAYS.values()),
    ]
    return torch.stack(told, dim=-1)


def count(seen: Tensor) -> Tensor:
    """The `COUNTS` of each variable, each of them between 0 and about 2; 0 if never measured.

    Args:
        seen: True = measured, (B, S, V) bool.

    Returns:
        (B, V, counts): whether it was, the logarithm of how often, and the shares of the series
        that follow the last measurement and come before the first.

    >>> count(torch.tensor([[[True], [True], [False], [False]]]))[0, 0]
    tensor([1.0000, 0.5493, 0.5000, 0.0000])
    """
    first_hour, last_hour = (hour[:, 0] for hour in reach(seen))
    steps, measured = seen.shape[1], seen.any(dim=1).float()
    return torch.stack(
        [
            measured,
            seen.sum(dim=1).float().log1p() / 2,
            measured * (steps - 1 - last_hour) / steps,
            measured * first_hour / steps,
        ],
        dim=-1,
    )


def average(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean over the hours, 0 where nothing has weight; (B, C)."""
    total = (values * weight).sum(dim=1)
    return total / weight.sum(dim=1).clamp(min=torch.finfo(total.dtype).tiny)


def reach(seen: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last measured hour, (B, 1, C) int64 each; any where none was."""
    hours, steps = hours_of(seen), seen.shape[1]
    first = torch.where(seen, hours, steps - 1).amin(dim=1, keepdim=True)
    return first, torch.where(seen, hours, 0).amax(dim=1, keepdim=True)


def hours_of(seen: Tensor) -> Tensor:
    """The numbers of the hours, (S, 1) int64."""
    return torch.arange(seen.shape[1], device=seen.device)[:, None]
