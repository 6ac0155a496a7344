"""The tables with ours beside the paper's numbers, and a figure of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lanistr.evaluation.claim import told_claims
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.render import caption, columns, counted
from lanistr.evaluation.row import Row, Table, read_csv
from lanistr.report.figures import GREY, INK, PALETTE, WIDTH, figure, svg
from lanistr.report.learning import draw_curve
from lanistr.report.page import (
    SMALLEST,
    Section,
    captioned,
    folded,
    listing,
    notice,
    paragraph,
    place_beside,
    table,
)
from lanistr.report.words import named, told

FIRST = ("Method", "Ours", "95 % interval", "Paper", "Paper's runs")
"""The columns that are in sight without scrolling."""


def table_file(results: Path, name: str) -> Path:
    """The csv of a table."""
    return results / "tables" / f"{name}.csv"


def read_table(name: str, layout: Layout, path: Path) -> Table:
    """A table from its csv."""
    return Table(name, layout, *read_csv(path))


def expected(
    results: Path, layouts: Mapping[str, Layout], families: Collection[str]
) -> dict[str, Layout]:
    """The tables that were made, and those that `snakemake tables` would make of these data.

    Args:
        results: folder of the run.
        layouts: every table.
        families: data sets that there are shards of.
    """
    return {
        name: layout
        for name, layout in layouts.items()
        if table_file(results, name).is_file() or (layout.all and layout.family in families)
    }


def sections(results: Path, layouts: Mapping[str, Layout]) -> list[Section]:
    """A section per table; one that was not made says so."""
    return [
        Section(name, layout.title, body(name, layout, table_file(results, name)))
        for name, layout in layouts.items()
    ]


def body(name: str, layout: Layout, path: Path) -> str:
    """Figure, table and what must be known to read them."""
    if not path.is_file():
        return notice(f"Not run. Make it with: snakemake {name}")
    made = read_table(name, layout, path)
    title, *notes = caption(made)
    subjects = made.stamp.subjects
    lines = [
        withheld(line, row, subjects) for line, row in zip(columns(made), made.rows, strict=True)
    ]
    order = [*FIRST, *(heading for heading in lines[0] if heading not in FIRST)]
    headings = [heading for heading in order if heading in lines[0]]
    drawn = (
        draw_curve(title, layout.curve, made.rows)
        if layout.curve
        else bars(layout.title, made.rows)
    )
    claims = "".join(map(paragraph, told_claims(made)))
    return claims + drawn + table(lines, headings, title) + folded("How to read it", listing(notes))


def withheld(cells: dict[str, str], row: Row, subjects: str) -> dict[str, str]:
    """The cells without small counts, nor the share from which one could be computed."""
    if row.n_positive is None or row.n_test is None:
        return cells
    if SMALLEST <= row.n_positive <= row.n_test - SMALLEST:
        return cells
    hidden = {
        counted(row.kind, subjects): f"{row.n_subjects} (withheld / {row.n_test})",
        "Prevalence": "withheld",
    }
    return {name: hidden.get(name, cell) for name, cell in cells.items()}


def bars(title: str, rows: Sequence[Row]) -> str:
    """One figure per dataset and metric: ours with its interval above the paper's number."""
    several = dict.fromkeys((row.dataset, row.metric) for row in rows)
    drawn = [
        bar_chart(title, [row for row in rows if (row.dataset, row.metric) == key])
        for key in several
    ]
    return place_beside(drawn, wide=True)


def bar_chart(title: str, rows: Sequence[Row]) -> str:
    """Bars from zero, so that their lengths may be compared."""
    metric, dataset = rows[0].measure, rows[0].dataset
    with figure(width=WIDTH, height=0.9 + 0.4 * len(rows)) as (fig, axes):
        if metric.percent:
            axes.set_xlim(0, 100)
        for place, row in enumerate(rows):
            if row.mean is None:
                axes.text(0.01, place - 0.2, row.status, va="center", **place_text(axes))
            else:
                axes.barh(place - 0.2, row.mean, 0.36, color=PALETTE[0])
            if row.mean is not None and row.low is not None:
                ends = [[row.mean - row.low], [(row.high or row.mean) - row.mean]]
                axes.errorbar(row.mean, place - 0.2, xerr=ends, color=INK, capsize=2, linewidth=1)
            if row.paper is not None:
                axes.barh(place + 0.2, row.paper, 0.36, color=GREY, alpha=0.75)
        trivial = next((row.trivial for row in rows if row.trivial is not None), None)
        if trivial is not None:
            axes.axvline(trivial, color=PALETTE[1], linestyle="--", linewidth=1.2)
        axes.set_yticks(range(len(rows)), [row.row for row in rows])
        lower = "" if metric.higher_is_better else "; lower is better"
        axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel=named(metric, rows[0].unit) + lower)
        axes.grid(False, axis="y")
        legend(fig, trivial is not None, any(row.paper is not None for row in rows))
        drawing = svg(fig, title=f"{title}, {dataset}: {metric.title}", description=told(rows))
    return captioned(
        drawing,
        f"{metric.title} on {dataset}: ours with its 95 % interval, and the paper's number.",
    )


def place_text(axes: Any) -> dict[str, Any]:
    """Places of text as shares of the axes' width, whatever their scale is."""
    return {"transform": axes.get_yaxis_transform()}


def legend(fig: Any, with_trivial: bool, with_paper: bool) -> None:
    """Above the axes: whose number is whose."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=PALETTE[0], label="ours")]
    if with_paper:
        handles.append(Patch(color=GREY, alpha=0.75, label="paper"))
    if with_trivial:
        handles.append(Line2D([], [], color=PALETTE[1], linestyle="--", label="trivial"))
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
