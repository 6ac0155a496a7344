"""Predictions as they are looked at: ROC curve, confusion of classes, calibration.

Reads labels and probabilities, never identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.report.calibration import calibration_error, draw_reliability, reliability
from lanistr.report.figures import GREY, INK, PALETTE, WIDTH, figure, svg
from lanistr.report.page import SMALLEST, Section, beside, captioned, notice, paragraph
from lanistr.report.tables import read_rows

GRID = np.linspace(0, 1, 51)
"""False-positive rates at which ROC curves are drawn: coarser than single samples."""


@dataclass(frozen=True)
class Predicted:
    """One run on the test split.

    Attributes:
        label: class, (N,) int.
        probability: of each class, (N, C) float64.
    """

    label: np.ndarray
    probability: np.ndarray

    @property
    def is_binary(self) -> bool:
        """True if there are two classes, of which 1 is the positive one."""
        return self.probability.shape[1] == 2

    @property
    def confidence(self) -> np.ndarray:
        """What should be calibrated: of two classes the positive one's probability, else the largest."""  # noqa: E501
        return self.probability[:, 1] if self.is_binary else self.probability.max(axis=1)

    @property
    def came_true(self) -> np.ndarray:
        """True where what `confidence` is about is the case, (N,) bool."""
        claimed = 1 if self.is_binary else self.probability.argmax(axis=1)
        return self.label == claimed


def read_predicted(path: Path) -> Predicted:
    """The labels and probabilities of a predictions file."""
    import polars as pl

    frame = pl.read_parquet(path, columns=["label", "answer"])
    return Predicted(frame["label"].to_numpy()[:, 0].astype(np.int64), frame["answer"].to_numpy())


def sections(results: Path) -> list[Section]:
    """ROC curves or confusion matrices, with calibration, of the rows of Tables 1 and 2."""
    parts = []
    for name in ("table1", "table2"):
        path = results / "tables" / f"{name}.csv"
        rows = read_rows(path)[0] if path.is_file() else []
        runs = {f"{row.row}, {row.dataset}": seeds_of(results, row.experiment) for row in rows}
        drawn = [drawing(title, seeds) for title, seeds in runs.items() if seeds]
        parts.append(beside(drawn) if drawn else notice(f"{name.capitalize()} was not run."))
    first, second = parts
    return [
        Section("predictions", "The predictions behind the tables", paragraph(READ)),
        Section("roc", "Mortality: ROC curves and calibration", first, level=3),
        Section("confusion", "Stars: confusion and calibration", second, level=3),
    ]


READ = (
    "ROC curves: mean over seeds, band from the lowest to the highest. Confusion: share of the "
    "reviews of each true number of stars that is predicted as each number, mean over seeds. "
    "Calibration: what came true against what was predicted, in ten equal bins, one line per "
    f"seed; bins and cells of fewer than {SMALLEST} samples are not drawn. ECE is the expected "
    "calibration error over all bins, mean over seeds; 0 is best."
)


def seeds_of(results: Path, experiment: str | None) -> dict[int, Predicted]:
    """The predictions of an experiment by seed."""
    paths = (
        sorted((results / "predictions" / experiment).glob("seed*.parquet")) if experiment else []
    )
    return {int(path.stem.removeprefix("seed")): read_predicted(path) for path in paths}


def drawing(title: str, seeds: Mapping[int, Predicted]) -> str:
    """Discrimination on the left, calibration on the right."""
    runs = list(seeds.values())
    errors = [calibration_error(run.confidence, run.came_true) for run in runs]
    with figure(2, 2, width=WIDTH, height=2.7, height_ratios=(5, 1)) as (fig, grid):
        (left, right), (below, counts) = grid
        below.remove()
        left.set_subplotspec(left.get_gridspec()[:, 0])
        what = draw_roc(left, runs) if runs[0].is_binary else draw_confusion(left, runs)
        found = [reliability(run.confidence, run.came_true) for run in runs]
        draw_reliability(right, counts, found, SMALLEST)
        right.set_title(f"ECE {np.mean(errors):.3f}")
        described = f"{what} Expected calibration error {np.mean(errors):.3f}."
        drawn = svg(fig, title=f"{title}: discrimination and calibration", description=described)
    return captioned(drawn, f"{title}; {len(runs)} seed{'s' if len(runs) > 1 else ''}.")


def roc(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """True-positive rate at the false-positive rates of `GRID`, (51,).

    Args:
        label: 1 = positive, (N,).
        score: higher = more likely positive, (N,); ties are one step.

    >>> roc(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.2]))[[0, -1]]
    array([1., 1.])
    """
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.r_[np.diff(score[order]) != 0, True]
    true = np.cumsum(label[order] == 1)[last_of_tie]
    false = np.cumsum(label[order] != 1)[last_of_tie]
    rate, height = np.r_[0, false / false[-1]], np.r_[0, true / true[-1]]
    # At a rate where the curve rises straight up, its upper end counts.
    upper = np.r_[np.diff(rate) != 0, True]
    return np.interp(GRID, rate[upper], height[upper])


def draw_roc(axes: Any, runs: Sequence[Predicted]) -> str:
    """Mean ROC curve and band over seeds; returns the description."""
    positive = int(runs[0].label.sum())
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="false-positive rate", ylabel="true-positive rate")
    axes.set_title("ROC")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    if min(positive, len(runs[0].label) - positive) < SMALLEST:
        axes.text(0.5, 0.5, f"a class has fewer\nthan {SMALLEST} samples", ha="center", va="center")
        return f"No ROC curve: a class has fewer than {SMALLEST} samples."
    curves = np.array([roc(run.label, run.probability[:, 1]) for run in runs])
    axes.plot(GRID, curves.mean(axis=0), color=PALETTE[0])
    axes.fill_between(
        GRID, curves.min(axis=0), curves.max(axis=0), color=PALETTE[0], alpha=0.2, linewidth=0
    )
    at = curves.mean(axis=0)[[5, 10, 25]]
    return (
        f"ROC curve: at false-positive rates of 0.1, 0.2 and 0.5 the true-positive rate is "
        f"{at[0]:.2f}, {at[1]:.2f} and {at[2]:.2f}."
    )


def confusion(runs: Sequence[Predicted]) -> np.ndarray:
    """Share of each true class (row) predicted as each class (column), mean over runs.

    Returns:
        (C, C) float64; NaN where fewer than `SMALLEST` samples per run are meant.
    """
    classes = runs[0].probability.shape[1]
    counts = np.zeros((classes, classes))
    for run in runs:
        np.add.at(counts, (run.label, run.probability.argmax(axis=1)), 1 / len(runs))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
    return np.where(counts >= SMALLEST, shares, np.nan)


def draw_confusion(axes: Any, runs: Sequence[Predicted]) -> str:
    """Heat map of the confusion with percents in it; returns the description."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    shares = confusion(runs)
    blue = to_rgb(PALETTE[0])
    shades = LinearSegmentedColormap.from_list("", [(*blue, 0.0), (*blue, 0.55)])
    axes.pcolormesh(np.nan_to_num(shares), cmap=shades, vmin=0, vmax=1)
    stars = np.arange(1, len(shares) + 1)
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        shown = "·" if np.isnan(share) else f"{100 * share:.0f}"
        axes.text(column + 0.5, row + 0.5, shown, ha="center", va="center", color=INK, fontsize=8)
    axes.set_xticks(stars - 0.5, stars)
    axes.set_yticks(stars - 0.5, stars)
    axes.set(xlabel="predicted stars", ylabel="true stars")
    axes.set_title("Confusion, %")
    axes.grid(False)
    right = [
        f"{star}: {100 * s:.0f} %" for star, s in zip(stars, np.diag(shares), strict=True) if s == s
    ]
    return f"Confusion: share predicted correctly by true stars: {', '.join(right) or 'too few'}."
