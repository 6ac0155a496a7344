"""Table rows: a Transformer over columns, and masked feature modeling from its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.experiments.architecture import Transformer
from lanistr.modality import Modality
from lanistr.models.encoders import SideBySide, Tokens, spread, transformer_layers
from lanistr.models.tabular import RowsEncoder

if TYPE_CHECKING:
    from lanistr.batch import Batch, InputSpec
    from lanistr.experiments import architecture


class ColumnsEncoder(SideBySide, RowsEncoder):
    """A Transformer with a token per column: the embedding of a category, or of a number.

    Source:
        FT-Transformer (Gorishniy et al. 2021). Deviation: no [CLS], as the fusion has one.
    """

    bound_to_data = ("embeddings.", "direction", "column")

    def __init__(self, settings: architecture.TabularEncoder, spec: InputSpec):
        super().__init__()
        self.width = settings.hidden
        sizes = zip(spec.category_names, spec.category_sizes, strict=True)
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(size, self.width) for name, size in sizes}
        )
        self.columns = self.tokens = len(spec.category_names) + len(spec.number_names)
        self.direction = nn.Parameter(torch.empty(len(spec.number_names), self.width))
        self.column = nn.Parameter(torch.empty(self.columns, self.width))
        nn.init.normal_(self.direction)
        nn.init.normal_(self.column)
        self.layers = transformer_layers(
            Transformer(
                hidden=self.width,
                layers=settings.layers,
                heads=settings.heads,
                intermediate=2 * self.width,
            )
        )
        self.norm = nn.LayerNorm(self.width)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the rows; of a hidden column only its name is left."""
        present = batch.has(Modality.TABULAR)
        states = self.values(batch)
        if hidden is not None:
            states = states.masked_fill(hidden[present][..., None], 0.0)
        return spread(self.norm(self.layers(self.column + states)), present, present)

    def values(self, batch: Batch) -> Tensor:
        """What the columns of the rows that are there hold, (rows, columns, D)."""
        present = batch.has(Modality.TABULAR)
        codes, numbers = batch.categories[present].unbind(dim=1), batch.numbers[present]
        embedded = [each(code) for each, code in zip(self.embeddings.values(), codes, strict=True)]
        return torch.cat(
            [*(each[:, None] for each in embedded), numbers[..., None] * self.direction], dim=1
        )


class MaskedColumnsHead(nn.Module):
    """Names hidden categories and estimates hidden numbers, a linear layer per column."""

    def __init__(self, width: int, spec: InputSpec):
        super().__init__()
        self.name = nn.ModuleList(nn.Linear(width, size) for size in spec.category_sizes)
        self.estimate = nn.Parameter(torch.zeros(len(spec.number_names), width))
        self.bias = nn.Parameter(torch.zeros(len(spec.number_names)))

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MFM of the masked view: nats of a category, half the squared error of a number."""
        present, codes = batch.has(Modality.TABULAR), len(self.name)
        states, hidden = tokens.states[present], hidden[present]
        categories = batch.categories[present].unbind(dim=1)
        named = [
            functional.cross_entropy(name(state).float(), code, reduction="none")
            for name, state, code in zip(self.name, states.unbind(dim=1), categories, strict=False)
        ]
        estimated = (states[:, codes:] * self.estimate).sum(dim=-1) + self.bias
        missed = (estimated.float() - batch.numbers[present]).square() / 2
        lost = torch.cat([*(each[:, None] for each in named), missed], dim=1)
        return lost.masked_fill(~hidden, 0.0).sum() / hidden.sum().clamp(min=1)
