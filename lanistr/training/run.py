"""A training run as a whole: from an experiment and a cache to a checkpoint and its story."""

from __future__ import annotations

import logging
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanistr.data.cache import SPLITS, Cache, open_cache
from lanistr.data.samples import Samples, select
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.methods.build import build, frozen_encoders, parameter_counts, trained_parameters
from lanistr.training import checkpoint
from lanistr.training.distributed import World, world
from lanistr.training.fit import check_fit
from lanistr.training.loop import Trainer
from lanistr.training.predict import outputs, write_predictions

log = logging.getLogger(__name__)


def train(
    experiment: Experiment,
    seed: int,
    cache_folder: Path,
    output_dir: Path,
    *,
    init: Sequence[Path] = (),
    predictions: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    save_every: float | None = None,
    compiled: bool = False,
    features: bool = True,
) -> None:
    """Train an experiment and write checkpoint.safetensors, experiment.json and history.jsonl.

    An interrupted run goes on from `output_dir`/state, which is removed once all outputs are
    there.

    Args:
        experiment: what to train.
        seed: of weights, order, masks and dropout.
        cache_folder: made by `lanistr.data.cache.build_cache`.
        output_dir: runs/<experiment>/seed<k>.
        init: the checkpoints that `experiment.init` names, in its order.
        predictions: of a fine-tuning: also write what it predicts for the test split, as
            `predict` does, without starting anew.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch per process; bit-for-bit repetition needs the same number.
        workers: reading processes; None = 0 on a CPU, 4 on a GPU.
        save_every: seconds between states; None = as often as is cheap.
        compiled: training steps run through `torch.compile`.
        features: in fine-tuning, what frozen encoders make of the samples is computed once, into
            the state, and read in all epochs.

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
            compiled=compiled,
            features=features,
        )
        if here.leads:
            announce(experiment, seed, model, trainer)
        trainer.fit()
        if here.leads:
            write_outputs(output_dir, trainer, cache)
            if predictions:
                test = select(cache, experiment, "test")
                model.load_state_dict(trainer.best_weights)
                said = outputs(model.eval(), experiment, test).numpy()
                write_predictions(predictions, experiment, seed, test, said)


def announce(experiment: Experiment, seed: int, model: nn.Module, trainer: Trainer) -> None:
    """One line on what is about to be trained."""
    trained, parameters = trained_parameters(model), sum(parameter_counts(model).values())
    log.info(
        "%s, seed %d: %d train and %d valid samples, %d epochs of %d steps, "
        "%s of %s parameters trained (%.1f %%), on %s",
        experiment.name,
        seed,
        len(trainer.train),
        len(trainer.valid),
        experiment.optim.epochs,
        trainer.steps,
        f"{trained:,}",
        f"{parameters:,}",
        100 * trained / parameters,
        trainer.world.device,
    )


def write_outputs(output_dir: Path, trainer: Trainer, cache: Cache) -> None:
    """Write what the run leaves; then forget its state."""
    position = trainer.position
    write_run(
        output_dir,
        trainer.experiment,
        trainer.seed,
        model=trainer.model,
        weights=trainer.best_weights,
        identity=trainer.identity,
        history=position.history,
        selected=position.best,
        seconds=trainer.seconds,
        train=trainer.train,
        valid=trainer.valid,
        cache=cache,
        here=trainer.world,
    )
    checkpoint.remove_state(trainer.folder)


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
