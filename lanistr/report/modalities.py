"""What each modality brings a trained model: Shapley values, and what is lost without it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lanistr.evaluation.metrics import METRIC, Metric
from lanistr.report.figures import GREY, INK, PALETTE, STROKES, figure, svg
from lanistr.report.page import (
    SMALLEST,
    Cell,
    Section,
    captioned,
    folded,
    notice,
    paragraph,
    place_beside,
    table,
)
from lanistr.report.words import inside

Entry = Mapping[str, Any]


def sections(results: Path) -> list[Section]:
    """The analysis of every experiment that the configuration names."""
    paths = [results / "analysis" / f"{name}.json" for name in ("shapley", "removal")]
    if not all(path.is_file() for path in paths):
        body = notice("Not run. Make it with: snakemake analysis")
        return [Section("analysis", "What each modality brings", body)]
    shapley, removal = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    found = [
        Section(
            "analysis",
            "What each modality brings",
            paragraph(shapley["note"]) + paragraph(removal["note"]),
        )
    ]
    for one in shapley["experiments"]:
        name = one["about"]["experiment"]
        points = [point for point in removal["points"] if point["experiment"] == name]
        drawn = [shares(one), *([curves(points)] if points else [])]
        body = place_beside(drawn, wide=True) + folded("Performance by subset", subsets(one))
        if found_by := [each for each in removal["patterns"] if each["experiment"] == name]:
            body += folded("Performance by pattern of modalities", patterns(found_by))
        found.append(Section(f"analysis-{name}", name, body, level=3))
    return found


def shares(one: Entry) -> str:
    """The Shapley values of an experiment with their intervals, as bars from zero."""
    name, metric = one["about"]["experiment"], METRIC[one["about"]["metric"]]
    factor, points = metric.factor, points_of(one["about"])
    known = {what: e for what, e in one["modalities"].items() if e["value"] is not None}
    with figure(height=0.9 + 0.4 * max(len(known), 1)) as (fig, axes):
        for place, (what, estimate) in enumerate(known.items()):
            colour = GREY if what == "total" else PALETTE[place % len(PALETTE)]
            axes.barh(place, factor * estimate["value"], 0.6, color=colour, alpha=0.8)
            if estimate["low"] is not None:
                ends = [[factor * estimate["low"], factor * estimate["high"]], [place, place]]
                axes.plot(*ends, color=INK, linestyle="-", linewidth=1, marker="|")
        axes.set_yticks(range(len(known)), list(known))
        axes.set(ylim=(len(known) - 0.4, -0.6), xlabel=f"{metric.title}{points}")
        axes.axvline(0, color=INK, linestyle="-", linewidth=0.8)
        axes.grid(False, axis="y")
        drawn = svg(fig, title=f"Shapley values of {name}", description=told(known, metric, points))
    return captioned(
        drawn, f"Shapley values: parts of the {inside(metric.title)}, with 95 % intervals."
    )


def points_of(about: Entry) -> str:
    """What differences of a metric are in.

    >>> points_of({"unit": "percent"}), points_of({"unit": "hours"}), points_of({"unit": ""})
    (', percentage points', ', hours', '')
    """
    points = {"percent": "percentage points"}.get(about["unit"], about["unit"])
    return f", {points}" if points else ""


def unit_of(about: Entry) -> str:
    """What a metric is in, after its name."""
    return f" in {about['unit']}" if about["unit"] else ""


def told(known: Mapping[str, Entry], metric: Metric, points: str) -> str:
    """The values in words."""
    unit = points.replace(",", "")
    return " ".join(
        f"{what}: {written(estimate, metric)}{unit}." for what, estimate in known.items()
    )


def written(estimate: Entry, metric: Metric) -> str:
    """An estimate as readers see it, with its interval.

    >>> written({"value": 0.5, "low": 0.4, "high": 0.6}, METRIC["auroc"])
    '50.0 (40.0 to 60.0)'
    """
    if estimate["value"] is None:
        return "undefined"
    digits = 1 if metric.percent else 2
    value, low, high = (
        None if estimate[end] is None else f"{metric.factor * estimate[end]:.{digits}f}"
        for end in ("value", "low", "high")
    )
    return f"{value}" if low is None else f"{value} ({low} to {high})"


def curves(points: Sequence[Entry]) -> str:
    """Performance against the share of a modality that is removed, a line per modality."""
    name, metric = points[0]["experiment"], METRIC[points[0]["metric"]]
    names = list(dict.fromkeys(point["modality"] for point in points))
    ends = []
    with figure(height=2.9) as (fig, axes):
        for place, modality in enumerate(names):
            own = [p for p in points if p["modality"] == modality and p["value"] is not None]
            if not own:
                continue
            removed = [p["percent_removed"] for p in own]
            value = [scaled(p, "value", metric) for p in own]
            style = {
                "color": PALETTE[place % len(PALETTE)],
                "linestyle": STROKES[place % len(STROKES)],
            }
            axes.plot(removed, value, label=modality, **style)
            # At the right end only, and beside each other: bands would hide one another.
            last = [removed[-1] + 2 * (place + 1)] * 2
            interval = [scaled(own[-1], end, metric) for end in ("low", "high")]
            axes.plot(last, interval, color=style["color"], linestyle="-", linewidth=1, marker="_")
            ends.append(f"{modality}: {value[0]:.1f} with all, {value[-1]:.1f} with none of it.")
        axes.set(xlabel="removed at test time, percent", ylabel=metric.title + unit_of(points[0]))
        axes.legend()
        drawn = svg(fig, title=f"Removal of modalities, {name}", description=" ".join(ends))
    return captioned(
        drawn, "Removed at test time; at the right the 95 % intervals of the last points."
    )


def scaled(point: Entry, end: str, metric: Metric) -> float:
    """A value or an end of its interval for readers; without an interval, the value itself."""
    return metric.factor * float(point["value"] if point[end] is None else point[end])


def subsets(one: Entry) -> str:
    """What the model reaches when only a subset of the modalities is kept."""
    metric = METRIC[one["about"]["metric"]]
    rows: list[dict[str, Cell]] = [
        {"subset": name, "value": written(estimate, metric)}
        for name, estimate in one["subsets"].items()
    ]
    heading = f"{metric.title}{unit_of(one['about'])} (95 % interval)"
    headings = {"subset": "Kept at test time", "value": heading}
    name = one["about"]["experiment"]
    return table(rows, headings, f"{name}: {metric.title} by the modalities that are kept.")


def patterns(found: Sequence[Entry]) -> str:
    """What the model reaches on samples that have some modalities and show nothing else."""
    metric = METRIC[found[0]["metric"]]
    rows: list[dict[str, Cell]] = []
    for each in found:
        few = each["n"] < SMALLEST
        row = {"pattern": each["pattern"], "seen": each["seen"]}
        row["value"] = f"fewer than {SMALLEST} samples" if few else written(each, metric)
        if "nll" in each:
            row["nll"] = "" if few else f"{each['nll']['value']:.3f}"
        rows.append(row)
    headings = {
        "pattern": "Shown at test time, to samples that have them",
        "value": f"{metric.title}{unit_of(found[0])} (95 % interval)",
        "nll": "Negative log-likelihood",
        "seen": "Seen in fine-tuning",
    }
    shown = {key: title for key, title in headings.items() if key in rows[0]}
    name = found[0]["experiment"]
    return table(rows, shown, f"{name}: {metric.title} by the pattern of modalities of a sample.")
