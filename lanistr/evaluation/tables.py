"""The rows of a table of the paper: our runs, with intervals, beside the published numbers.

A row never vanishes: one that failed, was not run or is not built says so. Rows stand in the
paper's order, then those that it does not have. Metrics are in percent, as in the paper. Works
without torch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.data.cache import open_cache
from lanistr.data.manifest import read_manifest
from lanistr.errors import ConfigError
from lanistr.evaluation.ceiling import Truth, ideal_auroc, read_truth
from lanistr.evaluation.comparison import paired_difference
from lanistr.evaluation.paper import DATASETS, paper_columns, paper_results
from lanistr.evaluation.predictions import (
    Predictions,
    interval,
    resample_weights,
    resampled,
    why_undefined,
)
from lanistr.evaluation.row import Row
from lanistr.evaluation.runs import Entries, Run, Runs, check_data, mean_seconds, read_runs
from lanistr.experiments.config import Experiment
from lanistr.experiments.recipes import read_registry, started_from

log = logging.getLogger(__name__)

REFERENCE = "LANISTR"
"""The row that the others are compared with."""


def assemble(
    table: str,
    *,
    registry: Path,
    results: Path,
    seeds: Sequence[int],
    paper: Path,
    manifest: Path,
    resamples: int,
    truth: Path | None = None,
) -> tuple[list[Row], dict[str, Any]]:
    """All rows of a table, and what must be stamped on it.

    Args:
        table: such as `table1`.
        registry: whose entries with this table are rows.
        results: holds runs/, predictions/, metrics/, logs/ and cache/.
        seeds: runs that belong to the table.
        paper: paper_results.tsv; its rows without an entry are "not built".
        manifest: of the shards behind the runs.
        resamples: of the bootstrap.
        truth: of generated data, for the ceilings.

    Raises:
        ConfigError: neither the registry nor the paper knows the table.
        DataContractError: metrics and predictions disagree, or come from other shards.
    """
    entries = read_registry(registry)
    names = {
        named(entry, table): name for name, entry in entries.items() if table in rows_of(entry)
    }
    published = paper_results(paper, table)
    if not names and not published:
        raise ConfigError(
            f"{table}: neither {registry} nor {paper} has a row of it. "
            "Allowed are the names in the column `table` of the latter."
        )
    stamp = read_manifest(manifest).provenance
    source = read_truth(truth) if truth and not stamp["leaky_text"] else None
    runs = {name: read_runs(entries, results, name, seeds) for name in compared(entries, names)}
    check_data([run for each in runs.values() for run in each.done], stamp)
    rows = []
    for (row, dataset), name in in_order(names, list(published)):
        told = paper_columns(published.get((row, dataset)))
        if name is None:
            rows.append(Row(row, "not built", None, dataset, **told))
            continue
        ours = {
            **our_columns(runs[name], resamples),
            **beside(runs[name], reference(entries, runs, name), resamples),
            **time_before(runs[name], results, entries[name], seeds),
            **(ceilings(source, runs[name], results) if source else {}),
        }
        rows.append(
            Row(row, experiment=name, dataset=dataset, **{"metric": "auroc", **told, **ours})
        )
    log.info("%s: %s", table, ", ".join(f"{row.row} {row.status}" for row in rows))
    return rows, stamp


def rows_of(entry: dict[str, Any]) -> dict[str, str]:
    """Which row of which tables an entry is."""
    return entry.get("rows") or {}


def named(entry: dict[str, Any], table: str) -> tuple[str, str]:
    """Row and dataset, both as the paper calls them."""
    return rows_of(entry)[table], DATASETS.get(entry["dataset"], entry["dataset"])


def in_order(
    names: dict[tuple[str, str], str], published: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str], str | None]]:
    """Row and dataset with its experiment: as in the paper, then what it does not have.

    >>> in_order({("x", "d"): "ours", ("b", "d"): "both"}, [("a", "d"), ("b", "d")])
    [(('a', 'd'), None), (('b', 'd'), 'both'), (('x', 'd'), 'ours')]
    """
    return [(key, names.get(key)) for key in dict.fromkeys([*published, *names])]


def reference_of(entries: Entries, name: str) -> str | None:
    """The experiment that is LANISTR, in whichever table, on the dataset of another one."""
    dataset = entries[name]["dataset"]
    candidates = [
        other
        for other, entry in entries.items()
        if entry["dataset"] == dataset and REFERENCE in rows_of(entry).values()
    ]
    return candidates[0] if candidates else None


def compared(entries: Entries, names: dict[tuple[str, str], str]) -> list[str]:
    """The experiments of a table, and those that they are compared with."""
    wanted = [*names.values(), *[reference_of(entries, name) for name in names.values()]]
    return list(dict.fromkeys(name for name in wanted if name))


def reference(entries: Entries, runs: dict[str, Runs], name: str) -> Runs | None:
    """The runs that a row is compared with; None for LANISTR itself."""
    other = reference_of(entries, name)
    return None if other in (None, name) else runs[other]


def our_columns(runs: Runs, resamples: int) -> dict[str, Any]:
    """What the runs of an experiment say."""
    columns: dict[str, Any] = {"status": runs.status, "reason": runs.reason}
    if not runs.done:
        return columns
    first, predictions = runs.done[0].metrics, runs.predictions[0]
    columns |= {
        "metric": predictions.primary,
        "n_runs": len(runs.done),
        "seeds": " ".join(str(run.files.seed) for run in runs.done),
        "trivial": 50.0 if predictions.primary == "auroc" else percent(first["majority_rate"]),
        "prevalence": percent(first.get("prevalence")),
        "majority_rate": percent(first.get("majority_rate")),
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
        name: [100 * run.metrics["metrics"][name]["value"] for run in runs]
        for name in first.metrics
    }
    primary = values.pop(first.primary)
    low, high = interval_of_mean([run.predictions for run in runs], resamples) or (None, None)
    return {
        "mean": float(np.mean(primary)),
        "std": float(np.std(primary, ddof=1)) if len(primary) > 1 else None,
        "low": low,
        "high": high,
        **{name: float(np.mean(others)) for name, others in values.items()},
    }


def beside(runs: Runs, other: Runs | None, resamples: int) -> dict[str, Any]:
    """The difference from LANISTR, where both have runs and the metric is defined."""
    if not other or not runs.done or not other.done or why_undefined(runs.predictions[0]):
        return {}
    if not (found := paired_difference(runs.predictions, other.predictions, resamples)):
        return {}
    return {
        "difference": 100 * found.value,
        "difference_low": 100 * found.low,
        "difference_high": 100 * found.high,
        "p_value": found.p_value,
    }


def time_before(
    runs: Runs, results: Path, entry: dict[str, Any], seeds: Sequence[int]
) -> dict[str, Any]:
    """The wall time of what the runs start from."""
    if not runs.done:
        return {}
    return {"pretraining_seconds": mean_seconds(results, started_from(entry), seeds)}


def ceilings(truth: Truth, runs: Runs, results: Path) -> dict[str, Any]:
    """What an ideal reader of the modalities of the runs reaches on their test samples."""
    if not runs.done or why_undefined(runs.predictions[0]):
        return {}
    made: Experiment = runs.predictions[0].experiment
    cache = open_cache(results / "cache" / made.dataset)
    seen, known = ideal_auroc(truth, cache, made.modalities, made.data.require)
    return {"ceiling": 100 * seen, "ceiling_severity": 100 * known}


def percent(share: float | None) -> float | None:
    """A share of 1 in percent."""
    return None if share is None else 100 * share


def interval_of_mean(predictions: list[Predictions], resamples: int) -> tuple[float, float] | None:
    """95 % interval of the mean over seeds, in percent, by bootstrap over subjects.

    Each resample of subjects is the same for every seed.
    """
    one = predictions[0]
    weights = resample_weights(one.subject_id, resamples)
    metric = one.metrics[one.primary]
    values = [resampled(metric, p.label, p.score, weights) for p in predictions]
    return interval(100 * np.mean(values, axis=0))
