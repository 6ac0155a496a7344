"""A training run as a whole: from an experiment and a cache to a checkpoint and its story."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lanistr.data.cache import Cache, open_cache
from lanistr.data.selection import select
from lanistr.evaluation.collapse import told_collapse
from lanistr.experiments.config import Experiment
from lanistr.methods.build import build, frozen_encoders, parameter_counts, trained_parameters
from lanistr.training import checkpoint
from lanistr.training.distributed import world
from lanistr.training.fit import check_fit
from lanistr.training.folder import hold_folder
from lanistr.training.loop import Trainer
from lanistr.training.memory import tell_memory
from lanistr.training.output import write_predictions, write_run
from lanistr.training.predict import answers, describe_finetuning

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
    features: bool = True,
) -> None:
    """Train an experiment and write checkpoint.safetensors, experiment.json and history.jsonl.

    An interrupted run goes on from `output_dir`/state, which is removed once all outputs are
    there.

    Args:
        experiment: what to train.
        seed: of weights, order, masks and dropout.
        cache_folder: made by `lanistr.data.caching.build_cache`.
        output_dir: runs/<experiment>/seed<k>.
        init: the checkpoints that `experiment.init` names, in its order.
        predictions: of a fine-tuning: also write what it predicts for the test split, as
            `predict` does, without starting anew.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch per process; bit-for-bit repetition needs the same number.
        workers: reading processes; None = 0 on a CPU, 4 on a GPU.
        save_every: seconds between states; None = as often as is cheap.
        features: in fine-tuning, what frozen encoders make of the samples is computed once, into
            the state, and read in all epochs.

    Raises:
        ConfigError: the experiment does not fit the cache, its `init` or the processes.
        WeightsError: initial weights are missing or do not fit.
        TrainingError: a loss is not finite, the memory is too small, or another process trains
            into the folder.
    """
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    with (
        world(device, threads) as here,
        tell_memory(experiment, here),
        hold_folder(output_dir, here),
    ):
        torch.manual_seed(seed)
        model = build(experiment, cache.spec_for(experiment))
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
            features=features,
            taken=taken_over(model, weights),
        )
        if here.leads:
            announce(experiment, seed, model, trainer)
        trainer.fit()
        if here.leads:
            if collapse := told_collapse(trainer.position.best):
                log.warning("%s, seed %d: %s", experiment.name, seed, collapse)
            write_outputs(output_dir, trainer, cache)
            if predictions:
                test = select(cache, experiment, "test")
                model.load_state_dict(trainer.best_weights)
                said = answers(model.eval(), test).numpy()
                finetuned = describe_finetuning(model, cache)
                write_predictions(predictions, experiment, seed, test, said, finetuned)
            checkpoint.remove_state(trainer.folder)  # not before all else is on the disk


def taken_over(model: nn.Module, weights: Mapping[str, Tensor]) -> frozenset[str]:
    """The names of the weights that a model has from others."""
    return frozenset(
        name
        for name, each in model.named_parameters()
        if name in weights and torch.equal(each.cpu(), weights[name])
    )


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
    """Write what the run leaves."""
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
