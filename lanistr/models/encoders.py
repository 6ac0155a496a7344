"""What the encoders have in common: a batch goes in, tokens and a flag per token come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import nn
from torch.nn import functional

from lanistr.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from lanistr.experiments import architecture
    from lanistr.experiments.objectives import Objectives
    from lanistr.modality import Modality


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

    def rows(self, samples: Tensor) -> Tokens:
        """The tokens of these samples, by position; one may come several times."""
        return Tokens(self.states[samples], self.is_token[samples])

    def only(self, samples: Tensor) -> Tokens:
        """The tokens of these samples, (B,) bool; the others have none."""
        return Tokens(self.states, self.is_token & samples[:, None])

    def side_by_side(self, count: int) -> Tensor:
        """The first tokens in one row, zero where there is none, (B, count * D)."""
        states = self.states.masked_fill(~self.is_token[..., None], 0.0)
        return functional.pad(states, (0, 0, 0, count - states.shape[1])).flatten(1)


@dataclass(frozen=True)
class EncodedBatch(Batch):
    """A batch that brings along what frozen encoders make of it.

    Attributes:
        encoded: by modality; what fills its slot in the batch is not read. Of samples that the
            batch says are without the modality, these tokens do not count either.
    """

    encoded: Mapping[Modality, Tokens] = field(default_factory=dict)

    def _each(self, change: Callable[[Tensor], Tensor]) -> EncodedBatch:
        """The batch with every tensor changed."""
        slots = {slot.name: change(getattr(self, slot.name)) for slot in fields(Batch)}
        encoded = {
            modality: Tokens(change(tokens.states), change(tokens.is_token))
            for modality, tokens in self.encoded.items()
        }
        return EncodedBatch(**slots, encoded=encoded)


def attended(is_token: Tensor) -> Tensor:
    """What may be attended to: real tokens and, as a softmax needs a key, always the first.

    Args:
        is_token: False = padding or absent, (B, N) bool.

    >>> import torch
    >>> attended(torch.tensor([[True, True], [True, False], [False, False]])).int()
    tensor([[1, 1],
            [1, 0],
            [1, 0]], dtype=torch.int32)
    """
    seen = is_token.clone()
    seen[:, 0] = True
    return seen


def read_of(present: Tensor) -> Tensor:
    """The samples that an encoder computes: those with the modality, and at least one.

    Absent ones would cost as much as others.

    Args:
        present: True = the sample has the modality, (B,) bool.

    >>> import torch
    >>> read_of(torch.tensor([False, True, True])), read_of(torch.tensor([False, False]))
    (tensor([False,  True,  True]), tensor([ True, False]))
    """
    return present if present.any() else torch.arange(len(present), device=present.device) == 0


def spread(states: Tensor, read: Tensor, present: Tensor) -> Tokens:
    """The tokens of a batch of which some samples were computed; the states of others are zero.

    Args:
        states: of the samples that were computed, (b, N, D).
        read: see `read_of`.
        present: True = the sample has the modality and tokens, (B,) bool.
    """
    whole = states.new_zeros(len(present), *states.shape[1:])
    whole[read] = states
    return Tokens(whole, present[:, None].expand(whole.shape[:2]))


def transformer_layers(settings: architecture.Transformer) -> nn.Sequential:
    """The layers of a Transformer; nn.TransformerEncoder would start all of them equal."""
    return nn.Sequential(
        *(
            nn.TransformerEncoderLayer(
                settings.hidden,
                settings.heads,
                settings.intermediate,
                settings.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(settings.layers)
        )
    )


class Encoder(nn.Module, ABC):
    """One modality's encoder.

    Attributes:
        modality: what it reads of a batch.
        width: D, the size of a token.
        tokens: N of every sample; or 1, the first, where that differs, as of texts.
        bound_to_data: beginnings of the names of tensors that belong to the columns of a dataset,
            and may start anew when weights of another dataset are taken over.
    """

    modality: Modality
    width: int
    tokens: int = 1
    bound_to_data: tuple[str, ...] = ()

    @abstractmethod
    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw what a masked view hides: True = hidden, only where the sample has something."""

    @abstractmethod
    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the batch; what is `hidden`, absent or padding cannot influence the tokens."""

    @abstractmethod
    def pooled(self, tokens: Tokens) -> Tensor:
        """One vector per sample, (B, pooled_width); zero where the modality is absent."""

    @property
    def pooled_width(self) -> int:
        """Width of that vector; D, unless tokens are not averaged."""
        return self.width


class SideBySide(Encoder):
    """An encoder whose tokens each have a meaning of their own, such as a column of a table."""

    def pooled(self, tokens: Tokens) -> Tensor:
        """All tokens side by side, (B, N * D)."""
        return tokens.side_by_side(self.tokens)

    @property
    def pooled_width(self) -> int:
        """Width of all tokens side by side."""
        return self.tokens * self.width


class Freezable(nn.ModuleDict):
    """Modules by modality; frozen ones stay in eval mode whatever the model does."""

    def __init__(self, modules: Mapping[Modality, nn.Module]):
        super().__init__({modality.value: module for modality, module in modules.items()})
        self.frozen: set[Modality] = set()

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in the modules of these modalities from now on."""
        self.frozen |= set(modalities)
        for modality in self.frozen:
            self[modality].requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As of any module, except that frozen ones stay in eval mode."""
        super().train(mode)
        for modality in self.frozen:
            self[modality].eval()
        return self


class Encoders(Freezable):
    """The encoders in use, by modality."""

    def __init__(self, encoders: Mapping[Modality, Encoder]):
        super().__init__(encoders)

    def forward(
        self, batch: Batch, hidden: Mapping[Modality, Tensor] | None = None
    ) -> dict[Modality, Tokens]:
        """Encode every modality, or those of which `hidden` says what not to see."""
        if hidden is not None:
            return {modality: self[modality](batch, flags) for modality, flags in hidden.items()}
        known = batch.encoded if isinstance(batch, EncodedBatch) else {}
        return {
            modality: known[modality].only(batch.has(modality))
            if modality in known
            else encoder(batch)
            for modality, encoder in self.map_modalities().items()
        }

    def map_modalities(self) -> dict[Modality, Encoder]:
        """The encoders with their modality, in enum order."""
        encoders = cast("Iterable[Encoder]", self.values())
        return {encoder.modality: encoder for encoder in encoders}

    def frozen_ones(self) -> dict[Modality, Encoder]:
        """Those of the encoders that are frozen."""
        return {m: encoder for m, encoder in self.map_modalities().items() if m in self.frozen}

    def widths(self) -> dict[Modality, int]:
        """The width of each modality's tokens."""
        return {modality: encoder.width for modality, encoder in self.map_modalities().items()}

    def bound_to_data(self) -> tuple[str, ...]:
        """Beginnings of the names of tensors that belong to the columns of a dataset."""
        return tuple(
            f"{modality}.{start}"
            for modality, encoder in self.map_modalities().items()
            for start in encoder.bound_to_data
        )
