"""The tables with ours beside the paper's numbers, and a figure of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lanistr.evaluation.claim import LEVEL, asked_alike, goodness, is_significant, told_claims
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.render import caption, columns, counted
from lanistr.evaluation.row import Row, Table, read_csv
from lanistr.report.figures import GREY, INK, PALETTE, WIDTH, figure, svg
from lanistr.report.giveaways import giveaway_cells
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
from lanistr.report.provenance import stories, told_times
from lanistr.report.words import named, told

FIRST = ("Method", "Ours", "95 % interval", "From LANISTR", "Paper")
"""The columns that are always in sight; others follow until there are `WIDEST`."""
WIDEST = 7
NAMED_AFTER = "Rows are named after the share of the unlabeled data that pretraining saw."
MARKS = (
    "Bold: the best of ours. With a star: differs from LANISTR, by a p below "
    f"{LEVEL} after adjustment for all rows of the table."
)
GIVEAWAYS = (
    " Giveaway alone: what the leakage audit predicts from nothing else, without a model; one that "
    "is no better may have learned nothing else."
)


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
        Section(name, layout.title, body(results, name, layout)) for name, layout in layouts.items()
    ]


def body(results: Path, name: str, layout: Layout) -> str:
    """What a table says, the table, its figure and what must be known to read them."""
    path = table_file(results, name)
    if not path.is_file():
        return notice(f"Not run. Make it with: snakemake {name}")
    made = read_table(name, layout, path)
    title, *notes = caption(made)
    subjects = made.stamp.subjects
    lines = [
        withheld(line, row, subjects) for line, row in zip(columns(made), made.rows, strict=True)
    ]
    same = the_same(lines)
    headings = [heading for heading in lines[0] if heading not in same]
    shown = choose_columns(headings)
    alone = giveaway_cells(results, layout, made.rows)
    rows = [*marked(lines, made), *alone]
    of_rows = NAMED_AFTER if layout.curve == "unlabeled" else ""
    marks = MARKS + (GIVEAWAYS if alone else "")
    about = [title, of_rows, told_same(same), marks, trained(results, made)]
    # At another scale the paper's numbers are of other data or models: they are in the table alone.
    scale = made.stamp.scale
    comparable = [row if scale == "paper" else replace(row, paper=None) for row in made.rows]
    drawn = (
        draw_curve(title, layout.curve, comparable)
        if layout.curve
        else bars(layout.title, comparable)
    )
    claims = "".join(map(paragraph, told_claims(made)))
    more = [heading for heading in headings if heading not in shown]
    return (
        claims
        + table(rows, shown, " ".join(filter(None, about)))
        + further(lines, more)
        + drawn
        + folded("How to read it", listing(notes))
    )


def the_same(lines: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Columns that say the same of all rows, which a caption says once.

    >>> the_same([{"Method": "A", "Runs": "5", "AUPRC": "1"}, {"Method": "B", "Runs": "5"}])
    {'Runs': '5'}
    """
    return {
        heading: cell
        for heading, cell in lines[0].items()
        if len(lines) > 1 and heading not in FIRST
        if all(line.get(heading) == cell for line in lines)
    }


def told_same(same: Mapping[str, str]) -> str:
    """These columns as a sentence; empty without any."""
    told = "; ".join(f"{heading} {cell}" for heading, cell in same.items())
    return f"The same for all rows: {told}." if told else ""


def choose_columns(headings: Sequence[str]) -> list[str]:
    """At most `WIDEST` columns, in their order.

    >>> choose_columns(["Method", "Ours", "a", "b", "c", "d", "e", "Paper"])
    ['Method', 'Ours', 'a', 'b', 'c', 'd', 'Paper']
    """
    first = [heading for heading in FIRST if heading in headings]
    others = [heading for heading in headings if heading not in FIRST]
    chosen = {*first, *others[: WIDEST - len(first)]}
    return [heading for heading in headings if heading in chosen]


def further(lines: Sequence[Mapping[str, str]], headings: Sequence[str]) -> str:
    """The other columns, to be unfolded, again at most `WIDEST` beside each other."""
    beside = WIDEST - 1
    groups = [headings[start : start + beside] for start in range(0, len(headings), beside)]
    made = [table(lines, ["Method", *group], f"{', '.join(group)}.") for group in groups]
    return folded("More columns", "".join(made)) if made else ""


def marked(lines: Sequence[Mapping[str, str]], made: Table) -> list[dict[str, str]]:
    """The lines with the best of ours in bold and a star where a row differs from LANISTR."""
    best = {
        id(max(there, key=lambda row: goodness(row) * (row.mean or 0)))
        for rows in asked_alike(made)
        if len(there := [row for row in rows if row.mean is not None]) > 1
    }
    found = []
    for line, row in zip(lines, made.rows, strict=True):
        cells = dict(line)
        if id(row) in best:
            cells["Ours"] = Markup("<strong>{}</strong>").format(cells["Ours"])
        if is_significant(row):
            cells["From LANISTR"] += " *"
        found.append(cells)
    return found


def trained(results: Path, made: Table) -> str:
    """When the runs of a table were trained; empty if it is not known."""
    names = {row.experiment for row in made.rows}
    told = told_times(s for s in stories(results) if s["experiment"]["name"] in names)
    return f"Trained {told}." if told else ""


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
        beside = 0.2 if any(row.paper is not None for row in rows) else 0.0
        for place, row in enumerate(rows):
            if row.mean is None:
                axes.text(0.01, place - beside, row.status, va="center", **place_text(axes))
            else:
                axes.barh(place - beside, row.mean, 0.36, color=PALETTE[0])
            if row.mean is not None and row.low is not None:
                ends = [[row.mean - row.low], [(row.high or row.mean) - row.mean]]
                axes.errorbar(
                    row.mean, place - beside, xerr=ends, color=INK, capsize=2, linewidth=1
                )
            if row.paper is not None:
                axes.barh(place + beside, row.paper, 0.36, color=GREY, alpha=0.75)
        trivial = next((row.trivial for row in rows if row.trivial is not None), None)
        if trivial is not None:
            axes.axvline(trivial, color=PALETTE[1], linestyle="--", linewidth=1.2)
        axes.set_yticks(range(len(rows)), [row.row for row in rows])
        lower = "" if metric.higher_is_better else "; lower is better"
        axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel=named(metric, rows[0].unit) + lower)
        axes.grid(False, axis="y")
        legend(fig, trivial is not None, bool(beside))
        drawing = svg(fig, title=f"{title}, {dataset}: {metric.title}", description=told(rows))
    paper = ", and the paper's number" if any(row.paper is not None for row in rows) else ""
    return captioned(drawing, f"{metric.title} on {dataset}: ours with its 95 % interval{paper}.")


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
