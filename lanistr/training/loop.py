"""The one training loop: pretraining and fine-tuning differ in `objective.losses` alone.

Nothing depends on a random state that has to be carried along: the order of samples, what is
hidden and what dropout drops are seeded by run, step and rank. A run that goes on from its state
therefore repeats, bit for bit on a CPU, what it would have done undisturbed.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanistr.batch import Batch, Source
from lanistr.data.samples import Samples, batches, epoch_plan
from lanistr.errors import TrainingError
from lanistr.experiments.config import Experiment
from lanistr.methods.method import Model
from lanistr.training import checkpoint, objective
from lanistr.training.distributed import World
from lanistr.training.features import encoded
from lanistr.training.progress import Progress
from lanistr.training.schedule import is_over, micro_batch_size, optimiser, rate_at, set_rate

log = logging.getLogger(__name__)

STATE_SHARE = 0.02  # of the time goes, at most, into saving the state


@dataclass
class Position:
    """Where a run stands; plain values, saved in its state.

    Attributes:
        epoch: the epoch under way, from 0.
        step: optimiser steps done in it.
        sums: losses of these steps, added up by name.
        seconds: spent in earlier processes of this run.
        history: records of finished epochs.
        best: record of the selected epoch.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)


class Trainer:
    """A run from its first to its last step.

    Args:
        experiment: what is trained.
        model: on the world's device; what is frozen does not require gradients.
        train: samples to learn from.
        valid: samples that select the epoch.
        world: processes and device.
        seed: of the run.
        folder: receives the state.
        identity: see `checkpoint.run_identity`.
        workers: reading processes.
        save_every: seconds between states; None = as often as costs `STATE_SHARE` of the time.
        features: in fine-tuning, encode once what frozen encoders read.
        taken: names of the weights that started from other runs.
    """

    def __init__(
        self,
        experiment: Experiment,
        model: Model,
        train: Samples,
        valid: Samples,
        world: World,
        *,
        seed: int,
        folder: Path,
        identity: dict[str, str],
        workers: int = 0,
        save_every: float | None = None,
        features: bool = True,
        taken: Container[str] = (),
    ) -> None:
        self.experiment, self.model, self.train, self.valid = experiment, model, train, valid
        self.read: dict[str, Source] = {"train": train, "valid": valid}
        self.world, self.seed, self.folder, self.identity = world, seed, folder, identity
        self.workers, self.save_every, self.features = workers, save_every, features
        optim = experiment.optim
        self.micro_batch = micro_batch_size(optim, world.size)
        self.steps = len(self._plan(0))
        self.wrapped = world.wrap(model)
        self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = optimiser(model, taken, optim)
        self.progress = Progress(optim.epochs, self.steps, world.leads)
        self.position = Position()
        self.best_weights: dict[str, Tensor] = {}
        self.began = self.saved_at = time.monotonic()
        self.save_seconds = 0.01

    def fit(self) -> None:
        """Train all epochs; afterwards `best_weights` are those of the selected epoch."""
        self._resume()
        if self.features and self.experiment.stage == "finetune":
            self._encode_once()
        while not self._is_over():
            epoch = self.position.epoch
            speed = self._train_epoch(epoch)
            self._finish_epoch(epoch, speed)

    def _encode_once(self) -> None:
        """Have what frozen encoders read replaced by what they make of it."""
        optim, folder = self.experiment.optim, self.folder / "features"
        made = partial(
            encoded,
            model=self.model,
            identity=self.identity,
            world=self.world,
            batch_size=self.micro_batch,
        )
        views = min(self.experiment.data.views, optim.epochs)
        self.read = {
            "train": made(self.train, folder=folder / "train", views=views),
            "valid": made(self.valid, folder=folder / "valid", views=1),
        }

    @property
    def _valid_batch(self) -> int:
        """Samples at once in validation: more without gradients, unless masks go by the batch."""
        return self.micro_batch * (1 if self.experiment.stage == "pretrain" else 4)

    def _is_over(self) -> bool:
        return is_over(self.position.epoch, self.position.best, self.experiment.optim)

    @property
    def seconds(self) -> float:
        """Wall time of the run so far, over all its processes in time."""
        return self.position.seconds + time.monotonic() - self.began

    def _plan(self, epoch: int) -> np.ndarray:
        data, optim = self.experiment.data, self.experiment.optim
        return epoch_plan(
            len(self.train), optim.batch_size, self.seed, epoch, data.samples_per_epoch
        )

    def _micro_batches(self, epoch: int, first_step: int) -> Iterator[Batch]:
        """What this process reads of the rest of an epoch, micro-batch by micro-batch."""
        rest = self._plan(epoch)[first_step:]
        mine = rest.reshape(-1, self.world.size, self.micro_batch)[:, self.world.rank]
        train = self.read["train"].shown(epoch % self.experiment.data.views)
        return batches(train, list(mine), self.workers)

    def _train_epoch(self, epoch: int) -> float:
        """Take the epoch's remaining steps; returns samples per second, over all processes."""
        self.wrapped.train()
        began, first = time.monotonic(), self.position.step
        reader, speed = self._micro_batches(epoch, first), 0.0
        with self.progress.epoch(epoch, first) as bar:
            for step in range(first, self.steps):
                values = self._step(epoch, step, reader)
                sums = self.position.sums
                self.position.sums = {k: sums.get(k, 0.0) + v for k, v in values.items()}
                self.position.step = step + 1
                speed = (step + 1 - first) * self.experiment.optim.batch_size
                speed /= time.monotonic() - began
                bar.set_postfix(loss=f"{values['loss']:.4f}", samples_per_s=f"{speed:.0f}")
                bar.update()
                if step + 1 < self.steps and self._state_is_due():
                    self._save_state()
        return speed

    def _step(self, epoch: int, step: int, reader: Iterator[Batch]) -> dict[str, float]:
        """One optimiser step over `accumulate` micro-batches; returns its losses by name."""
        number, optim = epoch * self.steps + step, self.experiment.optim
        torch.manual_seed(objective.seeded(self.seed, "dropout", number, self.world.rank))
        rng = torch.Generator()
        rng.manual_seed(objective.seeded(self.seed, "hidden", number, self.world.rank))
        rate = rate_at(number, optim.epochs * self.steps, optim, self.position.history)
        set_rate(self.optimiser, rate)
        self.optimiser.zero_grad()
        sums: dict[str, Tensor] = {}
        seen: list[Tensor] = []
        for micro in range(optim.accumulate):
            batch = next(reader)
            seen.append(batch.sample_id)
            batch = batch.to(self.world.device)
            with self.world.syncing(self.wrapped, micro + 1 == optim.accumulate):
                terms = self._backward(batch, rng)
            sums = {name: sums.get(name, 0.0) + value for name, value in terms.items()}
        sums["gradient norm"] = nn.utils.clip_grad_norm_(self.trained, optim.clip_norm)
        means = self.world.mean(torch.stack(list(sums.values())))
        values = dict(zip(sums, means.tolist(), strict=True))
        self._check_finite(values, number, torch.cat(seen))
        self.optimiser.step()
        self.model.after_step((number + 1) / (optim.epochs * self.steps))
        return values

    def _backward(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Add a micro-batch's gradients; returns its share of the step's losses."""
        with objective.autocast(self.world.device):
            terms = objective.losses(self.wrapped, batch, rng, self.experiment)
        loss = objective.total(terms, self.experiment) / self.experiment.optim.accumulate
        loss.backward()
        shares = {
            f"loss/{name}": value.detach() / self.experiment.optim.accumulate
            for name, value in terms.items()
        }
        return {"loss": loss.detach(), **shares}

    def _check_finite(self, values: dict[str, float], number: int, sample_ids: Tensor) -> None:
        """Stop at a loss or gradient that is not finite, before it reaches the weights."""
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if not broken:
            return
        path = self.folder / f"not-finite-rank{self.world.rank}.json"
        content = {"step": number, "terms": broken, "sample_ids": sample_ids.tolist()}
        checkpoint.write_json(path, content)
        terms = [name for name in broken if name.startswith("loss/")] or broken
        raise TrainingError(
            f"{self.experiment.name}, seed {self.seed}: {', '.join(terms)} is not finite "
            f"at step {number} of {self.experiment.optim.epochs * self.steps}. "
            f"The ids of that step's samples are in {path}. Look at them, or lower optim.lr."
        )

    def _finish_epoch(self, epoch: int, speed: float) -> None:
        """Validate, keep the weights of a better epoch, write the record."""
        means = {name: value / self.steps for name, value in self.position.sums.items()}
        record: dict[str, Any] = {
            "epoch": epoch + 1,
            "lr": self.optimiser.param_groups[0]["lr"],
            "samples_per_second": speed,
            **means,
            **objective.validate(
                self.model, self.read["valid"], self.experiment, self.world, self._valid_batch
            ),
        }
        record["seconds"] = self.seconds
        self.progress.finished(record)
        position = self.position
        merit = partial(objective.merit, task=self.model.origin.spec.task)
        keep_last = self.experiment.optim.keep == "last"
        if not position.best or keep_last or merit(record) > merit(position.best):
            position.best = record
            self.best_weights = checkpoint.detached(self.model.state_dict())
        position.epoch, position.step, position.sums = epoch + 1, 0, {}
        position.history.append(record)
        if self._state_is_due() or self._is_over():
            self._save_state()

    def _state_is_due(self) -> bool:
        pause = self.save_every
        if pause is None:
            pause = self.save_seconds / STATE_SHARE
        return time.monotonic() - self.saved_at >= pause

    def _save_state(self) -> None:
        if self.world.leads:
            began = time.monotonic()
            state = {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "best_weights": self.best_weights,
                "position": {**asdict(self.position), "seconds": self.seconds},
            }
            checkpoint.save_state(self.folder, self.identity, state)
            self.save_seconds = time.monotonic() - began
        self.saved_at = time.monotonic()

    def _resume(self) -> None:
        """Go on where an interrupted process of this run stopped, if one did."""
        state = checkpoint.load_state(self.folder, self.identity)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best_weights = state["best_weights"]
        self.position = Position(**state["position"])
        if self.world.leads:
            log.info(
                "going on from %s: epoch %d, step %d of %d",
                self.folder,
                self.position.epoch + 1,
                self.position.step,
                self.steps,
            )
