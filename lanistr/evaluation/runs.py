"""What the runs of an experiment left: their metrics, their story and their predictions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.errors import DataContractError
from lanistr.evaluation.predictions import Predictions, read_predictions
from lanistr.evaluation.status import RunFiles, Status, why_missing

Entries = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """One seed of an experiment that has been evaluated.

    Attributes:
        files: where all of it lies.
        metrics: of the predictions.
        story: parameters, times, data and machine.
        predictions: for the test samples.
    """

    files: RunFiles
    metrics: dict[str, Any]
    story: dict[str, Any]
    predictions: Predictions


@dataclass(frozen=True)
class Runs:
    """The runs of an experiment, and why others are missing.

    Attributes:
        done: in the order of their seeds.
        missing: by seed.
    """

    done: list[Run]
    missing: dict[int, Status]

    @property
    def predictions(self) -> list[Predictions]:
        """Of every run."""
        return [run.predictions for run in self.done]

    @property
    def status(self) -> str:
        """`ok`, `m of n runs`, or what all runs came to."""
        total = len(self.done) + len(self.missing)
        if self.done:
            return f"{len(self.done)} of {total} runs" if self.missing else "ok"
        kinds = {missing.status for missing in self.missing.values()}
        return next(k for k in ("failed", "stopped", "not installed", "not run") if k in kinds)

    @property
    def reason(self) -> str:
        """Why runs are missing, each reason once with its seeds; empty if that is said already."""
        seeds: dict[str, list[str]] = {}
        for seed, missing in self.missing.items():
            known = [] if missing.status == self.status else [missing.status]
            if why := ", ".join([*known, *filter(None, [missing.reason])]):
                seeds.setdefault(why, []).append(str(seed))
        return "; ".join(f"seed {' '.join(which)}: {why}" for why, which in seeds.items())


def read_runs(
    registry: Entries,
    results: Path,
    name: str,
    seeds: Iterable[int],
    pending: Collection[Path] = (),
) -> Runs:
    """The runs of an experiment.

    Args:
        registry: completed entries.
        results: holds runs/, predictions/, metrics/ and logs/.
        name: of the experiment.
        seeds: that there should be.
        pending: metrics that were to be made anew.

    Raises:
        DataContractError: metrics and predictions disagree.
    """
    why = {seed: why_missing(registry, results, name, seed, pending) for seed in seeds}
    return Runs(
        [read_run(RunFiles(results, name, seed)) for seed, missing in why.items() if not missing],
        {seed: missing for seed, missing in why.items() if missing},
    )


def read_run(files: RunFiles) -> Run:
    """One run.

    Raises:
        DataContractError: the value in its metrics does not follow from its predictions.
    """
    metrics = json.loads(files.metrics.read_text(encoding="utf-8"))
    predictions = read_predictions(files.predictions)
    primary = predictions.primary
    value, again = metrics["metrics"][primary.name]["value"], predictions.once(primary)
    if value is not None and not np.isclose(value, again, rtol=0, atol=1e-9):
        raise DataContractError(
            f"{files.metrics} does not follow from {files.predictions}. "
            f"Evaluate again: snakemake {files.results}."
        )
    return Run(files, metrics, json.loads(files.story.read_text(encoding="utf-8")), predictions)


def check_data(runs: Iterable[Run], digests: Mapping[str, str]) -> None:
    """All runs come from the shards that the table names.

    Args:
        runs: what was evaluated.
        digests: digest of the shards of each data set.

    Raises:
        DataContractError: they do not.
    """
    for run in runs:
        known = digests.get(run.predictions.experiment.dataset)
        if (digest := run.metrics["data"]["digest"]) != known:
            raise DataContractError(
                f"{run.files.metrics} is of shards {digest}, the manifest is of "
                f"{known or 'another data set'}. Train and evaluate again: snakemake tables."
            )


def stories_of(
    results: Path, names: Sequence[str], seeds: Iterable[int]
) -> list[list[dict[str, Any]]]:
    """What the runs of some experiments tell, by seed; without seeds of which one is missing."""
    found = [[RunFiles(results, name, seed).story for name in names] for seed in seeds]
    return [
        [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        for paths in found
        if paths and all(path.is_file() for path in paths)
    ]
