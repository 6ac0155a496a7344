"""The files of `lanistr presence`: what one model says under every subset. Works without torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from lanistr.errors import DataContractError
from lanistr.evaluation.comparison import draw_seeds
from lanistr.evaluation.metrics import Metric, primary_of
from lanistr.evaluation.predictions import differ, resample_weights, resampled
from lanistr.experiments.config import Experiment
from lanistr.modality import Modality, sort_modalities, subset_names
from lanistr.task import Task


@dataclass(frozen=True)
class Answers:
    """What the runs of one experiment say of the N test samples, sorted by sample.

    Attributes:
        experiment: what was trained.
        task: what was asked.
        seeds: seeds of the runs, K.
        sample_id: (N,) int64.
        subject_id: unit of each sample, such as its patient, (N,) int64.
        label: what is known of the task; NaN = nothing, (N, targets) float64.
        present: number of the subset of modalities that a sample has of itself, (N,) int64.
        answers: what metrics compare with the label, by run and subset, (K, 2^M, N, outputs).
        data: where the samples come from.
        seen: training samples of an epoch that show each subset of modalities, by name.
    """

    experiment: Experiment
    task: Task
    seeds: tuple[int, ...]
    sample_id: np.ndarray
    subject_id: np.ndarray
    label: np.ndarray
    present: np.ndarray
    answers: np.ndarray
    data: dict[str, Any]
    seen: dict[str, float]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that the experiment reads; bits and subsets count in this order."""
        return sort_modalities(self.experiment.modalities)

    @property
    def metric(self) -> Metric:
        """The one that is reported."""
        return primary_of(self.task)

    def has(self, modality: Modality) -> np.ndarray:
        """True where a sample has the modality, (N,) bool."""
        return self.present >> self.modalities.index(modality) & 1 == 1

    def weights(self, resamples: int) -> np.ndarray:
        """How often each sample counts: once, then in each resample of subjects, (1 + R, N)."""
        drawn = resample_weights(self.subject_id, resamples)
        return np.concatenate([np.ones((1, len(self.label)), drawn.dtype), drawn])

    def performance(
        self, subsets: np.ndarray, weights: np.ndarray, metric: Metric | None = None
    ) -> np.ndarray:
        """A metric, mean over runs, when each sample has a subset of its own.

        Runs are drawn anew with the subjects, as `lanistr.evaluation.comparison` does it: the same
        ones for every subset, so that differences and sums have intervals of their own.

        Args:
            subsets: number of what is left of each sample, (N,).
            weights: how often each sample counts, once and in each resample, (1 + R, N).
            metric: None = the one that is reported.

        Returns:
            (1 + R,) float64; NaN where undefined.
        """
        samples = np.arange(len(self.label))
        values = [
            resampled(metric or self.metric, self.label, answers[subsets, samples], weights)
            for answers in self.answers
        ]
        drawn = np.ones((len(weights), len(values)))
        drawn[1:] = draw_seeds(len(values), len(weights) - 1)
        return np.average(values, axis=0, weights=drawn.T)

    def described(self) -> dict[str, Any]:
        """What results state about themselves."""
        return {
            "experiment": self.experiment.name,
            "dataset": self.experiment.dataset,
            "metric": self.metric.name,
            "unit": self.metric.unit(self.task.unit),
            "n_runs": len(self.seeds),
            "n": len(self.label),
            "n_subjects": len(np.unique(self.subject_id)),
            "scale": self.data.get("scale"),
            "data_digest": self.data.get("digest"),
        }


def read_answers(paths: Iterable[Path]) -> list[Answers]:
    """The files of `lanistr presence`, those of one experiment together, in their first order.

    Raises:
        DataContractError: not such files, a seed twice, or runs of other samples.
    """
    runs: dict[str, list[tuple[Path, Answers]]] = {}
    for path in paths:
        run = _read(path)
        runs.setdefault(run.experiment.name, []).append((path, run))
    return [_together(several) for several in runs.values()]


def _together(runs: list[tuple[Path, Answers]]) -> Answers:
    """The runs of one experiment as one."""
    first = runs[0][1]
    seeds = tuple(run.seeds[0] for _, run in runs)
    if len(set(seeds)) < len(seeds):
        raise DataContractError(f"{first.experiment.name}: found seeds {seeds}; give each once.")
    for path, run in runs:
        same = run.task == first.task and not any(
            differ(getattr(first, name), getattr(run, name)).any()
            for name in ("sample_id", "subject_id", "label", "present")
        )
        if not same or first.data != run.data:
            raise DataContractError(
                f"{path} is of other samples than {runs[0][0]}. Make both from one cache."
            )
    return replace(first, seeds=seeds, answers=np.concatenate([run.answers for _, run in runs]))


def _read(path: Path) -> Answers:
    """The file of one run."""
    import polars as pl

    try:
        about = pl.read_parquet_metadata(path)
        experiment = Experiment.model_validate_json(about["experiment"])
        table = pl.read_parquet(path, glob=False).sort("sample_id")
        names = subset_names(sort_modalities(experiment.modalities))
        task = TypeAdapter(Task).validate_json(about["task"])
        answers = np.stack([table[name].to_numpy() for name in names])
        label = table["label"].to_numpy().astype(np.float64)
        present = np.array([names.index(name) for name in table["present"]], np.int64)
        data, seen = json.loads(about["data"]), json.loads(about["seen"])
        seeds = table["seed"].unique().to_list()
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not a file of `python -m lanistr presence` ({type(error).__name__}). "
            "Make it again."
        ) from None
    if len(seeds) != 1:
        raise DataContractError(f"{path} holds {len(seeds)} seeds, allowed is one. Make it again.")
    return Answers(
        experiment,
        task,
        seeds=(seeds[0],),
        sample_id=table["sample_id"].to_numpy(),
        subject_id=table["subject_id"].to_numpy(),
        label=label,
        present=present,
        answers=answers[None],
        data=data,
        seen=seen,
    )
