"""Forecasting: from what was seen of a sample before some hour, what is measured after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.batch import Batch
from lanistr.modality import Modality
from lanistr.models.losses import masked_timeseries_loss
from lanistr.models.masking import uniform
from lanistr.models.summaries import COUNTS, average, count
from lanistr.models.timeseries import observed_of

if TYPE_CHECKING:
    from lanistr.batch import InputSpec


class ForecastHead(nn.Module):
    """Tells what follows from the fused embedding: the mean of each value, and how often.

    What is told are fixed orthogonal directions of the embedding, so that it varies as much as the
    future can be foretold, and nowhere else; there a classifier of few labels looks first. A head
    that is learned leaves the embedding as it was at random, and finds in it what it needs.

    Source:
        STraTS (Tipirneni and Reddy 2022) forecasts the values of the next two hours. Deviation:
        means and counts of all that follows, from an embedding of all modalities.
    """

    variable: Tensor
    direction: Tensor

    def __init__(self, width: int, spec: InputSpec):
        super().__init__()
        told = spec.series_values + spec.series_variables * len(COUNTS)
        self.mean = nn.Parameter(torch.zeros(told))
        self.register_buffer("direction", nn.init.orthogonal_(torch.empty(told, width)))
        self.register_buffer("variable", torch.tensor(spec.variable_of_value), persistent=False)

    def forward(self, embeddings: Tensor, batch: Batch, cut: Tensor) -> Tensor:
        """The mean squared error.

        Args:
            embeddings: of the samples before their `cut`, (B, D).
            batch: the samples as they are.
            cut: first hour of each that was not seen, (B,) int64.
        """
        present = batch.has(Modality.TIMESERIES)
        hours = torch.arange(batch.series.shape[1], device=cut.device)
        seen = (observed_of(batch) & (hours >= cut[:, None])[..., None])[present]
        columns = seen[..., self.variable]
        values = batch.series[present].masked_fill(~columns, 0.0).asinh()
        target = torch.cat([average(values, columns), count(seen).flatten(1)], dim=1)
        told = functional.linear(embeddings[present], self.direction, self.mean)
        return masked_timeseries_loss(told, target, torch.ones_like(target, dtype=torch.bool))


def draw_cut(batch: Batch, rng: torch.Generator) -> Tensor:
    """An hour in the middle half of each series, (B,) int64."""
    steps = batch.series.shape[1]
    return ((0.25 + 0.5 * uniform((len(batch),), rng, batch.series.device)) * steps).long()


def before(batch: Batch, cut: Tensor) -> Batch:
    """The batch as it was at some hour: that becomes the end of the series, and hours move there.

    So the last measurements stand where they stand in a whole series; nothing was measured in the
    hours before the first.

    Args:
        batch: the samples.
        cut: first hour of each that is not seen, (B,) int64.

    >>> import torch
    >>> from lanistr.models.forecast import moved
    >>> moved(torch.tensor([[[1.0], [2.0], [3.0], [4.0]]]), torch.tensor([3]))[0, :, 0]
    tensor([0., 1., 2., 3.])
    """
    return replace(batch, series=moved(batch.series, cut), observed=moved(batch.observed, cut))


def moved(hours: Tensor, cut: Tensor) -> Tensor:
    """What stood before the cut, at the end; zero or False before it, (B, S, C)."""
    steps = hours.shape[1]
    source = torch.arange(steps, device=cut.device) + cut[:, None] - steps
    found = hours.gather(1, source.clamp(min=0)[..., None].expand_as(hours))
    return found.masked_fill((source < 0)[..., None], 0)
