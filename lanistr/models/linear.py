"""The simplest fusion: every token has weights of its own, and nothing is averaged away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Tokens
from lanistr.models.weights import seeded


class LinearFusion(nn.Module):
    """The sum of a linear layer per modality, over all its tokens side by side.

    Of a text it reads [CLS] alone; an absent modality adds nothing. Where each token has a meaning
    of its own, such as a variable, few labels teach what to read of which; what attends over
    tokens, or averages them, has to learn first to tell them apart. It is divided by the root of
    how many numbers it adds up, so that a step of Adam moves it no further for more tokens, and an
    embedding starts near zero.
    """

    def __init__(self, encoders: Iterable[Encoder], width: int):
        super().__init__()
        self.weights = nn.ModuleDict()
        self.tokens = {encoder.modality: encoder.tokens for encoder in encoders}
        for encoder in encoders:
            read = encoder.tokens * encoder.width
            with seeded(f"fusion.linear.{encoder.modality}"):
                self.weights[encoder.modality] = nn.Linear(read, width, bias=False)

    def forward(self, tokens: Mapping[Modality, Tokens]) -> Tensor:
        """Fuse the modalities of each sample, (B, D)."""
        rows = {m: each.side_by_side(self.tokens[m]) for m, each in tokens.items()}
        parts = [self.weights[m](row) / row.shape[1] ** 0.5 for m, row in rows.items()]
        return torch.stack(parts).sum(dim=0)
