"""Predictions as they are looked at, by the kind of their task; never identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.evaluation.calibration import calibration_error, claims, reliability
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.predictions import Predictions, read_predictions
from lanistr.evaluation.row import read_csv
from lanistr.report import residuals
from lanistr.report.calibration import draw_reliability
from lanistr.report.discrimination import draw_confusion, draw_labels, draw_roc, label_table
from lanistr.report.figures import WIDTH, figure, svg
from lanistr.report.page import (
    SMALLEST,
    Section,
    captioned,
    folded,
    notice,
    paragraph,
    place_beside,
)
from lanistr.report.tables import table_file
from lanistr.task import Kind


def sections(results: Path, layouts: Mapping[str, Layout]) -> list[Section]:
    """The predictions of the rows of each table whose entry asks for them."""
    wanted = {name: layout for name, layout in layouts.items() if layout.predictions}
    if not wanted:
        return []
    return [
        Section("predictions", "The predictions behind the tables", paragraph(READ)),
        *(
            Section(f"predictions-{name}", layout.title, figures(results, name, layout), level=3)
            for name, layout in wanted.items()
        ),
    ]


READ = (
    "ROC curves: mean over seeds, band from the lowest to the highest. Confusion: share of the "
    "samples of each true class that is predicted as each class, mean over seeds. Calibration: "
    "what came true against what was predicted, in ten equal bins, one line per seed; of several "
    "labels over all pairs of sample and label. ECE is the expected calibration error over all "
    "bins, mean over seeds; 0 is best; tempered, under the temperature of each run, fitted on "
    "validation. Numbers: median and quartiles by tenths of the samples, "
    f"mean over seeds. What stands for fewer than {SMALLEST} samples is not drawn."
)


def figures(results: Path, name: str, layout: Layout) -> str:
    """A figure per row that was run."""
    path = table_file(results, name)
    rows = read_csv(path)[0] if path.is_file() else []
    runs = {f"{row.row}, {row.dataset}": read_seeds(results, row.experiment) for row in rows}
    drawn = [drawing(layout.title, caption, seeds) for caption, seeds in runs.items() if seeds]
    return place_beside(drawn) if drawn else notice(f"{name.capitalize()} was not run.")


def read_seeds(results: Path, experiment: str | None) -> list[Predictions]:
    """The predictions of an experiment, a run per seed."""
    if not experiment:
        return []
    files = sorted((results / "predictions" / experiment).glob("seed*.parquet"))
    return [read_predictions(path) for path in files]


def drawing(table: str, row: str, runs: Sequence[Predictions]) -> str:
    """The figure of a row's runs.

    Args:
        table: title of the table.
        row: name of the row, which no other of the table has.
        runs: at least one.
    """
    kind = Kind(runs[0].task.kind)
    drawn = DRAWN[kind](f"{table}: {row}", runs)
    figure = captioned(drawn, f"{row}; {len(runs)} seed{'s' if len(runs) > 1 else ''}.")
    return figure if kind not in LISTED else f"<div>{figure}{LISTED[kind](row, runs)}</div>"


def calibrated(
    draw: Callable[[Any, Sequence[Predictions]], str], title: str, runs: Sequence[Predictions]
) -> str:
    """Discrimination on the left, calibration on the right."""
    told = [claims(run.task, run.label, run.answer) for run in runs]
    error = np.mean([calibration_error(*each) for each in told])
    # The names and shares of many classes need room.
    width = WIDTH * max(1, runs[0].answer.shape[1] / 6 if draw is draw_confusion else 1)
    with figure(2, 2, width=width, height=3.2, height_ratios=(5, 2)) as (fig, grid):
        (left, right), (below, counts) = grid
        below.remove()
        left.set_subplotspec(left.get_gridspec()[:, 0])
        what = draw(left, runs)
        draw_reliability(right, counts, [reliability(*each) for each in told], SMALLEST)
        after = tempered_error(runs)
        right.set_title(f"ECE {error:.3f}" + ("" if after is None else f"\ntempered {after:.3f}"))
        described = f"{what} Expected calibration error {error:.3f}." + (
            "" if after is None else f" Under temperatures fitted on validation {after:.3f}."
        )
        return svg(fig, title=f"{title}: discrimination and calibration", description=described)


def tempered_error(runs: Sequence[Predictions]) -> float | None:
    """The calibration error under the temperatures of the runs, mean; None = all of them are 1."""
    tempered = [
        run.finetuned.temper(run.task, run.answer) if run.finetuned else run.answer for run in runs
    ]
    if all(answer is run.answer for run, answer in zip(runs, tempered, strict=True)):
        return None
    told = [claims(r.task, r.label, answer) for r, answer in zip(runs, tempered, strict=True)]
    return float(np.mean([calibration_error(*each) for each in told]))


DRAWN: dict[Kind, Callable[[str, Sequence[Predictions]], str]] = {
    Kind.BINARY: partial(calibrated, draw_roc),
    Kind.MULTICLASS: partial(calibrated, draw_confusion),
    Kind.MULTILABEL: partial(calibrated, draw_labels),
    Kind.REGRESSION: residuals.drawing,
}


LISTED: dict[Kind, Callable[[str, Sequence[Predictions]], str]] = {
    Kind.MULTILABEL: lambda row, runs: folded("By label", label_table(row, runs)),
}
"""What is listed below the figure."""
