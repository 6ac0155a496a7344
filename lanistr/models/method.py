"""What the training loop asks of a model, whichever the method."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from lanistr.config import Modality


class Model(nn.Module):
    """What `training.loop` can fit and `training.predict` can ask.

    In fine-tuning forward is `batch -> logits`, (B, classes), of a regression (B, 1); in
    pretraining `batch, rng -> losses`, unweighted scalars by name.
    """

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

    def after_step(self, share: float) -> None:
        """What follows the weights without a gradient, such as a momentum encoder.

        Args:
            share: of all steps of the run, those done, above 0 and up to 1.
        """
