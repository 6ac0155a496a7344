"""The leakage audit as a page: what was looked for, what was found, and how much it gives away."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from typer import Option

from lanistr.options import HtmlFile
from lanistr.report.audit import read_audit, write_audit_page
from lanistr.report.figures import GREY, PALETTE, figure, svg
from lanistr.report.page import (
    Cell,
    Section,
    captioned,
    folded,
    listing,
    notice,
    paragraph,
    table,
)
from lanistr.report.words import measure_told, metric_of, named

Entry = Mapping[str, Any]
NONE: Mapping[str, Any] = MappingProxyType({})

# Worst first.
ANSWERS = {
    "leak": "found",
    "acknowledged": "found and acknowledged",
    "notice": "noticed",
    "clean": "not found",
}
INTRODUCTION = (
    "Leakage is when a model is given, openly or hidden, what it is asked to predict. It then "
    "looks good here and fails on new cases. Each question below is one way in which that "
    "happens. A leak that was found stops the run unless the configuration acknowledges it by "
    "name; what is noticed does not stop it, but should be known."
)
READING = (
    "Each dot is what the giveaway alone predicts on the test split, without any model, with its "
    "95 % interval over subjects; the grey mark is what knowing nothing reaches. A "
    "model that is no better than its giveaways may have learned nothing else."
)


def write_page(
    audit_path: Annotated[Path, Option("--audit", help="audit/leakage.json")], output: HtmlFile
) -> None:
    """Write audit/leakage.html."""
    audit = read_audit(audit_path)
    scales = (entry["scale"] for entry in audit["datasets"])
    write_audit_page("Leakage audit", sections(audit), scales, audit_path, output)


def read_selection(folder: Path) -> dict[str, Entry]:
    """What audit/leakage/selection/*.json say of the runs of each table, by its name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def sections(audit: Entry, level: int = 2, *, runs: Mapping[str, Entry] = NONE) -> list[Section]:
    """The audit as sections of a page.

    Args:
        audit: `read_audit`.
        level: of the headings of the data sets; the gates are one below.
        runs: `read_selection`.
    """
    found = [_overview(audit, level)]
    if runs:
        body = "".join(
            folded(f"{name}: {ANSWERS[gate['status']]}", _told(gate))
            for name, entry in runs.items()
            for gate in entry["gates"]
        )
        found.append(Section("leakage-runs", "Were the runs selected on test cases?", body, level))
    for entry in audit["datasets"]:
        anchor = "leakage-" + entry["dataset"].replace("/", "-")
        heading = f"{entry['title']}, text: {entry['text_source']}"
        found.append(Section(anchor, heading, _drawn(entry), level))
        worst_first = sorted(entry["gates"], key=lambda gate: list(ANSWERS).index(gate["status"]))
        found += [
            Section(f"{anchor}-{gate['gate']}", gate["question"], _told(gate), level + 1)
            for gate in worst_first
            if gate["status"] != "clean"
        ]
        clean = [gate for gate in worst_first if gate["status"] == "clean"]
        body = "".join(folded(gate["question"], _told(gate)) for gate in clean)
        if clean:
            found.append(Section(f"{anchor}-clean", "Not found", body, level + 1))
    return found


def _overview(audit: Entry, level: int) -> Section:
    rows: list[dict[str, Cell]] = [
        {
            "question": gate["question"],
            "data": entry["title"],
            "answer": ANSWERS[gate["status"]],
            "gate": gate["gate"],
        }
        for entry in audit["datasets"]
        for gate in entry["gates"]
    ]
    order = list(ANSWERS.values())
    rows.sort(key=lambda row: order.index(str(row["answer"])))
    columns = {"question": "Question", "data": "Data", "answer": "Answer", "gate": "Gate"}
    body = paragraph(INTRODUCTION)
    if leaks := [row for row in rows if row["answer"] == ANSWERS["leak"]]:
        body += notice(
            f"Leaks that are not acknowledged: {len(leaks)}. Trust no number on these data."
        )
    body += table(rows, columns, "What was looked for, worst first")
    if idle := audit["acknowledged_without_finding"]:
        body += paragraph(f"Acknowledged in the configuration, but not found: {', '.join(idle)}.")
    body += paragraph(
        f"Counts below {audit['limit']}, and counts from which such a one would follow here or in "
        "the missingness audit, are withheld, and figures are rounded, so that nobody can be told "
        "apart."
    )
    return Section("leakage", "Does the answer get into the input?", body, level)


def _told(gate: Entry) -> str:
    """What a gate found, why it matters and what to do."""
    body = paragraph(f"{ANSWERS[gate['status']].capitalize()}. {gate['danger']}")
    rows: list[dict[str, Cell]] = [
        {"what": what, "n": "withheld" if n is None else n}
        for what, n in {**gate["counts"], **gate["context"]}.items()
    ]
    if rows:
        body += table(rows, {"what": "What", "n": "Number"}, f"Counts of {gate['gate']}")
    if gate["settings"]:
        body += listing(gate["settings"])
    if gate["measures"]:
        body += table(
            [_measure(measure) for measure in gate["measures"]],
            {"of": "Giveaway alone", "metric": "Measure", "value": "Value", "n": "Test samples"},
            f"What the giveaway of {gate['gate']} predicts",
        )
    if gate["status"] != "clean":
        body += paragraph(f"What to do: {gate['remedy']}")
    return body


def _measure(measure: Entry) -> dict[str, Cell]:
    """A row of the table of measures."""
    metric = metric_of(measure)
    named_so = named(metric, "") if metric else measure["metric"]
    row: dict[str, Cell] = {"of": measure["of"], "metric": named_so}
    if measure["value"] is None:
        return row | {"value": f"withheld: {measure['withheld']}"}
    if measure["low"] is None:
        return row | {"value": f"{measure['value']:.2g}"}
    low, value, high = (measure_told(measure, end) for end in ("low", "value", "high"))
    value += f" ({low} to {high})"
    if measure["metric"] == "accuracy":
        value += f"; majority {measure_told(measure, 'chance')}"
    return row | {"value": value, "n": "withheld" if measure["n"] is None else measure["n"]}


def _drawn(entry: Entry) -> str:
    """Every measure with an interval as a dot beside chance; nothing without any."""
    measures = [m for gate in entry["gates"] for m in gate["measures"] if m["low"] is not None]
    if not measures:
        return paragraph("No giveaway could be measured: too few test samples have one.")
    metric = ", ".join(dict.fromkeys(measure["metric"] for measure in measures))
    with figure(height=0.6 + 0.55 * len(measures)) as (fig, axes):
        for place, measure in enumerate(measures):
            stronger = measure["better_than_chance"]
            colour = PALETTE[1] if stronger else PALETTE[0]
            ends = [100 * measure["low"], 100 * measure["high"]]
            axes.plot(ends, [place, place], color=colour, linestyle="-")
            axes.plot(100 * measure["value"], place, "D" if stronger else "o", color=colour)
            axes.plot(100 * measure["chance"], place, "|", color=GREY, markersize=12)
            what, across = textwrap.fill(measure["of"], 48), axes.get_yaxis_transform()
            axes.text(0, place - 0.2, what, va="bottom", transform=across)
        axes.set(yticks=[], ylim=(len(measures) - 0.6, -0.9))
        axes.set_xlabel(f"{metric} in percent")
        axes.set_xlim(right=100)
        drawn = svg(
            fig,
            title=f"What giveaways alone predict in {entry['dataset']}",
            description=_spoken(measures),
        )
    return captioned(drawn, READING)


def _spoken(measures: Sequence[Entry]) -> str:
    """The figure in words."""
    return " ".join(
        f"{m['of']}: {m['metric']} {100 * m['value']:.0f}, interval {100 * m['low']:.0f} to "
        f"{100 * m['high']:.0f}, knowing nothing {100 * m['chance']:.0f}."
        for m in measures
    )
