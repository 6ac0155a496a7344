"""The paper's tables with ours, and a figure of each; the paper's numbers stay apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

from lanistr.evaluation.render import METRIC_NAMES, caption, columns
from lanistr.evaluation.row import Row
from lanistr.report.figures import GREY, INK, PALETTE, WIDTH, figure, svg
from lanistr.report.page import SMALLEST, Section, beside, captioned, folded, listing, notice, table

HEADINGS = {
    "table1": "Table 1: mortality in MIMIC-IV",
    "table2": "Table 2: stars of Amazon reviews",
    "table3": "Table 3: what each part contributes",
    "table4": "Table 4: learning from more unlabeled data",
    "modalities": "One modality at a time",
}
PAPERS = tuple(name for name in HEADINGS if name.startswith("table"))
"""Those that the paper has."""
FIRST = ("Method", "Ours", "95 % interval", "Paper", "Paper's runs")
"""The columns that are in sight without scrolling."""
PATIENTS = "Patients (positive / samples)"


def read_rows(path: Path) -> tuple[list[Row], dict[str, Any]]:
    """The rows of a table's csv and its stamp; columns of an older file may be missing."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    hints = get_type_hints(Row)
    rows = [
        Row(
            **{
                name: typed(value, str(hints[name]))
                for name, value in line.items()
                if name in hints
            }
        )
        for line in lines
    ]
    first = lines[0]
    stamp = {name: first[name] for name in ("scale", "profile", "text_source")} | {
        "leaky_text": first["leaky_text"] == "True",
        "digest": first["data_digest"],
        "switches": json.loads(first["switches"]),
        "dataset": "mimic" if rows[0].dataset == "mimic" else "amazon",
    }
    return rows, stamp


def typed(text: str, hint: str) -> Any:
    """A value of a csv as its field has it.

    >>> typed("", "float | None"), typed("3", "int"), typed("0.5", "float | None")
    (None, 3, 0.5)
    """
    if not text and "None" in hint:
        return None
    return int(text) if "int" in hint else float(text) if "float" in hint else text


def sections(results: Path) -> list[Section]:
    """A section per table; one that was not made says so."""
    return [
        Section(name, heading, body(name, results / "tables" / f"{name}.csv"))
        for name, heading in HEADINGS.items()
        if name in PAPERS or (results / "tables" / f"{name}.csv").is_file()
    ]


def body(name: str, path: Path) -> str:
    """Figure, table and what must be known to read them."""
    if not path.is_file():
        return notice(f"Not run. Make it with: snakemake {name}")
    rows, stamp = read_rows(path)
    title, *notes = caption(name, rows, stamp)
    lines = [withheld(line, row) for line, row in zip(columns(rows), rows, strict=True)]
    order = [*FIRST, *(name for name in lines[0] if name not in FIRST)]
    headings = [name for name in order if name in lines[0]]
    drawn = learning_curve(title, rows) if name == "table4" else bars(name, rows)
    return drawn + table(lines, headings, title) + folded("How to read it", listing(notes))


def withheld(cells: dict[str, str], row: Row) -> dict[str, str]:
    """The cells without small counts, nor the share from which one could be computed."""
    if row.n_positive is None or row.n_test is None:
        return cells
    if SMALLEST <= row.n_positive <= row.n_test - SMALLEST:
        return cells
    hidden = {PATIENTS: f"{row.n_subjects} (withheld / {row.n_test})", "Prevalence": "withheld"}
    return {name: hidden.get(name, cell) for name, cell in cells.items()}


def bars(name: str, rows: Sequence[Row]) -> str:
    """One figure per dataset: ours with its interval above the paper's number."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    several = [[row for row in rows if row.dataset == dataset] for dataset in datasets]
    return beside([bar_chart(name, own) for own in several], wide=True)


def bar_chart(name: str, rows: Sequence[Row]) -> str:
    """Bars from zero, so that their lengths may be compared."""
    metric, dataset = METRIC_NAMES[rows[0].metric], rows[0].dataset
    with figure(width=WIDTH, height=0.9 + 0.4 * len(rows)) as (fig, axes):
        for place, row in enumerate(rows):
            if row.mean is None:
                axes.text(1, place - 0.2, row.status, va="center", fontsize=8)
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
        axes.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6), xlabel=f"{metric} in percent")
        axes.grid(False, axis="y")
        legend(fig, trivial is not None)
        drawing = svg(fig, title=f"{HEADINGS[name]}, {dataset}: {metric}", description=told(rows))
    return captioned(
        drawing,
        f"{metric} on {dataset}: ours with its 95 % interval, and the paper's number.",
    )


def legend(fig: Any, with_trivial: bool) -> None:
    """Above the axes: whose number is whose."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=PALETTE[0], label="ours"),
        Patch(color=GREY, alpha=0.75, label="paper"),
    ]
    if with_trivial:
        handles.append(Line2D([], [], color=PALETTE[1], linestyle="--", label="trivial"))
    fig.legend(handles=handles, loc="outside upper center", ncols=3)


def learning_curve(title: str, rows: Sequence[Row]) -> str:
    """The metric over the share of unlabeled data, ours and the paper's."""
    shares = [(share_of(row.row), row) for row in rows]
    points = sorted((share, row) for share, row in shares if share is not None)
    ours = [(share, row) for share, row in points if row.mean is not None]
    paper = [(share, row.paper) for share, row in points if row.paper is not None]
    with figure(height=2.8) as (fig, axes):
        if ours:
            share, means = [x for x, _ in ours], [row.mean for _, row in ours]
            axes.plot(share, means, marker="o", color=PALETTE[0], label="ours")
            low, high = (
                [getattr(row, end) or row.mean for _, row in ours] for end in ("low", "high")
            )
            axes.fill_between(share, low, high, color=PALETTE[0], alpha=0.18, linewidth=0)
        if paper:
            axes.plot(
                *zip(*paper, strict=True), marker="s", color=GREY, linestyle="--", label="paper"
            )
        axes.set(xlabel="unlabeled data used, percent", ylabel="AUROC in percent")
        if ours or paper:
            axes.legend()
        drawing = svg(fig, title=f"Learning curve. {title}", description=told(rows))
    return captioned(drawing, "Band: 95 % interval over patients. The paper gives no interval.")


def share_of(name: str) -> float | None:
    """The share of unlabeled data that a row of Table 4 is named after.

    >>> share_of("25 %"), share_of("LANISTR")
    (25.0, None)
    """
    number = name.removesuffix("%").strip()
    return float(number) if name.endswith("%") and number.replace(".", "").isdigit() else None


def told(rows: Sequence[Row]) -> str:
    """The numbers of a figure in words."""
    return " ".join(
        f"{row.row}: ours {number_told(row)}, "
        f"paper {'not given' if row.paper is None else f'{row.paper:.1f}'}."
        for row in rows
    )


def number_told(row: Row) -> str:
    """Our number with its interval, or why there is none."""
    if row.mean is None:
        return row.status
    ends = "" if row.low is None else f" ({row.low:.1f} to {row.high:.1f})"
    return f"{row.mean:.1f}{ends}"
