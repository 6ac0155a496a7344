"""The rows of a table of the paper: our runs, with intervals, beside the published numbers.

A row never vanishes: an entry without runs says "not run", a row of the paper without an entry
"not built". Metrics are in percent, as in the paper. Works without torch.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation import (
    Predictions,
    interval,
    read_predictions,
    resample_weights,
    resampled,
    why_undefined,
)
from lanistr.manifest import read_manifest
from lanistr.paper import DATASETS, paper_columns, paper_results
from lanistr.recipes import read_mapping, started_from

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One line of a table; metrics in percent, None = does not apply or is not known.

    Attributes:
        row: method or ablation, as the paper calls it.
        status: `ok`, `m of n runs`, `not run`, `not built`, or why the metric is undefined.
        experiment: entry of the registry.
        dataset: as the paper calls it.
        metric: of the columns below.
        mean: over runs.
        std: over runs, with n - 1.
        n_runs: seeds that the mean is over.
        low: lower end of the 95 % interval of the mean, by bootstrap over subjects.
        high: upper end.
        auprc: area under the precision-recall curve, mean over runs.
        macro_f1: F1 averaged over the classes, mean over runs.
        trivial: what constant predictions reach: an AUROC of 50, or the majority rate.
        prevalence: share of positives, which constant predictions reach as AUPRC.
        majority_rate: share of the most frequent class of the test set.
        n_test: test samples.
        n_positive: positive ones.
        n_subjects: patients or products among the test samples.
        trainable_parameters: of this stage.
        seconds: wall time of a run, mean.
        pretraining_seconds: wall time of the run that it starts from, mean.
        paper: published mean.
        paper_std: published standard deviation.
        paper_n_runs: published number of runs.
    """

    row: str
    status: str
    experiment: str | None
    dataset: str
    metric: str
    mean: float | None = None
    std: float | None = None
    n_runs: int = 0
    low: float | None = None
    high: float | None = None
    auprc: float | None = None
    macro_f1: float | None = None
    trivial: float | None = None
    prevalence: float | None = None
    majority_rate: float | None = None
    n_test: int | None = None
    n_positive: int | None = None
    n_subjects: int | None = None
    trainable_parameters: int | None = None
    seconds: float | None = None
    pretraining_seconds: float | None = None
    paper: float | None = None
    paper_std: float | None = None
    paper_n_runs: int | None = None


COLUMNS = tuple(field.name for field in fields(Row))


def assemble(
    table: str,
    *,
    registry: Path,
    results: Path,
    seeds: list[int],
    paper: Path,
    manifest: Path,
    resamples: int,
) -> tuple[list[Row], dict[str, Any]]:
    """All rows of a table, and what must be stamped on it.

    Args:
        table: such as `table1`.
        registry: whose entries with this table are rows, in its order.
        results: holds runs/, predictions/ and metrics/.
        seeds: runs that belong to the table.
        paper: paper_results.tsv; its rows without an entry follow at the end.
        manifest: of the shards behind the runs.
        resamples: of the bootstrap.

    Raises:
        ConfigError: neither the registry nor the paper knows the table.
        DataContractError: metrics and predictions disagree, or come from other shards.
    """
    entries = {
        name: entry
        for name, entry in read_mapping(registry).items()
        if table in entry.get("rows", {})
    }
    published = paper_results(paper, table)
    if not entries and not published:
        raise ConfigError(
            f"{table}: neither {registry} nor {paper} has a row of it. "
            "Allowed are the names in the column `table` of the latter."
        )
    stamp = read_manifest(manifest).provenance
    rows = []
    for name, entry in entries.items():
        runs = [run for seed in seeds if (run := read_run(results, name, seed))]
        check_data(runs, stamp, results / "metrics" / name)
        dataset = DATASETS.get(entry["dataset"], entry["dataset"])
        told = paper_columns(published.pop((entry["rows"][table], dataset), None))
        ours = our_columns(runs, len(seeds), resamples)
        started = {"pretraining_seconds": pretraining_seconds(results, started_from(entry), seeds)}
        rows.append(
            Row(
                row=entry["rows"][table],
                experiment=name,
                dataset=dataset,
                **{"metric": "auroc", **told, **ours, **(started if runs else {})},
            )
        )
    rows += [
        Row(
            row=result.row,
            status="not built",
            experiment=None,
            dataset=result.dataset,
            **paper_columns(result),
        )
        for result in published.values()
    ]
    log.info("%s: %s", table, ", ".join(f"{row.row} {row.status}" for row in rows))
    return rows, stamp


@dataclass(frozen=True)
class Run:
    """One seed of an experiment: its metrics, its story and its predictions."""

    metrics: dict[str, Any]
    story: dict[str, Any]
    predictions: Predictions


def read_run(results: Path, name: str, seed: int) -> Run | None:
    """What a run left; None if it has not been evaluated.

    Raises:
        DataContractError: the value in its metrics does not follow from its predictions.
    """
    metrics_path = results / "metrics" / name / f"seed{seed}.json"
    if not metrics_path.is_file():
        return None
    metrics = json.loads(metrics_path.read_text())
    story = json.loads((results / "runs" / name / f"seed{seed}" / "experiment.json").read_text())
    path = results / "predictions" / name / f"seed{seed}.parquet"
    predictions = read_predictions(path)
    primary = predictions.primary
    value = metrics["metrics"][primary]["value"]
    if value is not None:
        once = np.ones((1, len(predictions.label)))
        again = predictions.metrics[primary](predictions.label, predictions.score, once)[0]
        if not np.isclose(value, again, rtol=0, atol=1e-9):
            raise DataContractError(
                f"{metrics_path} does not follow from {path}. Evaluate again: snakemake {results}."
            )
    return Run(metrics, story, predictions)


def check_data(runs: list[Run], stamp: dict[str, Any], where: Path) -> None:
    """All runs come from the shards that the table names.

    Raises:
        DataContractError: they do not.
    """
    others = {run.metrics["data"]["digest"] for run in runs} - {stamp["digest"]}
    if others:
        raise DataContractError(
            f"{where}: runs on shards {sorted(others)}, the manifest is of {stamp['digest']}. "
            "Train and evaluate again: snakemake tables."
        )


def our_columns(runs: list[Run], wanted: int, resamples: int) -> dict[str, Any]:
    """What the runs of an experiment say."""
    if not runs:
        return {"status": "not run"}
    first, predictions = runs[0].metrics, runs[0].predictions
    columns = {
        "status": "ok" if len(runs) == wanted else f"{len(runs)} of {wanted} runs",
        "metric": predictions.primary,
        "n_runs": len(runs),
        "trivial": 50.0 if predictions.primary == "auroc" else percent(first["majority_rate"]),
        "prevalence": percent(first.get("prevalence")),
        "majority_rate": percent(first.get("majority_rate")),
        "n_test": first["n"],
        "n_positive": first.get("n_positive"),
        "n_subjects": first["n_subjects"],
        "trainable_parameters": runs[0].story["trainable_parameters"],
        "seconds": float(np.mean([run.story["seconds"] for run in runs])),
    }
    if reason := why_undefined(predictions):
        return {**columns, "status": f"undefined: {reason}"}
    values = {
        name: [100 * run.metrics["metrics"][name]["value"] for run in runs]
        for name in predictions.metrics
    }
    primary = values.pop(predictions.primary)
    low, high = interval_of_mean([run.predictions for run in runs], resamples) or (None, None)
    return {
        **columns,
        "mean": float(np.mean(primary)),
        "std": float(np.std(primary, ddof=1)) if len(primary) > 1 else None,
        "low": low,
        "high": high,
        **{name: float(np.mean(others)) for name, others in values.items()},
    }


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


def pretraining_seconds(results: Path, init: Iterable[str], seeds: Sequence[int]) -> float | None:
    """Mean wall time, per seed, of the runs that gave the initial weights."""
    seconds = [
        json.loads(path.read_text())["seconds"]
        for name in init
        for seed in seeds
        if (path := results / "runs" / name / f"seed{seed}" / "experiment.json").is_file()
    ]
    return sum(seconds) / len(seeds) if seconds else None


def write_csv(path: Path, table: str, rows: list[Row], stamp: dict[str, Any]) -> None:
    """All columns at full precision; the stamp is repeated in every line."""
    stamped = {
        **{name: stamp[name] for name in ("scale", "profile", "text_source", "leaky_text")},
        "data_digest": stamp["digest"],
        "switches": json.dumps(stamp["switches"], sort_keys=True),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["table", *COLUMNS, *stamped], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"table": table, **asdict(row), **stamped} for row in rows)
