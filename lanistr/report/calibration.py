"""How far probabilities can be taken at their word, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lanistr.evaluation.calibration import BINS, Reliability
from lanistr.report.figures import GREY, PALETTE

TICKS = (0, 0.25, 0.5, 0.75, 1)


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
        counts.text(x, number, f" {number:.0f}", ha="center", va="bottom", rotation=90)
    counts.set(xlim=(0, 1), ylim=(0, 2.5 * max(height, default=1)), xlabel="predicted")
    counts.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    counts.set_yticks([])
    counts.grid(False)
