"""Probabilities for the test split: every sample exactly once, in a file of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from lanistr.data.cache import open_cache
from lanistr.data.samples import Samples, batches, in_order, select
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.methods.build import build
from lanistr.methods.method import Model
from lanistr.training import checkpoint, objective
from lanistr.training.distributed import world
from lanistr.training.fit import check_fit

log = logging.getLogger(__name__)


def predict(
    run: Path,
    cache_folder: Path,
    output: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    workers: int = 0,
) -> None:
    """Write what a run's checkpoint predicts for the test split.

    Args:
        run: folder with checkpoint.safetensors.
        cache_folder: the cache that it was trained on, or one like it.
        output: Parquet; experiment, seed, sample_id, subject_id, label and probabilities, one row
            per sample. The resolved experiment is in the file's metadata.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.
        workers: reading processes.
    """
    trained = read_run(run, cache_folder)
    experiment, samples = trained.experiment, trained.test
    with world(device, threads) as here:
        if trainer := methods()[experiment.method].trainer:
            answered = import_module(trainer).probabilities_of
            probabilities = answered(run, experiment, samples, cache_folder)
        else:
            model = trained.model(here.device)
            probabilities = outputs(model, experiment, samples, workers=workers).numpy()
    write_predictions(output, experiment, trained.seed, samples, probabilities)


@dataclass(frozen=True)
class TrainedRun:
    """What a run left, and the samples that it is asked about.

    Attributes:
        experiment: that was run.
        seed: of the run.
        weights: of the selected epoch.
        test: the test split of a cache that it fits.
    """

    experiment: Experiment
    seed: int
    weights: dict[str, Tensor]
    test: Samples

    def model(self, device: torch.device) -> Model:
        """The trained model, in eval mode."""
        model = build(self.experiment, self.test.cache.spec)
        model.load_state_dict(self.weights)
        return model.to(device).eval()


def read_run(run: Path, cache_folder: Path) -> TrainedRun:
    """A run's checkpoint and the test split of a cache.

    Args:
        run: folder with checkpoint.safetensors.
        cache_folder: the cache that it was trained on, or one like it.

    Raises:
        WeightsError: no checkpoint.
        ConfigError: the cache is of another dataset or tokenizer.
    """
    weights, experiment, seed = checkpoint.read_checkpoint(run / "checkpoint.safetensors")
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    return TrainedRun(experiment, seed, weights, select(cache, experiment, "test"))


def write_predictions(
    path: Path, experiment: Experiment, seed: int, samples: Samples, probabilities: np.ndarray
) -> None:
    """A row per sample, the resolved experiment in the file's metadata.

    Args:
        path: Parquet.
        experiment: that was run.
        seed: of the run.
        samples: that were asked about.
        probabilities: per class, in their order, (N, classes).
    """
    table = pl.DataFrame(
        {
            "experiment": [experiment.name] * len(samples),
            "seed": [seed] * len(samples),
            "sample_id": samples.records["sample_id"],
            "subject_id": samples.records["subject_id"],
            "label": samples.records["label"],
            "probabilities": probabilities,
        },
        schema_overrides={"probabilities": pl.Array(pl.Float64, experiment.classes)},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path, metadata={"experiment": experiment.model_dump_json()})
    log.info("%s, seed %d: %d test samples", experiment.name, seed, len(samples))


@torch.no_grad()
def outputs(
    model: nn.Module, experiment: Experiment, samples: Samples, *, workers: int = 0
) -> Tensor:
    """What a model says of each sample.

    Args:
        model: in eval mode; its device is where it is computed.
        experiment: of the model; gives task and batch size.
        samples: in the order of the result.
        workers: reading processes.

    Returns:
        Probabilities, (N, classes) float64; of a regression the numbers, (N, 1) float64.
    """
    device = next(model.parameters()).device
    plan = in_order(len(samples), experiment.optim.batch_size)
    parts = [torch.empty(0, experiment.outputs, dtype=torch.float64)]
    for batch in batches(samples, plan, workers):
        with objective.autocast(device):
            said = model(batch.to(device)).double()
        parts.append((said.softmax(dim=1) if experiment.task == "classification" else said).cpu())
    return torch.cat(parts)
