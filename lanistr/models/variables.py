"""Time series told variable by variable and by blocks of hours, and what is learned from that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.models.encoders import SideBySide, Tokens, transformer_layers
from lanistr.models.losses import masked_timeseries_loss
from lanistr.models.summaries import COUNTS, SUMMARIES, count, summarise
from lanistr.models.timeseries import SeriesEncoder

if TYPE_CHECKING:
    from lanistr.batch import Batch, InputSpec
    from lanistr.experiments import architecture


class VariablesEncoder(SideBySide, SeriesEncoder):
    """A Transformer over one token per variable and one per block of hours.

    A variable's token says what simple models are told: its first, last, least and greatest value
    and the like, how often it was measured, and how long ago. The others say what was measured in
    their hours. Values enter as asinh, which pulls outliers in; the cost grows with the grid of
    hours and variables, not with its square.

    Source:
        Both axes as in DuETT (Labach et al. 2023). Deviation: it attends over the whole grid,
        and learns what to tell of a variable, for which few stays are too little.
    """

    def __init__(self, settings: architecture.TimeseriesEncoder, spec: InputSpec):
        super().__init__(settings, spec)
        self.block = settings.block_hours
        columns, variables = spec.series_values, spec.series_variables
        self.tokens = variables + blocks(spec, self.block)
        self.told = nn.Parameter(torch.empty(columns, len(SUMMARIES), self.width))
        self.counted = nn.Parameter(torch.empty(variables, len(COUNTS), self.width))
        self.name = nn.Parameter(torch.empty(variables, self.width))
        self.mix = nn.Sequential(nn.GELU(), nn.Linear(self.width, self.width))
        self.enter = nn.Linear(columns + 2 * variables, self.width)
        self.position = nn.Parameter(torch.empty(blocks(spec, self.block), self.width))
        nn.init.normal_(self.told, std=len(SUMMARIES) ** -0.5)
        nn.init.normal_(self.counted, std=len(COUNTS) ** -0.5)
        nn.init.normal_(self.name, std=0.5)
        nn.init.trunc_normal_(self.position, std=0.02)
        self.layers = transformer_layers(settings)
        self.norm = nn.LayerNorm(self.width)

    def enter_tokens(self, values: Tensor, seen: Tensor) -> Tensor:
        """Every variable, measured or not, then every block of hours."""
        values = values.asinh()
        return torch.cat([self.by_variable(values, seen), self.by_block(values, seen)], dim=1)

    def by_variable(self, values: Tensor, seen: Tensor) -> Tensor:
        """What was measured of each variable, (b, V, D)."""
        summaries = summarise(values, seen[..., self.variable])
        columns = torch.einsum("bcn,cnd->bcd", summaries, self.told)
        told = torch.einsum("bvn,vnd->bvd", count(seen).to(values.dtype), self.counted) + self.name
        told = told.index_add(1, self.variable, columns.to(told.dtype))
        return told + self.mix(told)

    def by_block(self, values: Tensor, seen: Tensor) -> Tensor:
        """What was measured in each block of hours, on average and how often, (b, blocks, D)."""
        missing = -values.shape[1] % self.block
        totals, counts = (
            functional.pad(each, (0, 0, 0, missing)).unflatten(1, (-1, self.block)).sum(dim=2)
            for each in (values, seen.to(values.dtype))
        )
        means = totals / counts[..., self.variable].clamp(min=1)
        told = torch.cat([means, counts.clamp(max=1), counts / self.block], dim=-1)
        return self.enter(told) + self.position


class MaskedVariablesHead(nn.Module):
    """Reconstructs a hidden value from the tokens of its variable and block, and its hour."""

    variable: Tensor

    def __init__(self, settings: architecture.TimeseriesEncoder, spec: InputSpec):
        super().__init__()
        width, self.block, self.variables = (
            settings.hidden,
            settings.block_hours,
            spec.series_variables,
        )
        self.from_variable, self.from_block = nn.Linear(width, width), nn.Linear(width, width)
        self.hour = nn.Parameter(torch.empty(spec.series_steps, width))
        self.weight = nn.Parameter(torch.empty(spec.series_values, width))
        self.bias = nn.Parameter(torch.zeros(spec.series_values))
        nn.init.normal_(self.hour, std=0.5)
        nn.init.normal_(self.weight, std=width**-0.5)
        self.register_buffer("variable", torch.tensor(spec.variable_of_value), persistent=False)

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MTM of the masked view, of the values as the encoder reads them."""
        sample, hour, column = hidden[..., self.variable].nonzero(as_tuple=True)
        of_variable = self.from_variable(tokens.states[:, : self.variables])
        of_block = self.from_block(tokens.states[:, self.variables :])
        joined = of_variable[sample, self.variable[column]] + of_block[sample, hour // self.block]
        state = functional.gelu(joined + self.hour[hour])
        prediction = (state * self.weight[column]).sum(dim=-1) + self.bias[column]
        target = batch.series[sample, hour, column].asinh()
        return masked_timeseries_loss(prediction, target, torch.ones_like(target, dtype=torch.bool))


def blocks(spec: InputSpec, hours: int) -> int:
    """How many blocks of so many hours a series has; the last one may be shorter."""
    return -(-spec.series_steps // hours)
