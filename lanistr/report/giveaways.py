"""What giveaways reach alone, by the leakage audit, beside the models that they warn about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lanistr.evaluation.layout import Layout
from lanistr.evaluation.metrics import METRIC
from lanistr.evaluation.row import Row
from lanistr.report.audit import read_audit
from lanistr.report.provenance import manifests
from lanistr.report.words import measure_told

Entry = Mapping[str, Any]


def giveaway_cells(results: Path, layout: Layout, rows: Sequence[Row]) -> list[dict[str, str]]:
    """Cells of a table, a line per giveaway that is better than chance; none without an audit.

    Args:
        results: folder of the run.
        layout: of the table; its names lead back to data sets.
        rows: of the table, which say what is asked of which data set by which metric.
    """
    path = results / "audit/leakage.json"
    if not path.is_file():
        return []
    entries = read_audit(path)["datasets"]
    called = {told: dataset for dataset, told in layout.names.items()}
    asked = dict.fromkeys((row.dataset, row.metric) for row in rows)
    several = len({row.dataset for row in rows}) > 1
    return [
        {
            "Method": f"Giveaway alone: {measure['of']}" + (f" ({dataset})" if several else ""),
            "Ours": measure_told(measure, "value"),
            "95 % interval": f"{measure_told(measure, 'low')} to {measure_told(measure, 'high')}",
        }
        for dataset, metric in asked
        if METRIC[metric].percent
        for measure in measures(entries, called.get(dataset, dataset), task_title(results, layout))
        if measure["metric"].casefold() == METRIC[metric].title.casefold()
        and measure["better_than_chance"]
        and measure["low"] is not None
    ]


def measures(entries: Sequence[Entry], data: str, task: str | None) -> Iterator[Entry]:
    """What the audit measured of a data set, for a task.

    Args:
        entries: data sets of the audit.
        data: data set or part of one, such as `shop/beauty`, whose name measures end with.
        task: title of the task, if not the data set's first.
    """
    family, _, part = data.partition("/")
    for entry in entries:
        if entry["dataset"] not in (data, family):
            continue
        ending = part if entry["dataset"] != data else ""
        for measure in (measure for gate in entry["gates"] for measure in gate["measures"]):
            of = measure["of"].removesuffix(f", {ending}").removesuffix(f" of {ending}")
            if measure["of"].endswith(ending) and of.partition(", for ")[2] == (task or ""):
                yield {**measure, "of": of}


def task_title(results: Path, layout: Layout) -> str | None:
    """What the audit calls the task of a table; None for the first of its data set."""
    if layout.task is None:
        return None
    cards = [manifest["card"] for manifest in manifests(results).values()]
    titles = [t["title"] for c in cards for t in c["tasks"] if t["name"] == layout.task]
    return titles[0] if titles else layout.task
