"""What the training loop asks of a model, whichever the method."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self

from torch import Tensor, nn

from lanistr.batch import Batch
from lanistr.errors import ConfigError
from lanistr.methods.build import Origin
from lanistr.methods.pretrained import load, save
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.losses import label_loss
from lanistr.task import Task


class Model(nn.Module):
    """What `training.loop` can fit and `training.predict` can ask.

    In fine-tuning forward is `batch -> outputs`, (B, task.outputs): logits of classes or labels, or
    the standardised number; in pretraining `batch, rng -> losses`, unweighted scalars by name.

    Attributes:
        origin: what it was built from; `build` sets it.
    """

    origin: Origin

    @abstractmethod
    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in the encoders of these modalities from now on."""

    @abstractmethod
    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take from initial checkpoints what this model shares with theirs.

        Returns:
            Names of tensors left as they are, as the columns of the data differ.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """

    @property
    def task(self) -> Task:
        """What fine-tuning learns.

        Raises:
            ConfigError: it is a model of pretraining.
        """
        if self.origin.spec.task is None:
            raise ConfigError(
                f"{self.origin.experiment.name} was only pretrained: it has no answers. Give a "
                "fine-tuned run, or use `embed`."
            )
        return self.origin.spec.task

    def label_loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """What fine-tuning minimises, given what forward made of the batch; a scalar."""
        return label_loss(self.task, outputs, batch.target)

    def frozen_encoders(self) -> dict[Modality, Callable[[Batch], Tokens]]:
        """The encoders that never change in this run, if forward takes an `EncodedBatch`."""
        return {}

    def embeddings(self, batch: Batch) -> dict[str, Tensor]:
        """In pretraining, what must not collapse, by name, each (B, D); the batch as it is."""
        return {}

    def after_step(self, share: float) -> None:
        """What follows the weights without a gradient, such as a momentum encoder.

        Args:
            share: of all steps of the run, those done, above 0 and up to 1.
        """

    def save_pretrained(self, folder: Path) -> None:
        """Write model.safetensors and config.json, from which `from_pretrained` rebuilds.

        Args:
            folder: is made if needed.
        """
        save(self, self.origin, folder)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None) -> Self:
        """A model that `save_pretrained` wrote, in eval mode.

        Args:
            source: folder, which needs no network; or the name of a repository of the hub.
            revision: of the repository.

        Raises:
            WeightsError: files that are missing, broken or of another class of model.
        """
        return load(cls, source, revision)


def trained_whole(method: str, modalities: Iterable[Modality]) -> None:
    """Refuse to freeze encoders of a method that is fine-tuned as a whole.

    Raises:
        ConfigError: there is something to freeze.
    """
    if names := sorted(modalities):
        raise ConfigError(
            f"freeze: {method} is fine-tuned as a whole, asked for is to freeze "
            f"{', '.join(names)}. Set freeze: none in methods.{method} of the recipe."
        )
