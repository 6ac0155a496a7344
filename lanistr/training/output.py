"""What a run leaves: its checkpoint, its story, and its answers for the test split."""

from __future__ import annotations

import json
import logging
import platform
import resource
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanistr.data.cache import SPLITS, Cache
from lanistr.data.samples import Samples
from lanistr.evaluation.finetuned import Finetuned
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.methods.build import parameter_counts, trained_parameters
from lanistr.training import checkpoint
from lanistr.training.distributed import World

log = logging.getLogger(__name__)


def write_predictions(
    path: Path,
    experiment: Experiment,
    seed: int,
    samples: Samples,
    said: np.ndarray,
    finetuned: Finetuned | None = None,
) -> None:
    """Write a row per sample; what the answers are of is in the file's metadata.

    Args:
        path: Parquet.
        experiment: that was run.
        seed: of the run.
        samples: that were asked about.
        said: what the model answers, (N, task.outputs): probabilities of the classes in their
            order, of each label, or the number in its unit.
        finetuned: what is known of the fine-tuning; None = nothing, of methods with a trainer of
            their own.
    """
    import polars as pl  # starts threads, and trainings are forked from a process without any

    task = samples.spec.task
    assert task is not None  # what was only pretrained answers nothing
    table = pl.DataFrame(
        {
            "experiment": [experiment.name] * len(samples),
            "seed": [seed] * len(samples),
            "sample_id": samples.records["sample_id"],
            "subject_id": samples.records["subject_id"],
            "label": samples.targets,
            "answer": said,
        },
        schema_overrides={
            "label": pl.Array(pl.Float32, task.targets),
            "answer": pl.Array(pl.Float64, task.outputs),
        },
    )
    about = {"experiment": experiment.model_dump_json(), "task": json.dumps(asdict(task))}
    if finetuned:
        about["finetuned"] = finetuned.model_dump_json()
    checkpoint.write_whole(path, lambda partial: table.write_parquet(partial, metadata=about))
    log.info("%s, seed %d: %d test samples", experiment.name, seed, len(samples))


def write_run(
    output_dir: Path,
    experiment: Experiment,
    seed: int,
    *,
    model: nn.Module,
    weights: dict[str, Tensor],
    identity: dict[str, str],
    history: list[dict[str, Any]],
    selected: dict[str, Any],
    seconds: float,
    train: Samples,
    valid: Samples,
    cache: Cache,
    here: World,
) -> None:
    """Write history.jsonl, experiment.json and, last, checkpoint.safetensors.

    Args:
        output_dir: runs/<experiment>/seed<k>.
        experiment: that was trained.
        seed: of the run.
        model: whose parameters are counted.
        weights: of the selected epoch.
        identity: see `checkpoint.run_identity`.
        history: a record per epoch.
        selected: the record of the selected epoch.
        seconds: wall time of the run.
        train: samples that were learned from.
        valid: samples that selected the epoch.
        cache: of the samples.
        here: processes and device.
    """
    parameters, trained = parameter_counts(model), trained_parameters(model)
    story: dict[str, Any] = {
        "experiment": experiment.model_dump(mode="json"),
        "seed": seed,
        "parameters": parameters,
        "trainable_parameters": trained,
        "trainable_share": round(trained / sum(parameters.values()), 6),
        "train_samples": len(train),
        "valid_samples": len(valid),
        "selected": selected,
        "selection": selection(valid, cache),
        "seconds": round(seconds, 3),
        "memory_mb": peak_memory_mb(),
        "data": {**cache.provenance, "cache": cache.digest},
        "machine": machine(here, experiment.method),
    }
    checkpoint.write_lines(output_dir / "history.jsonl", history)
    checkpoint.write_json(output_dir / "experiment.json", story)
    checkpoint.write_checkpoint(output_dir / "checkpoint.safetensors", weights, identity)
    log.info(
        "%s, seed %d: epoch %d selected, %.0f s", experiment.name, seed, selected["epoch"], seconds
    )


def selection(valid: Samples, cache: Cache) -> dict[str, Any]:
    """What the best epoch was chosen by: how many samples, and how many of test subjects."""
    subjects = valid.records["subject_id"]
    test = cache.samples["subject_id"][cache.samples["split"] == SPLITS.index("test")]
    return {
        "splits": [SPLITS[number] for number in np.unique(valid.records["split"])],
        "samples": len(valid),
        "subjects": len(np.unique(subjects)),
        "samples_of_test_subjects": int(np.isin(subjects, test).sum()),
    }


def peak_memory_mb() -> int:
    """Most memory that this process has had at once, in MiB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def machine(here: World, method: str) -> dict[str, Any]:
    """Versions and hardware that a run of a method depends on."""
    gpu = torch.cuda.get_device_name(here.device) if here.device.type == "cuda" else None
    packages = ("lanistr", "torch", "transformers", "numpy", *methods()[method].distributions)
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "commit": git_commit(),
        "device": gpu or here.device.type,
        "processes": here.size,
        "threads": torch.get_num_threads(),
    }


def git_commit() -> str | None:
    """The commit of the code, marked when files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
