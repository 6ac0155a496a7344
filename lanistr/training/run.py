"""A training run as a whole: from an experiment and a cache to a checkpoint and its story."""

from __future__ import annotations

import logging
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lanistr.cache import Cache, open_cache, text_settings
from lanistr.config import Experiment, Modality
from lanistr.data import select
from lanistr.errors import ConfigError
from lanistr.models.build import build, parameter_counts
from lanistr.training import checkpoint
from lanistr.training.distributed import World, world
from lanistr.training.loop import Trainer

log = logging.getLogger(__name__)


def train(
    experiment: Experiment,
    seed: int,
    cache_folder: Path,
    output_dir: Path,
    *,
    init: Sequence[Path] = (),
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    save_every: float | None = None,
) -> None:
    """Train an experiment and write checkpoint.safetensors, experiment.json and history.jsonl.

    An interrupted run goes on from `output_dir`/state, which is removed once all outputs are
    there.

    Args:
        experiment: what to train.
        seed: of weights, order, masks and dropout.
        cache_folder: made by `lanistr.cache.build_cache`.
        output_dir: runs/<experiment>/seed<k>.
        init: the checkpoints that `experiment.init` names, in its order.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch per process; bit-for-bit repetition needs the same number.
        workers: reading processes; None = 0 on a CPU, 4 on a GPU.
        save_every: seconds between states; None = as often as is cheap.

    Raises:
        ConfigError: the experiment does not fit the cache, its `init` or the processes.
        WeightsError: initial weights are missing or do not fit.
        TrainingError: a loss is not finite.
    """
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    with world(device, threads) as here:
        torch.manual_seed(seed)
        model = build(experiment, cache.spec)
        anew: tuple[str, ...] = ()
        if weights := checkpoint.initial_weights(experiment, seed, init):
            anew = model.load_pretrained_part(weights)
        model.freeze(frozen_encoders(experiment, anew))
        trainer = Trainer(
            experiment,
            model.to(here.device),
            select(cache, experiment, "train"),
            select(cache, experiment, "valid"),
            here,
            seed=seed,
            folder=output_dir / "state",
            identity=checkpoint.run_identity(experiment, seed, cache.digest, init),
            workers=4 * (here.device.type == "cuda") if workers is None else workers,
            save_every=save_every,
        )
        if here.leads:
            announce(experiment, seed, model, trainer)
        trainer.fit()
        if here.leads:
            write_outputs(output_dir, trainer, cache)


def check_fit(experiment: Experiment, cache: Cache, folder: Path) -> None:
    """Refuse a cache of another dataset or tokenizer, or without the labels of a regression.

    Raises:
        ConfigError: they differ.
    """
    if experiment.task != "classification":
        raise ConfigError(
            f"task: {experiment.name} is a {experiment.task}; caches hold classes. "
            "Use task: classification, or train the model in code of your own."
        )
    dataset, wanted = cache.provenance["dataset"], text_settings(experiment.encoders.text)
    if experiment.dataset != dataset:
        raise ConfigError(
            f"{experiment.name} is an experiment on {experiment.dataset}, {folder} holds {dataset}."
        )
    differences = [
        f"  encoders.text.{name}: {experiment.name} has {wanted[name]!r}, the cache {value!r}"
        for name, value in cache.text.items()
        if wanted[name] != value
    ]
    if differences:
        raise ConfigError(
            "\n".join(
                [
                    f"{folder} was made with other text settings:",
                    *differences,
                    "Change them in the recipe's `shared` section and make the cache again.",
                ]
            )
        )


def frozen_encoders(experiment: Experiment, anew: tuple[str, ...] = ()) -> frozenset[Modality]:
    """The encoders that fine-tuning leaves as they are: those that start from trained weights.

    Args:
        experiment: its stage, `freeze` and `init`.
        anew: tensors that the initial weights did not fit; their encoders must learn.
    """
    if experiment.stage == "pretrain" or experiment.freeze == "none":
        return frozenset()
    return frozenset(
        modality
        for modality in experiment.modalities
        if (experiment.init and not any(n.startswith(f"encoders.{modality}.") for n in anew))
        or getattr(getattr(experiment.encoders, modality), "pretrained", None) is not None
    )


def trained_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def announce(experiment: Experiment, seed: int, model: nn.Module, trainer: Trainer) -> None:
    """One line on what is about to be trained."""
    log.info(
        "%s, seed %d: %d train and %d valid samples, %d epochs of %d steps, "
        "%d of %d parameters trained, on %s",
        experiment.name,
        seed,
        len(trainer.train),
        len(trainer.valid),
        experiment.optim.epochs,
        trainer.steps,
        trained_parameters(model),
        sum(parameter_counts(model).values()),
        trainer.world.device,
    )


def write_outputs(output_dir: Path, trainer: Trainer, cache: Cache) -> None:
    """Write what the run leaves, the checkpoint last; then forget its state."""
    position = trainer.position
    story: dict[str, Any] = {
        "experiment": trainer.experiment.model_dump(mode="json"),
        "seed": trainer.seed,
        "parameters": parameter_counts(trainer.model),
        "trainable_parameters": trained_parameters(trainer.model),
        "train_samples": len(trainer.train),
        "valid_samples": len(trainer.valid),
        "selected": position.best,
        "seconds": round(trainer.seconds, 3),
        "data": {**cache.provenance, "cache": cache.digest},
        "machine": machine(trainer.world),
    }
    checkpoint.write_lines(output_dir / "history.jsonl", position.history)
    checkpoint.write_json(output_dir / "experiment.json", story)
    checkpoint.write_checkpoint(
        output_dir / "checkpoint.safetensors", trainer.best_weights, trainer.identity
    )
    checkpoint.remove_state(trainer.folder)
    log.info(
        "%s, seed %d: epoch %d selected, %.0f s",
        trainer.experiment.name,
        trainer.seed,
        position.best["epoch"],
        trainer.seconds,
    )


def machine(here: World) -> dict[str, Any]:
    """Versions and hardware that a run depends on."""
    gpu = torch.cuda.get_device_name(here.device) if here.device.type == "cuda" else None
    packages = ("lanistr", "torch", "transformers", "numpy")
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
