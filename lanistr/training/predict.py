"""Probabilities for the test split: every sample exactly once, in a file of its own."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import torch

from lanistr.cache import open_cache
from lanistr.data import batches, in_order, select
from lanistr.models.build import build
from lanistr.training import checkpoint, objective
from lanistr.training.distributed import world
from lanistr.training.run import check_fit

log = logging.getLogger(__name__)


@torch.no_grad()
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
    weights, experiment, seed = checkpoint.read_checkpoint(run / "checkpoint.safetensors")
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    samples = select(cache, experiment, "test")
    with world(device, threads) as here:
        model = build(experiment, cache.spec)
        model.load_state_dict(weights)
        model.to(here.device).eval()
        plan = in_order(len(samples), experiment.optim.batch_size)
        probabilities = [torch.empty(0, experiment.classes, dtype=torch.float64)]
        for batch in batches(samples, plan, workers):
            with objective.autocast(here.device):
                logits = model(batch.to(here.device))
            probabilities.append(logits.double().softmax(dim=1).cpu())
    table = pl.DataFrame(
        {
            "experiment": [experiment.name] * len(samples),
            "seed": [seed] * len(samples),
            "sample_id": samples.records["sample_id"],
            "subject_id": samples.records["subject_id"],
            "label": samples.records["label"],
            "probabilities": torch.cat(probabilities).numpy(),
        },
        schema_overrides={"probabilities": pl.Array(pl.Float64, experiment.classes)},
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(output, metadata={"experiment": experiment.model_dump_json()})
    log.info("%s, seed %d: %d test samples", experiment.name, seed, len(samples))
