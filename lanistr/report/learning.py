"""Learning curves: a metric over how much there was to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lanistr.evaluation.row import Row, method_of
from lanistr.report.figures import GREY, PALETTE, figure, svg
from lanistr.report.page import captioned
from lanistr.report.words import named, told

Points = Sequence[tuple[float, Row]]

BAND = "Band: 95 % interval over subjects and seeds."
LONG = 32  # letters, of which two columns of a legend do not fit


def draw_curve(title: str, over: str, rows: Sequence[Row]) -> str:
    """The learning curve of a table, over what its layout says."""
    return {"unlabeled": over_unlabeled, "labels": over_labels}[over](title, rows)


def over_unlabeled(title: str, rows: Sequence[Row]) -> str:
    """The metric over the share of unlabeled data, ours and the paper's."""
    shares = [(share_of(row.row), row) for row in rows]
    points = sorted(
        ((share, row) for share, row in shares if share is not None), key=lambda point: point[0]
    )
    paper = [(share, row.paper) for share, row in points if row.paper is not None]
    with figure(height=2.8) as (fig, axes):
        draw_line(axes, points, "ours", PALETTE[0])
        if paper:
            axes.plot(
                *zip(*paper, strict=True), marker="s", color=GREY, linestyle="--", label="paper"
            )
        axes.set(xlabel="unlabeled data used, percent", ylabel=named(rows[0].measure, rows[0].unit))
        if axes.lines:
            axes.legend()
        drawing = svg(fig, title=f"Learning curve. {title}", description=told(rows))
    return captioned(drawing, BAND + (" The paper gives no interval." if paper else ""))


def over_labels(title: str, rows: Sequence[Row]) -> str:
    """The metric over the number of labels, a line per method."""
    methods = dict.fromkeys(method_of(row.row) for row in rows)
    with figure(height=3.4) as (fig, axes):
        for number, method in enumerate(methods):
            points = [
                (float(row.labels), row)
                for row in rows
                if method_of(row.row) == method and row.labels is not None
            ]
            draw_line(
                axes,
                sorted(points, key=lambda point: point[0]),
                method,
                PALETTE[number % len(PALETTE)],
                band=number < 2,
            )
        asked = sorted({row.labels for row in rows if row.labels is not None})
        axes.set_xscale("log")
        axes.set_xticks(asked, [f"{labels:,}" for labels in asked])
        axes.minorticks_off()
        axes.set(xlabel="labeled samples", ylabel=named(rows[0].measure, rows[0].unit))
        if axes.lines:
            fig.legend(loc="outside upper center", ncols=1 if max(map(len, methods)) > LONG else 2)
        drawing = svg(fig, title=f"Labels. {title}", description=told(rows))
    return captioned(drawing, f"{BAND} Drawn for the first two methods alone.")


def draw_line(axes: Any, points: Points, label: str, color: str, *, band: bool = True) -> None:
    """The means of some rows, with their intervals as a band."""
    there = [(x, row) for x, row in points if row.mean is not None]
    if not there:
        return
    xs = [x for x, _ in there]
    axes.plot(xs, [row.mean for _, row in there], marker="o", color=color, label=label)
    if band:
        low, high = (
            [row.mean if (end := getattr(row, name)) is None else end for _, row in there]
            for name in ("low", "high")
        )
        axes.fill_between(xs, low, high, color=color, alpha=0.18, linewidth=0)


def share_of(name: str) -> float | None:
    """The share of unlabeled data that a row of a learning curve is named after.

    >>> share_of("25 %"), share_of("LANISTR")
    (25.0, None)
    """
    number = name.removesuffix("%").strip()
    return float(number) if name.endswith("%") and number.replace(".", "").isdigit() else None
