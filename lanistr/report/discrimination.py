"""How well answers tell samples apart: ROC curve, confusion of classes, AUROC of each label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lanistr.evaluation.metrics import weighted_auroc
from lanistr.evaluation.predictions import Predictions
from lanistr.report.figures import GREY, INK, PALETTE
from lanistr.report.page import SMALLEST, Cell, table

GRID = np.linspace(0, 1, 51)
"""False-positive rates at which ROC curves are drawn: coarser than single samples."""
LONGEST = 3
"""Letters of a class name that fit below a column of the confusion."""


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


def is_rare(label: np.ndarray) -> bool:
    """Whether one of two classes has too few samples to be shown."""
    positive = int((label == 1).sum())
    return min(positive, len(label) - positive) < SMALLEST


def draw_roc(axes: Any, runs: Sequence[Predictions]) -> str:
    """Mean ROC curve and band over seeds; returns the description."""
    label = runs[0].label[:, 0]
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="false-positive rate", ylabel="true-positive rate")
    axes.set_title("ROC")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    if is_rare(label):
        axes.text(0.5, 0.5, f"a class has fewer\nthan {SMALLEST} samples", ha="center", va="center")
        return f"No ROC curve: a class has fewer than {SMALLEST} samples."
    curves = np.array([roc(run.label[:, 0], run.answer[:, 1]) for run in runs])
    axes.plot(GRID, curves.mean(axis=0), color=PALETTE[0])
    axes.fill_between(
        GRID, curves.min(axis=0), curves.max(axis=0), color=PALETTE[0], alpha=0.2, linewidth=0
    )
    at = curves.mean(axis=0)[[5, 10, 25]]
    return (
        f"ROC curve: at false-positive rates of 0.1, 0.2 and 0.5 the true-positive rate is "
        f"{at[0]:.2f}, {at[1]:.2f} and {at[2]:.2f}."
    )


def confusion(runs: Sequence[Predictions]) -> np.ndarray:
    """Share of each true class (row) predicted as each class (column), mean over runs.

    Returns:
        (C, C) float64; NaN where fewer than `SMALLEST` samples per run are meant.
    """
    classes = runs[0].answer.shape[1]
    counts = np.zeros((classes, classes))
    for run in runs:
        true = run.label[:, 0].astype(np.int64)
        np.add.at(counts, (true, run.answer.argmax(axis=1)), 1 / len(runs))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
    return np.where(counts >= SMALLEST, shares, np.nan)


def draw_confusion(axes: Any, runs: Sequence[Predictions]) -> str:
    """Heat map of the confusion with percents in it; returns the description."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    shares, names = confusion(runs), runs[0].task.classes
    blue = to_rgb(PALETTE[0])
    shades = LinearSegmentedColormap.from_list("", [(*blue, 0.0), (*blue, 0.55)])
    axes.pcolormesh(np.nan_to_num(shares), cmap=shades, vmin=0, vmax=1)
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        shown = "·" if np.isnan(share) else f"{100 * share:.0f}"
        axes.text(column + 0.5, row + 0.5, shown, ha="center", va="center", color=INK)
    places, turned = np.arange(len(names)) + 0.5, max(map(len, names)) > LONGEST
    axes.set_xticks(places, names, rotation=90 if turned else 0)
    axes.set_yticks(places, names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title("Confusion, %")
    axes.grid(False)
    right = [
        f"{name}: {100 * s:.0f} %" for name, s in zip(names, np.diag(shares), strict=True) if s == s
    ]
    return f"Confusion: share predicted correctly by true class: {', '.join(right) or 'too few'}."


def label_areas(runs: Sequence[Predictions]) -> dict[str, float]:
    """The AUROC of each label, mean over runs; without labels that are too rare to be shown."""
    found = {}
    for place, name in enumerate(runs[0].task.classes):
        known = ~np.isnan(runs[0].label[:, place])
        label = runs[0].label[known, place]
        if not is_rare(label):
            once = np.ones((1, len(label)))
            areas = [weighted_auroc(label, run.answer[known, place], once)[0] for run in runs]
            found[name] = float(np.mean(areas))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def draw_labels(axes: Any, runs: Sequence[Predictions]) -> str:
    """The AUROC of each label, highest first; returns the description."""
    areas = label_areas(runs)
    axes.set_title("AUROC by label")
    axes.plot(list(areas.values()), range(len(areas)), "o", color=PALETTE[0], markersize=3)
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
    axes.set(xlim=(min([0.4, *areas.values()]), 1.01), xlabel="AUROC", ylabel="labels")
    axes.set_yticks([])
    axes.invert_yaxis()
    told = ", ".join(f"{name} {area:.2f}" for name, area in areas.items())
    rare = len(runs[0].task.classes) - len(areas)
    few = f" Labels with fewer than {SMALLEST} samples on one side: {rare}." if rare else ""
    return f"AUROC by label: {told or 'none'}.{few}"


def label_table(row: str, runs: Sequence[Predictions]) -> str:
    """The AUROC of each label by its name, as a table for a row."""
    lines: list[dict[str, Cell]] = [
        {"label": name, "area": f"{100 * area:.2f}"} for name, area in label_areas(runs).items()
    ]
    headings = {"label": "Label", "area": "AUROC in percent"}
    return table(lines, headings, f"{row}: labels, mean over seeds; without rare ones")
