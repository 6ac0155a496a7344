"""Time series: a Transformer over hours, and masked time-series modeling."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Tokens, read_of, spread, transformer_layers
from lanistr.models.losses import masked_timeseries_loss
from lanistr.models.masking import hide_events, hide_future, hide_segments

if TYPE_CHECKING:
    from lanistr.batch import Batch, InputSpec
    from lanistr.experiments import architecture


class SeriesEncoder(Encoder):
    """A Transformer over tokens that are made of values and of flags that say what was measured.

    What is hidden looks like what was never measured: value 0, flag 0.
    """

    modality = Modality.TIMESERIES
    variable: Tensor
    layers: nn.Module
    norm: nn.Module

    def __init__(self, settings: architecture.TimeseriesEncoder, spec: InputSpec):
        super().__init__()
        self.width = settings.hidden
        self.register_buffer("variable", torch.tensor(spec.variable_of_value), persistent=False)

    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw the measurements to hide, (B, S, V) bool."""
        observed = observed_of(batch)
        if objectives.timeseries_hides == "future":
            return hide_future(observed, rng)
        hide = hide_events if objectives.timeseries_hides == "events" else hide_segments
        return hide(observed, objectives.timeseries_ratio, objectives.segment_hours, rng)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the series; a present one has all its tokens, measured or not."""
        present = batch.has(Modality.TIMESERIES)
        read = read_of(present)
        seen = observed_of(batch)[read]
        if hidden is not None:
            seen = seen & ~hidden[read]
        values = batch.series[read].masked_fill(~seen[..., self.variable], 0.0)
        return spread(self.norm(self.layers(self.enter_tokens(values, seen))), read, present)

    @abstractmethod
    def enter_tokens(self, values: Tensor, seen: Tensor) -> Tensor:
        """What the Transformer reads.

        Args:
            values: 0 where not measured, (b, S, C).
            seen: True = measured, (b, S, V) bool.

        Returns:
            (b, N, D).
        """


class TimeseriesEncoder(SeriesEncoder):
    """One token per hour, with a learnable position: its values and its observed flags.

    Source:
        LANISTR, after Zerveas et al. 2021. Deviation of the official code: it hands the
        reconstructed values to the fusion, here the states of the encoder go there.
    """

    def __init__(self, settings: architecture.TimeseriesEncoder, spec: InputSpec):
        super().__init__(settings, spec)
        self.tokens = spec.series_steps
        self.enter = nn.Linear(spec.series_values + spec.series_variables, self.width)
        self.position = nn.Parameter(torch.empty(spec.series_steps, self.width))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.layers = transformer_layers(settings)
        self.norm = nn.LayerNorm(self.width)

    def enter_tokens(self, values: Tensor, seen: Tensor) -> Tensor:
        """Every hour, measured or not."""
        return self.enter(torch.cat([values, seen.to(values.dtype)], dim=-1)) + self.position

    def pooled(self, tokens: Tokens) -> Tensor:
        """The mean over hours, (B, D)."""
        return tokens.states.mean(dim=1).masked_fill(~tokens.is_token[:, :1], 0.0)


def observed_of(batch: Batch) -> Tensor:
    """True = measured, and of a sample with a series, (B, S, V) bool."""
    return batch.observed & batch.has(Modality.TIMESERIES)[:, None, None]


class MaskedTimeseriesHead(nn.Module):
    """Reconstructs the hidden values: one linear layer."""

    variable: Tensor

    def __init__(self, width: int, spec: InputSpec):
        super().__init__()
        self.reconstruct = nn.Linear(width, spec.series_values)
        self.register_buffer("variable", torch.tensor(spec.variable_of_value), persistent=False)

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MTM of the masked view."""
        prediction = self.reconstruct(tokens.states)
        return masked_timeseries_loss(prediction, batch.series, hidden[..., self.variable])
