"""Answers for the test split: every sample exactly once, in a file of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lanistr.data.cache import Cache, open_cache, pattern_names
from lanistr.data.samples import Samples, batches, plan_in_order
from lanistr.data.selection import select
from lanistr.evaluation.finetuned import Finetuned, shown_patterns
from lanistr.evaluation.temperature import fit_temperature
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.methods.build import build
from lanistr.methods.method import Model
from lanistr.models.losses import answered
from lanistr.training import checkpoint, objective
from lanistr.training.distributed import world
from lanistr.training.fit import check_fit
from lanistr.training.output import write_predictions


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
        output: Parquet; experiment, seed, sample_id, subject_id, label and answer, one row per
            sample. The resolved experiment, its task and what is known of its fine-tuning are in
            the file's metadata.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.
        workers: reading processes.
    """
    trained = read_run(run, cache_folder)
    experiment, samples = trained.experiment, trained.test
    with world(device, threads) as here:
        finetuned = None
        if trainer := methods()[experiment.method].trainer:
            said = import_module(trainer).answers_of(run, experiment, samples, cache_folder)
        else:
            model = trained.model(here.device)
            said = answers(model, samples, workers=workers).numpy()
            finetuned = describe_finetuning(model, samples.cache, workers=workers)
    write_predictions(output, experiment, trained.seed, samples, said, finetuned)


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
        model = build(self.experiment, self.test.spec)
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


@torch.no_grad()
def answers(model: Model, samples: Samples, *, workers: int = 0) -> Tensor:
    """What a model says of each sample.

    Args:
        model: fine-tuned, in eval mode; its device is where it is computed.
        samples: in the order of the result.
        workers: reading processes.

    Returns:
        Probabilities of the classes, of each label, or the number in its unit,
        (N, task.outputs) float64.
    """
    device = next(model.parameters()).device
    plan = plan_in_order(len(samples), model.origin.experiment.optim.batch_size)
    parts = [torch.empty(0, model.task.outputs, dtype=torch.float64)]
    for batch in batches(samples, plan, workers):
        with objective.autocast(device):
            said = model(batch.to(device)).double()
        parts.append(answered(model.task, said).cpu())
    return torch.cat(parts)


def describe_finetuning(model: Model, cache: Cache, *, workers: int = 0) -> Finetuned:
    """What is to be known of a model's fine-tuning by whoever reads its answers.

    Args:
        model: fine-tuned, in eval mode; its device is where validation samples are answered.
        cache: that it was trained on.
        workers: reading processes.
    """
    experiment = model.origin.experiment
    valid = select(cache, experiment, "valid")
    said = answers(model, valid, workers=workers).numpy()
    return Finetuned(
        patterns=seen_patterns(cache, experiment),
        temperature=fit_temperature(model.task, valid.targets.astype(np.float64), said),
    )


def seen_patterns(cache: Cache, experiment: Experiment) -> dict[str, float]:
    """How many samples of an epoch of fine-tuning show each pattern of modalities."""
    train = select(cache, experiment, "train")
    counts = Counter(pattern_names(train.records, experiment.modalities))
    return shown_patterns(counts, experiment.data.modality_dropout)
