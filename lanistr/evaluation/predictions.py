"""Predictions to metrics, with intervals by bootstrap over subjects. Works without torch.

A subject is a patient, or the product of a review. Resamples are weights: a subject drawn twice
counts twice.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from lanistr.data.cache import SPLITS, STAGES, Cache, open_cache
from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.metrics import Weighted, functions_of
from lanistr.experiments.config import Experiment
from lanistr.modality import Modality
from lanistr.task import Task

log = logging.getLogger(__name__)

LEVEL = 0.95
AT_ONCE = 250  # resamples whose weights are in memory together


@dataclass(frozen=True)
class Predictions:
    """What one run predicts for the test split, sorted by sample.

    Attributes:
        experiment: that was run.
        seed: of the run.
        task: what was asked.
        sample_id: (N,) int64.
        subject_id: patient or product of each sample, (N,) int64.
        label: class, (N,) int8; of two classes 1 = positive.
        score: what the metrics compare with the label: of two classes the probability of the
            positive one, (N,) float64; else the most probable class, (N,) int64.
    """

    experiment: Experiment
    seed: int
    task: Task
    sample_id: np.ndarray
    subject_id: np.ndarray
    label: np.ndarray
    score: np.ndarray

    @property
    def metrics(self) -> dict[str, Weighted]:
        """Those of its number of classes; the first is the one that is reported."""
        return functions_of(self.task.outputs)

    @property
    def primary(self) -> str:
        """Name of the metric that is reported."""
        return next(iter(self.metrics))


def read_predictions(path: Path) -> Predictions:
    """The file that `lanistr predict` wrote.

    Raises:
        DataContractError: not such a file, or of more than one run.
        ConfigError: not a classification.
    """
    import polars as pl

    try:
        about = pl.read_parquet_metadata(path)
        experiment = Experiment.model_validate_json(about["experiment"])
        task = TypeAdapter(Task).validate_json(about["task"])
        table = pl.read_parquet(path).sort("sample_id")
        seeds = table["seed"].unique().to_list()
        label, answer = table["label"].to_numpy(), table["answer"].to_numpy()
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not a file of `python -m lanistr predict` ({type(error).__name__}). "
            "Predict again."
        ) from None
    if not task.chooses:
        raise ConfigError(f"{path} is of a {task.kind} task, evaluate knows classifications.")
    if len(seeds) != 1:
        raise DataContractError(f"{path} holds {len(seeds)} seeds, allowed is one. Predict again.")
    return Predictions(
        experiment,
        seeds[0],
        task,
        table["sample_id"].to_numpy(),
        table["subject_id"].to_numpy(),
        label[:, 0].astype(np.int8),
        answer[:, 1] if task.outputs == 2 else answer.argmax(axis=1),
    )


def check_complete(predictions: Predictions, cache: Cache, path: Path) -> None:
    """Every test sample of the experiment's population is predicted exactly once.

    Raises:
        DataContractError: samples are missing, repeated or foreign, or have another label.
    """
    expected = population(cache, predictions.experiment.data.require)
    ids, counts = np.unique(predictions.sample_id, return_counts=True)
    missing = np.setdiff1d(expected["sample_id"], ids).size
    foreign = np.setdiff1d(ids, expected["sample_id"]).size
    repeated = int((counts > 1).sum())
    if missing or foreign or repeated:
        raise DataContractError(
            f"{path}: of {len(expected)} test samples {missing} are missing and {repeated} "
            f"repeated; {foreign} others are no test sample. Predict again with this cache."
        )
    label = cache.targets(expected, predictions.task)[:, 0]
    for column, known in (("label", label), ("subject_id", expected["subject_id"])):
        wrong = int((known != getattr(predictions, column)).sum())
        if wrong:
            raise DataContractError(
                f"{path}: {column} differs from the cache in {wrong} of {len(expected)} rows. "
                "Predict again with this cache."
            )


def population(cache: Cache, require: frozenset[Modality]) -> np.ndarray:
    """The test split of fine-tuning, restricted to samples with all required modalities."""
    samples = cache.samples
    chosen = (samples["stage"] == STAGES.index("finetune")) & (
        samples["split"] == SPLITS.index("test")
    )
    for modality in require:
        chosen &= samples[f"{modality}_row"] >= 0
    return np.sort(samples[chosen], order="sample_id")


def resample_weights(subjects: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each sample counts when subjects are drawn with replacement.

    Depends on the set of subjects and the seed alone, so that methods and seeds evaluated on the
    same subjects meet the same resamples.

    Args:
        subjects: patient or product of each sample, (N,).
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
    metric: Weighted, label: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The metric of every resample, (R,); NaN where undefined."""
    chunks = range(0, len(weights), AT_ONCE)
    return np.concatenate([metric(label, score, weights[i : i + AT_ONCE]) for i in chunks])


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """The central 95 % of resampled values, undefined ones left out; None if all are."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def why_undefined(predictions: Predictions) -> str | None:
    """The reason why no metric is defined, if so."""
    label = predictions.label
    if not len(label):
        return "no test samples"
    if predictions.task.outputs == 2 and label.min() == label.max():
        return f"all {len(label)} test samples have label {label[0]}"
    return None


def measured(predictions: Predictions, resamples: int) -> dict[str, Any]:
    """Every metric with its interval; values are null, with a reason, where undefined."""
    label, score = predictions.label, predictions.score
    if reason := why_undefined(predictions):
        return {name: {"value": None, "reason": reason} for name in predictions.metrics}
    weights = resample_weights(predictions.subject_id, resamples)
    result = {}
    for name, metric in predictions.metrics.items():
        values = resampled(metric, label, score, weights)
        low, high = interval(values) or (None, None)
        result[name] = {
            "value": float(metric(label, score, np.ones((1, len(label))))[0]),
            "low": low,
            "high": high,
            "level": LEVEL,
            "resamples": resamples,
            "undefined_resamples": int(np.isnan(values).sum()),
        }
    return result


def class_shares(label: np.ndarray, classes: int) -> dict[str, Any]:
    """How the labels are distributed: of two classes the positives, else all and the largest.

    >>> class_shares(np.array([0, 4, 4, 4]), 5)
    {'class_counts': [1, 0, 0, 0, 3], 'majority_rate': 0.75}
    """
    if classes == 2:
        prevalence = float(label.mean()) if len(label) else None
        return {"n_positive": int(label.sum()), "prevalence": prevalence}
    counts = np.bincount(label, minlength=classes)
    majority = float(counts.max() / len(label)) if len(label) else None
    return {"class_counts": counts.tolist(), "majority_rate": majority}


def evaluate(path: Path, cache_folder: Path, output: Path, resamples: int) -> None:
    """Write the metrics of a predictions file as JSON.

    Args:
        path: made by `lanistr predict`.
        cache_folder: says which samples must be there.
        output: JSON: counts, shares of the classes and, per metric, value and interval; shares
            are of 1.
        resamples: of the bootstrap.

    Raises:
        DataContractError: not exactly the test samples.
    """
    predictions, cache = read_predictions(path), open_cache(cache_folder)
    check_complete(predictions, cache, path)
    label = predictions.label
    content: dict[str, Any] = {
        "experiment": predictions.experiment.name,
        "seed": predictions.seed,
        "split": "test",
        "n": len(label),
        "n_subjects": len(np.unique(predictions.subject_id)),
        **class_shares(label, predictions.task.outputs),
        "metrics": measured(predictions, resamples),
        "data": {**cache.provenance, "cache": cache.digest},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(content, indent=2) + "\n")
    primary = predictions.primary
    value = content["metrics"][primary]["value"]
    shown = "undefined" if value is None else f"{value:.4f}"
    log.info("%s, seed %d: %s %s", predictions.experiment.name, predictions.seed, primary, shown)
