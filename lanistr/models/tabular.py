"""Table rows: TabNet, and masked feature modeling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Tokens
from lanistr.models.losses import masked_feature_loss
from lanistr.models.masking import hide_columns
from lanistr.models.tabnet import column_of_value, tabnet_decoder, tabnet_encoder

if TYPE_CHECKING:
    from lanistr.batch import Batch, InputSpec
    from lanistr.experiments import architecture


class RowsEncoder(Encoder):
    """What reads rows of a table, of which a masked view hides whole columns."""

    modality = Modality.TABULAR
    columns: int

    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw the columns to hide, (B, columns) bool."""
        present = batch.has(Modality.TABULAR)
        return hide_columns(present, self.columns, objectives.tabular_ratio, rng)


class TabularEncoder(RowsEncoder):
    """TabNet; one token per decision step.

    A row becomes P values: a learned embedding of each identifier, a one-hot vector of each other
    category, and the numbers. Only rows that are there are computed, and make up the statistics
    of the batch normalisation.

    Source:
        LANISTR; TabNet. Deviations of the official code: it attends to single values, not to
        columns; it embeds every category; it hands the sum over the steps to the fusion.
    """

    bound_to_data = (
        "embeddings.",
        "tabnet.initial_bn.",
        "tabnet.initial_splitter.shared.shared_layers.0.",
        "tabnet.att_transformers.",
    )
    column: Tensor

    def __init__(self, settings: architecture.TabularEncoder, spec: InputSpec):
        super().__init__()
        self.width, self.tokens = settings.hidden, settings.steps
        self.sizes = dict(zip(spec.category_names, spec.category_sizes, strict=True))
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(self.sizes[name], settings.embedding) for name in spec.identifiers}
        )
        wide = {**self.sizes, **dict.fromkeys(spec.identifiers, settings.embedding)}
        widths = [*wide.values(), *[1] * len(spec.number_names)]
        self.columns = len(widths)
        self.register_buffer("column", column_of_value(widths), persistent=False)
        self.tabnet = tabnet_encoder(settings, widths)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the rows; a hidden column is zero and gets no attention."""
        present = batch.has(Modality.TABULAR)
        values = self.values(batch)
        shown = values.new_ones(len(values), self.columns)
        if hidden is not None:
            shown = shown.masked_fill(hidden[present], 0.0)
        steps, _ = self.tabnet(values * shown[:, self.column], prior=shown)
        there = torch.stack(steps, dim=1)
        states = there.new_zeros(len(batch), *there.shape[1:])
        states[present] = there
        return Tokens(states, present[:, None].expand(states.shape[:2]))

    def values(self, batch: Batch) -> Tensor:
        """What there is to see of the rows that are there, (rows, P) float32."""
        present = batch.has(Modality.TABULAR)
        codes, numbers = batch.categories[present].unbind(dim=1), batch.numbers[present]
        columns = [
            self.embeddings[name](code)
            if name in self.embeddings
            else functional.one_hot(code, size).to(numbers.dtype)
            for (name, size), code in zip(self.sizes.items(), codes, strict=True)
        ]
        return torch.cat([*columns, numbers], dim=1)

    def pooled(self, tokens: Tokens) -> Tensor:
        """The sum over the steps, as in TabNet, (B, D)."""
        return tokens.states.sum(dim=1)


class MaskedTabularHead(nn.Module):
    """Reconstructs the hidden columns: TabNet's decoder."""

    column: Tensor

    def __init__(
        self,
        settings: architecture.TabularEncoder,
        values: Callable[[Batch], Tensor],
        column: Tensor,
    ):
        """Take from the encoder how it sees a batch, and which column each value belongs to."""
        super().__init__()
        self.values = values
        self.register_buffer("column", column, persistent=False)
        self.decoder = tabnet_decoder(settings, len(column))

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MFM of the masked view."""
        present = batch.has(Modality.TABULAR)
        prediction = self.decoder(tokens.states[present].unbind(dim=1))
        return masked_feature_loss(prediction, self.values(batch), hidden[present][:, self.column])
