"""Predictions to metrics, with intervals by bootstrap over subjects. Works without torch.

A subject is the unit of the data set, such as a patient. Resamples are weights: a subject drawn
twice counts twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import TypeAdapter
from typer import Option

from lanistr.data.cache import SPLITS, STAGES, Cache, open_cache, pattern_names
from lanistr.errors import DataContractError
from lanistr.evaluation import shares
from lanistr.evaluation.calibration import measures_of
from lanistr.evaluation.finetuned import Finetuned
from lanistr.evaluation.metrics import Metric, metrics_of, primary_of
from lanistr.experiments.config import Experiment
from lanistr.options import CacheDir, JsonFile, Resamples
from lanistr.task import Task

log = logging.getLogger(__name__)

LEVEL = 0.95
AT_ONCE = 250  # resamples whose weights are in memory together


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one run predicts for the test split, sorted by sample; equal to itself alone.

    Attributes:
        experiment: what was trained.
        seed: seed of the run.
        task: what was asked.
        sample_id: (N,) int64.
        subject_id: unit of each sample, such as its patient, (N,) int64.
        label: what is known of the task; NaN = nothing, (N, targets) float64.
        answer: probabilities of classes or labels, or the number in its unit, (N, outputs) float64.
        finetuned: what is known of the fine-tuning; None = nothing.
    """

    experiment: Experiment
    seed: int
    task: Task
    sample_id: np.ndarray
    subject_id: np.ndarray
    label: np.ndarray
    answer: np.ndarray
    finetuned: Finetuned | None = None

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of its task; the first is the one that is reported."""
        return metrics_of(self.task)

    @property
    def primary(self) -> Metric:
        """The metric that is reported."""
        return primary_of(self.task)

    def measure(self, metric: Metric, weights: np.ndarray) -> np.ndarray:
        """A metric under each row of weights (R, N), as (R,); NaN where it is not defined."""
        return resampled(metric, self.label, self.answer, weights)

    def once(self, metric: Metric) -> float:
        """A metric of the samples as they are; NaN where it is not defined."""
        if not len(self.label):
            return float("nan")
        return float(self.measure(metric, np.ones((1, len(self.label))))[0])


def read_predictions(path: Path) -> Predictions:
    """The file that `lanistr predict` wrote.

    Raises:
        DataContractError: not such a file, of no sample, or of more than one run.
    """
    import polars as pl

    try:
        about = pl.read_parquet_metadata(path)
        experiment = Experiment.model_validate_json(about["experiment"])
        task = TypeAdapter(Task).validate_json(about["task"])
        table = pl.read_parquet(path, glob=False).sort("sample_id")
        seeds = table["seed"].unique().to_list()
        label, answer = (table[name].to_numpy().astype(np.float64) for name in ("label", "answer"))
        known = about.get("finetuned")
        finetuned = Finetuned.model_validate_json(known) if known else None
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not a file of `python -m lanistr predict` ({type(error).__name__}). "
            "Predict again."
        ) from None
    if not seeds:
        raise DataContractError(
            f"{path} holds no prediction: no sample of test has an answer to the task. Give more "
            "rows, or a larger share of test (split in the configuration), and train again."
        )
    if len(seeds) != 1:
        raise DataContractError(f"{path} holds {len(seeds)} seeds, allowed is one. Predict again.")
    return Predictions(
        experiment,
        seeds[0],
        task,
        table["sample_id"].to_numpy(),
        table["subject_id"].to_numpy(),
        label,
        answer,
        finetuned,
    )


def check_complete(predictions: Predictions, cache: Cache, path: Path) -> None:
    """Every test sample of the experiment's population is predicted exactly once.

    Raises:
        DataContractError: samples are missing, repeated or foreign, or have another label.
    """
    expected = population(cache, predictions.experiment)
    ids, counts = np.unique(predictions.sample_id, return_counts=True)
    missing = np.setdiff1d(expected["sample_id"], ids).size
    foreign = np.setdiff1d(ids, expected["sample_id"]).size
    repeated = int((counts > 1).sum())
    if missing or foreign or repeated:
        raise DataContractError(
            f"{path}: of {len(expected)} test samples {missing} are missing and {repeated} "
            f"repeated; {foreign} others are no test sample. Predict again with this cache."
        )
    known = cache.targets(expected, cache.task_of(predictions.experiment))
    for column, there in (("label", known), ("subject_id", expected["subject_id"])):
        differs = differ(there, getattr(predictions, column))
        if wrong := int(differs.reshape(len(expected), -1).any(axis=1).sum()):
            raise DataContractError(
                f"{path}: {column} differs from the cache in {wrong} of {len(expected)} rows. "
                "Predict again with this cache."
            )


def differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True where two arrays are not the same; two NaN are."""
    if one.shape != other.shape:
        return np.ones(len(one), bool)
    return (one != other) & ~((one != one) & (other != other))


def population(cache: Cache, experiment: Experiment) -> np.ndarray:
    """The test split of fine-tuning, of which the task is known and nothing required is absent."""
    samples = cache.samples
    chosen = (samples["stage"] == STAGES.index("finetune")) & (
        samples["split"] == SPLITS.index("test")
    )
    for modality in experiment.data.require:
        chosen &= samples[f"{modality}_row"] >= 0
    test = samples[chosen]
    known = ~np.isnan(cache.targets(test, cache.task_of(experiment))).all(axis=1)
    return np.sort(test[known], order="sample_id")


def resample_weights(subjects: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each sample counts when subjects are drawn with replacement.

    Depends on the set of subjects and the seed alone, so that methods and seeds evaluated on the
    same subjects meet the same resamples.

    Args:
        subjects: unit of each sample, such as its patient, (N,).
        resamples: R.
        seed: of the draws.

    Returns:
        (R, N) uint16.
    """
    distinct, where = np.unique(subjects, return_inverse=True)
    shares = np.full(len(distinct), 1 / len(distinct))
    drawn = np.random.default_rng(seed).multinomial(len(distinct), shares, size=resamples)
    return drawn.astype(np.uint16)[:, where]


def resampled(
    metric: Metric, label: np.ndarray, answer: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The metric of every resample, (R,); NaN where undefined."""
    chunks = range(0, len(weights), AT_ONCE)
    parts = [metric.function(label, answer, weights[i : i + AT_ONCE]) for i in chunks]
    return np.concatenate(parts)


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """The central 95 % of resampled values, undefined ones left out; None if all are."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def why_undefined(predictions: Predictions) -> str | None:
    """The reason why the reported metric is not defined, if so."""
    if not np.isnan(predictions.once(predictions.primary)):
        return None
    return shares.why_undefined(predictions.task, predictions.label)


def measured(
    predictions: Predictions, resamples: int, metrics: Iterable[Metric] | None = None
) -> dict[str, Any]:
    """Metrics with their intervals, by default the task's; null, with a reason, where undefined."""
    weights = resample_weights(predictions.subject_id, resamples)
    asked = predictions.metrics.values() if metrics is None else metrics
    return {metric.name: told(predictions, metric, weights) for metric in asked}


def told(predictions: Predictions, metric: Metric, weights: np.ndarray) -> dict[str, Any]:
    """A metric with its interval, or why it has no value."""
    value = predictions.once(metric)
    if np.isnan(value):
        return {"value": None, "reason": shares.why_undefined(predictions.task, predictions.label)}
    values = predictions.measure(metric, weights)
    low, high = interval(values) or (None, None)
    return {
        "value": value,
        "low": low,
        "high": high,
        "level": LEVEL,
        "resamples": len(weights),
        "undefined_resamples": int(np.isnan(values).sum()),
    }


def calibration(predictions: Predictions, resamples: int) -> dict[str, Any] | None:
    """How far probabilities can be taken at their word, before and after the temperature.

    Returns:
        None of a regression; the temperature is null where the method fits none.
    """
    measures, known = measures_of(predictions.task), predictions.finetuned
    if not measures:
        return None
    tempered = known.temper(predictions.task, predictions.answer) if known else predictions.answer
    return {
        "temperature": known and known.temperature and known.temperature.model_dump(),
        "before": measured(predictions, resamples, measures),
        "after": measured(replace(predictions, answer=tempered), resamples, measures),
    }


def patterns(predictions: Predictions, cache: Cache) -> list[dict[str, Any]] | None:
    """The patterns of modalities of the test samples, and how often fine-tuning saw each."""
    if predictions.finetuned is None:
        return None
    experiment = predictions.experiment
    test = population(cache, experiment)
    return predictions.finetuned.compare(pattern_names(test, experiment.modalities))


def evaluate(
    path: Annotated[Path, Option("--predictions", help="File of `lanistr predict`")],
    cache_folder: CacheDir,
    output: JsonFile,
    resamples: Resamples = 2000,
) -> None:
    """Write the metrics of a predictions file as JSON.

    Raises:
        DataContractError: not exactly the test samples.
    """
    predictions, cache = read_predictions(path), open_cache(cache_folder)
    check_complete(predictions, cache, path)
    label, task, primary = predictions.label, predictions.task, predictions.primary
    content: dict[str, Any] = {
        "experiment": predictions.experiment.name,
        "seed": predictions.seed,
        "task": task.name,
        "split": "test",
        "n": len(label),
        "n_subjects": len(np.unique(predictions.subject_id)),
        **shares.shares(task, label),
        "trivial": shares.trivial(task, primary, label),
        "metrics": measured(predictions, resamples),
        "calibration": calibration(predictions, resamples),
        "patterns": patterns(predictions, cache),
        "data": {**cache.provenance, "cache": cache.digest},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    value = content["metrics"][primary.name]["value"]
    shown = "undefined" if value is None else f"{value:.4f}"
    name = predictions.experiment.name
    log.info("%s, seed %d: %s %s", name, predictions.seed, primary.name, shown)
