"""How far probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lanistr.report.figures import GREY, PALETTE

BINS = 10
TICKS = (0, 0.25, 0.5, 0.75, 1)


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of equal width.

    Attributes:
        count: predictions in each bin, (bins,) int.
        predicted: their mean probability, (bins,); NaN in an empty bin.
        observed: share that came true, (bins,); NaN in an empty bin.
    """

    count: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray


def reliability(confidence: np.ndarray, came_true: np.ndarray, bins: int = BINS) -> Reliability:
    """What was predicted and what came true, by bin.

    Args:
        confidence: probability of what is claimed, (N,).
        came_true: True where the claim holds, (N,) bool.
        bins: of equal width from 0 to 1; a value between two belongs to the upper one.

    >>> found = reliability(np.array([0.1, 0.3, 0.9]), np.array([False, True, True]), bins=2)
    >>> found.count, found.predicted, found.observed
    (array([2, 1]), array([0.2, 0.9]), array([0.5, 1. ]))
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(place, confidence, minlength=bins) / count
        observed = np.bincount(place, came_true, minlength=bins) / count
    return Reliability(count, predicted, observed)


def calibration_error(confidence: np.ndarray, came_true: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of predicted and observed, by samples of a bin.

    Source:
        Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning,
        AAAI 2015.

    >>> round(calibration_error(np.array([0.1, 0.3, 0.9]), np.array([False, True, True]), 2), 4)
    0.2333
    """
    found = reliability(confidence, came_true, bins)
    distance = np.nan_to_num(np.abs(found.predicted - found.observed))
    return float((found.count * distance).sum() / found.count.sum())


def draw_reliability(axes: Any, counts: Any, found: Sequence[Reliability], smallest: int) -> None:
    """Reliability diagram, and below it how many samples each bin has, mean over seeds.

    Args:
        axes: for the diagram.
        counts: axes below it.
        found: of each seed.
        smallest: bins of fewer samples are not drawn.
    """
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    style = {"color": PALETTE[1], "marker": "o", "markersize": 3, "linestyle": "-", "linewidth": 1}
    for each in found:
        shown = each.count >= smallest
        axes.plot(each.predicted[shown], each.observed[shown], **style)
    axes.set(xlim=(0, 1), ylim=(0, 1.01), ylabel="observed")
    axes.set_xticks(TICKS, [])
    count = np.array([each.count for each in found])
    shown = count.min(axis=0) >= smallest
    middle, height = (np.arange(BINS)[shown] + 0.5) / BINS, count.mean(axis=0)[shown]
    counts.bar(middle, height, 0.9 / BINS, color=GREY, alpha=0.5)
    for x, number in zip(middle, height, strict=True):
        counts.text(x, number, f"{number:.0f}", ha="center", va="bottom", fontsize=6.5)
    counts.set(xlim=(0, 1), ylim=(0, 1.5 * max(height, default=1)), xlabel="predicted")
    counts.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    counts.set_yticks([])
    counts.grid(False)
