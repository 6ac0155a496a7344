"""The rows of a table of the paper: our runs, with intervals, beside the published numbers.

A row never vanishes: one that failed, was not run or is not built says so. Rows stand in the
paper's order, then those that it does not have. Shares are in percent, as in the paper, numbers in
the unit of their task. Works without torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Option

from lanistr.data.cache import open_cache
from lanistr.data.manifest import Manifest, read_manifest
from lanistr.errors import ConfigError
from lanistr.evaluation.ceiling import Truth, ideal_auroc, read_truth
from lanistr.evaluation.comparison import holm, interval_of_mean, paired_difference
from lanistr.evaluation.layout import layout_of
from lanistr.evaluation.metrics import primary_of
from lanistr.evaluation.paper import PaperResult, paper_columns, paper_results
from lanistr.evaluation.predictions import why_undefined
from lanistr.evaluation.row import Row, Table, stamp_of
from lanistr.evaluation.runs import Run, Runs, stories_of
from lanistr.evaluation.sources import Sources, compared, reference, rows_of
from lanistr.experiments.recipes import can_read, read_registry, started_from
from lanistr.options import (
    RegistryFile,
    Resamples,
    ResultsDir,
    TableName,
    TablesFile,
    shipped_file,
)
from lanistr.task import Task

log = logging.getLogger(__name__)


def assemble(
    table: TableName,
    *,
    registry: RegistryFile,
    tables: TablesFile = Path("config/tables.yaml"),
    results: ResultsDir,
    seeds: Annotated[list[int], Option("--seed", help="Seed that belongs to the table")],
    paper: Annotated[Path, shipped_file(help="The paper's numbers (TSV)")],
    manifests: Annotated[
        list[Path], Option("--manifest", help="manifest.json of shards; repeat it for more")
    ],
    resamples: Resamples = 2000,
    truth: Annotated[
        Path | None, Option(help="Severities of generated data, which give a ceiling")
    ] = None,
    pending: Annotated[
        list[Path] | None,
        Option(help="Metrics that are not yet made anew: what lies there does not count"),
    ] = None,
) -> Table:
    """A table with all its rows, and what must be stamped on it.

    Raises:
        ConfigError: there is no such table, or it has no row.
        DataContractError: metrics and predictions disagree, or come from other shards.
    """
    entries, layout = read_registry(registry), layout_of(tables, table)
    told = [read_manifest(path) for path in manifests]
    stamp = stamp_of(told)
    known = read_truth(truth) if truth and not stamp.leaky_text else None
    by_dataset = {manifest.dataset: manifest for manifest in told}
    names = {
        (rows_of(entry)[table], layout.told(entry["dataset"])): name
        for name, entry in entries.items()
        if table in rows_of(entry) and can_be_row(entry, by_dataset)
    }
    published = paper_results(paper, table)
    if not names and not published:
        raise ConfigError(f"{table}: neither {registry} nor {paper} has a row of it. Add one.")
    sources = Sources(entries, results, seeds, by_dataset, resamples, known, pending or [])
    runs = sources.read(compared(sources, names))
    rows = adjusted(
        [
            made_row(sources, key, name, runs, published.get(key))
            for key, name in order_rows(names, list(published))
        ]
    )
    log.info("%s: %s", table, ", ".join(f"{row.row} {row.status}" for row in rows))
    return Table(table, layout, rows, stamp)


def adjusted(rows: Sequence[Row]) -> list[Row]:
    """The rows, their p adjusted for how many of the table are compared."""
    holms = iter(holm([row.p_value for row in rows if row.p_value is not None]))
    return [row if row.p_value is None else replace(row, p_holm=next(holms)) for row in rows]


def can_be_row(entry: Mapping[str, Any], manifests: Mapping[str, Manifest]) -> bool:
    """Whether an entry is on data at hand, with the modalities that it is about."""
    manifest = manifests.get(entry["dataset"])
    return manifest is not None and can_read(entry, manifest.card.modalities)


def made_row(
    sources: Sources,
    key: tuple[str, str],
    name: str | None,
    runs: Mapping[str, Runs],
    published: PaperResult | None,
) -> Row:
    """One row: the paper's number, and ours if there is an experiment."""
    row, dataset = key
    told = paper_columns(published)
    if name is None:
        return Row(row, "not built", None, dataset, **told)
    ours = {
        **asked(sources.task_of(name)),
        **told,
        **our_columns(runs[name], sources.resamples),
        **compare_with_reference(runs[name], reference(sources, runs, name), sources.resamples),
        **told_before(runs[name], sources, name),
        **ceilings(sources.truth, runs[name], sources.results),
    }
    return Row(row, experiment=name, dataset=dataset, **ours)


def asked(task: Task) -> dict[str, Any]:
    """The metric that a task is reported by, and its unit where that is not percent."""
    metric = primary_of(task)
    return {"metric": metric.name, "unit": "" if metric.percent else metric.unit(task.unit)}


def order_rows(
    names: dict[tuple[str, str], str], published: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str], str | None]]:
    """Row and dataset with its experiment: as in the paper, then what it does not have.

    >>> order_rows({("x", "d"): "ours", ("b", "d"): "both"}, [("a", "d"), ("b", "d")])
    [(('a', 'd'), None), (('b', 'd'), 'both'), (('x', 'd'), 'ours')]
    """
    return [(key, names.get(key)) for key in dict.fromkeys([*published, *names])]


def our_columns(runs: Runs, resamples: int) -> dict[str, Any]:
    """What the runs of an experiment say."""
    columns: dict[str, Any] = {"status": runs.status, "reason": runs.reason}
    if not runs.done:
        return columns
    first, predictions = runs.done[0].metrics, runs.predictions[0]
    primary = predictions.primary
    columns |= {
        **asked(predictions.task),
        "n_runs": len(runs.done),
        "seeds": " ".join(str(run.files.seed) for run in runs.done),
        "trivial": scaled(first["trivial"], primary.factor),
        "prevalence": scaled(first.get("prevalence"), 100),
        "majority_rate": scaled(first.get("majority_rate"), 100),
        "label_std": first.get("label_std"),
        "n_labels_defined": first.get("n_labels_defined"),
        "labels": runs.done[0].story["train_samples"],
        "n_test": first["n"],
        "n_positive": first.get("n_positive"),
        "n_subjects": first["n_subjects"],
        "trainable_parameters": runs.done[0].story["trainable_parameters"],
        "seconds": float(np.mean([run.story["seconds"] for run in runs.done])),
    }
    if why := why_undefined(predictions):
        return {**columns, "status": "undefined", "reason": why}
    return {**columns, **means(runs.done, resamples)}


def means(runs: list[Run], resamples: int) -> dict[str, Any]:
    """The metrics over runs, the reported one with its spread and interval."""
    first = runs[0].predictions
    values = {
        name: [scaled(run.metrics["metrics"][name]["value"], metric.factor) for run in runs]
        for name, metric in first.metrics.items()
    }
    primary = [value for value in values.pop(first.primary.name) if value is not None]
    low, high = interval_of_mean([run.predictions for run in runs], resamples) or (None, None)
    return {
        "mean": float(np.mean(primary)),
        "std": float(np.std(primary, ddof=1)) if len(primary) > 1 else None,
        "low": low,
        "high": high,
        **{name: mean_of(others) for name, others in values.items()},
    }


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean over runs; None where the metric is not defined.

    >>> mean_of([50.0, 60.0]), mean_of([None, None])
    (55.0, None)
    """
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def compare_with_reference(runs: Runs, other: Runs | None, resamples: int) -> dict[str, Any]:
    """The difference from LANISTR, where both have runs and the metric is defined."""
    if not other or not runs.done or not other.done or why_undefined(runs.predictions[0]):
        return {}
    if not (found := paired_difference(runs.predictions, other.predictions, resamples)):
        return {}
    factor = runs.predictions[0].primary.factor
    return {
        "difference": factor * found.value,
        "difference_low": factor * found.low,
        "difference_high": factor * found.high,
        "p_value": found.p_value,
    }


def told_before(runs: Runs, sources: Sources, name: str) -> dict[str, Any]:
    """What the runs start from: its wall time, and how many samples a pretraining had."""
    before = started_from(sources.entries[name])
    told = stories_of(sources.results, before, sources.seeds)
    if not runs.done or not told:
        return {}
    seconds = [sum(story["seconds"] for story in stories) for stories in told]
    is_unlabeled = sources.entries[before[-1]]["stage"] == "pretrain"
    return {
        "pretraining_seconds": float(np.mean(seconds)),
        "unlabeled": told[0][-1]["train_samples"] if is_unlabeled else None,
    }


def ceilings(truth: Truth | None, runs: Runs, results: Path) -> dict[str, Any]:
    """What an ideal reader of the modalities of the runs reaches on their test samples."""
    if not truth or not runs.done or why_undefined(runs.predictions[0]):
        return {}
    first = runs.predictions[0]
    cache = open_cache(results / "cache" / first.experiment.dataset / "arrays")
    if first.task.name != cache.card.tasks[0].name:  # the outcome that was generated
        return {}
    seen, known = ideal_auroc(truth, cache, first.experiment)
    return {"ceiling": 100 * seen, "ceiling_severity": 100 * known}


def scaled(value: float | None, factor: int) -> float | None:
    """A value as readers see it, such as a share in percent."""
    return None if value is None else factor * value
