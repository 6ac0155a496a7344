"""How far predicted numbers are from the true ones, by tenths of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lanistr.evaluation.predictions import Predictions
from lanistr.report.figures import GREY, PALETTE, WIDTH, figure, svg
from lanistr.report.page import SMALLEST

TENTHS = 10


@dataclass(frozen=True)
class Tenths:
    """Samples in tenths, from the lowest of one number to the highest.

    Attributes:
        at: median of the number that they are ordered by, (10,).
        low: lower quartile of the other number, (10,).
        middle: its median, (10,).
        high: its upper quartile, (10,).
    """

    at: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def tenths(order: np.ndarray, value: np.ndarray, number: int = TENTHS) -> Tenths | None:
    """What samples show by tenths; None where a tenth has too few samples to be shown.

    Args:
        order: number that decides the tenth, (N,).
        value: number that is told of it, (N,).
        number: how many tenths there are.

    >>> found = tenths(np.arange(20.0), 2 * np.arange(20.0), number=2)
    >>> found.at, found.low, found.middle, found.high
    (array([ 4.5, 14.5]), array([ 4.5, 24.5]), array([ 9., 29.]), array([13.5, 33.5]))
    """
    parts = np.array_split(np.argsort(order, kind="stable"), number)
    if min(map(len, parts)) < SMALLEST:
        return None
    quartiles = np.array([np.quantile(value[part], (0.25, 0.5, 0.75)) for part in parts]).T
    return Tenths(np.array([np.median(order[part]) for part in parts]), *quartiles)


def mean_tenths(found: Sequence[Tenths | None]) -> Tenths | None:
    """The mean over seeds; None if they cannot be shown."""
    known = [each for each in found if each is not None]
    if not known:
        return None
    names = ("at", "low", "middle", "high")
    return Tenths(*(np.mean([getattr(each, name) for each in known], axis=0) for name in names))


def drawing(title: str, runs: Sequence[Predictions]) -> str:
    """Predicted against true numbers on the left, residuals by predicted number on the right."""
    unit = runs[0].task.unit or "number"
    pairs = [(run.label[:, 0], run.answer[:, 0]) for run in runs]
    answered = mean_tenths([tenths(true, said) for true, said in pairs])
    missed = mean_tenths([tenths(said, true - said) for true, said in pairs])
    error = np.mean([np.abs(true - said).mean() for true, said in pairs])
    with figure(1, 2, width=WIDTH, height=2.7) as (fig, (left, right)):
        left.set(xlabel=f"true, {unit}", ylabel=f"predicted, {unit}", title="Predicted and true")
        right.set(xlabel=f"predicted, {unit}", ylabel=f"true - predicted, {unit}")
        right.set_title(f"Residuals, MAE {error:.3g}")
        if answered and missed:
            ends = [answered.at[0], answered.at[-1]]
            left.plot(ends, ends, color=GREY, linestyle=":", linewidth=1)
            right.axhline(0, color=GREY, linestyle=":", linewidth=1)
            draw(left, answered, PALETTE[0])
            draw(right, missed, PALETTE[1])
        else:
            for axes in (left, right):
                axes.text(0.5, 0.5, FEW, ha="center", va="center", transform=axes.transAxes)
        return svg(fig, title=title, description=described(answered, missed, float(error), unit))


FEW = f"a tenth has fewer\nthan {SMALLEST} samples"


def draw(axes: Any, found: Tenths, colour: str) -> None:
    """Medians as points with a line, quartiles as a band."""
    axes.plot(found.at, found.middle, color=colour, linestyle="-", marker="o", markersize=3)
    axes.fill_between(found.at, found.low, found.high, color=colour, alpha=0.2, linewidth=0)


def described(answered: Tenths | None, missed: Tenths | None, error: float, unit: str) -> str:
    """The figure in words."""
    if answered is None or missed is None:
        return f"Not drawn: a tenth is fewer than {SMALLEST} samples. MAE {error:.3g} {unit}."
    lowest, highest = (
        f"where the true number is {answered.at[place]:.3g}, {answered.middle[place]:.3g}"
        for place in (0, -1)
    )
    first, last = (
        f"{missed.middle[place]:.3g} ({missed.low[place]:.3g} to {missed.high[place]:.3g})"
        for place in (0, -1)
    )
    return (
        f"In {unit}. Median prediction: {lowest}; {highest}. Median residual with quartiles: "
        f"{first} in the tenth of the lowest predictions, {last} in that of the highest. "
        f"MAE {error:.3g}."
    )
