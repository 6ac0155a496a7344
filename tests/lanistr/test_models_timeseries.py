from dataclasses import replace

import pytest
import torch
from torch import nn

from lanistr.experiments import architecture
from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.losses import masked_timeseries_loss
from lanistr.models.timeseries import MaskedTimeseriesHead, TimeseriesEncoder

SETTINGS = architecture.TimeseriesEncoder(hidden=12, layers=2, heads=2, intermediate=24)


@pytest.fixture
def encoder(spec) -> TimeseriesEncoder:
    torch.manual_seed(0)
    return TimeseriesEncoder(SETTINGS, spec).eval()


def test_tokens_are_those_of_the_library(encoder, batch, spec):
    samples = batch("timeseries", "timeseries")
    layer = nn.TransformerEncoderLayer(12, 2, 24, 0.1, "gelu", batch_first=True, norm_first=True)
    library = nn.TransformerEncoder(layer, 2, nn.LayerNorm(12), enable_nested_tensor=False).eval()
    library.load_state_dict({name: encoder.state_dict()[name] for name in library.state_dict()})
    hours = torch.cat([samples.series, samples.observed.float()], dim=-1)
    expected = library(encoder.enter(hours) + encoder.position)
    torch.testing.assert_close(encoder(samples).states, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        encoder.pooled(encoder(samples)), expected.mean(dim=1), rtol=1e-4, atol=1e-5
    )


def test_layers_start_different(encoder):
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert not torch.equal(first, second)


def test_hours_are_told_apart_by_trainable_positions(encoder, batch):
    samples = batch("timeseries")
    same = replace(samples, observed=torch.zeros_like(samples.observed))
    states = encoder(same).states[0]
    assert not torch.allclose(states[0], states[5])
    assert encoder.position.requires_grad


def test_measurements_are_hidden_per_variable_and_only_where_there_are_any(encoder, batch, rng):
    samples = batch(*["timeseries"] * 30, *["text"] * 5)
    hidden = encoder.hide(samples, Objectives(), rng())
    assert hidden.any()
    assert not (hidden & ~samples.observed).any()
    assert not (hidden & ~samples.has(Modality.TIMESERIES)[:, None, None]).any()


def test_what_is_hidden_looks_like_what_was_never_measured(encoder, batch, spec, rng):
    samples = batch("timeseries", "timeseries")
    hidden = encoder.hide(samples, Objectives(timeseries_ratio=0.3), rng())
    columns = hidden[..., list(spec.variable_of_value)]
    unmeasured = replace(
        samples,
        observed=samples.observed & ~hidden,
        series=samples.series.masked_fill(columns, 0.0),
    )
    assert torch.equal(encoder(samples, hidden).states, encoder(unmeasured).states)
    assert not torch.equal(encoder(samples, hidden).states, encoder(samples).states)


def test_what_fills_an_unmeasured_hour_is_not_read(encoder, batch, spec):
    samples = batch("timeseries")
    columns = samples.observed[..., list(spec.variable_of_value)]
    filled = replace(samples, series=torch.where(columns, samples.series, torch.nan))
    assert torch.equal(encoder(filled).states, encoder(samples).states)


def test_the_loss_is_over_the_columns_of_hidden_variables(encoder, batch, spec, rng):
    samples = batch("timeseries", "timeseries")
    hidden = encoder.hide(samples, Objectives(timeseries_ratio=0.3), rng())
    head = MaskedTimeseriesHead(encoder.width, spec)
    tokens = encoder(samples, hidden)
    expected = masked_timeseries_loss(
        head.reconstruct(tokens.states), samples.series, hidden[..., list(spec.variable_of_value)]
    )
    assert expected > 0
    torch.testing.assert_close(head(tokens, samples, hidden), expected)
