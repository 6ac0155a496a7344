"""What the encoders have in common: a batch goes in, tokens and a flag per token come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import nn

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lanistr.batch import Batch
    from lanistr.config import Modality, Objectives


@dataclass(frozen=True)
class Tokens:
    """What an encoder made of one modality.

    Attributes:
        states: one vector per token, (B, N, D); finite everywhere.
        is_token: False = padding, or of a sample without the modality, (B, N) bool.
    """

    states: Tensor
    is_token: Tensor

    def first(self, samples: int) -> Tokens:
        """The tokens of the first samples of the batch."""
        return Tokens(self.states[:samples], self.is_token[:samples])


class Encoder(nn.Module, ABC):
    """One modality's encoder.

    Attributes:
        modality: what it reads of a batch.
        width: D, the size of a token.
        bound_to_data: beginnings of the names of tensors that belong to the columns of a dataset,
            and may start anew when weights of another dataset are taken over.
    """

    modality: Modality
    width: int
    bound_to_data: tuple[str, ...] = ()

    @abstractmethod
    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw what a masked view hides: True = hidden, only where the sample has something."""

    @abstractmethod
    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the batch; what is `hidden`, absent or padding cannot influence the tokens."""

    @abstractmethod
    def pooled(self, tokens: Tokens) -> Tensor:
        """One vector per sample, (B, D); zero where the modality is absent."""


class Encoders(nn.ModuleDict):
    """The encoders in use, by modality; frozen ones stay in eval mode whatever the model does."""

    def __init__(self, encoders: Mapping[Modality, Encoder]):
        super().__init__({modality.value: encoder for modality, encoder in encoders.items()})
        self.frozen: set[Modality] = set()

    def forward(
        self, batch: Batch, hidden: Mapping[Modality, Tensor] | None = None
    ) -> dict[Modality, Tokens]:
        """Encode every modality, or those of which `hidden` says what not to see."""
        if hidden is None:
            return {modality: encoder(batch) for modality, encoder in self.by_modality().items()}
        return {modality: self[modality](batch, flags) for modality, flags in hidden.items()}

    def by_modality(self) -> dict[Modality, Encoder]:
        """The encoders with their modality, in enum order."""
        encoders = cast("Iterable[Encoder]", self.values())
        return {encoder.modality: encoder for encoder in encoders}

    def widths(self) -> dict[Modality, int]:
        """The width of each modality's tokens."""
        return {modality: encoder.width for modality, encoder in self.by_modality().items()}

    def bound_to_data(self) -> tuple[str, ...]:
        """Beginnings of the names of tensors that belong to the columns of a dataset."""
        return tuple(
            f"{modality}.{start}"
            for modality, encoder in self.by_modality().items()
            for start in encoder.bound_to_data
        )

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in these encoders from now on."""
        self.frozen |= set(modalities)
        for modality in self.frozen:
            self[modality].requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Encoders:
        """As of any module, except that frozen encoders stay in eval mode."""
        super().train(mode)
        for modality in self.frozen:
            self[modality].eval()
        return self
