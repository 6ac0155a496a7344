from dataclasses import replace

import pytest
import torch

from lanistr.experiments.architecture import TabularEncoder
from lanistr.modality import Modality
from lanistr.models import tabular
from lanistr.models.tabular import MaskedTabularHead
from tests.lanistr.table_rows import REVIEWER, VOTES, YEAR, hidden_columns

PRESENT = ("tabular", "text", "tabular image", "tabular", "image", "tabular", "tabular")
SIZES = TabularEncoder(hidden=8, steps=3, ghost_batch=4)


@pytest.fixture
def encoder(spec) -> tabular.TabularEncoder:
    torch.manual_seed(0)
    return tabular.TabularEncoder(SIZES, spec)


@pytest.fixture
def head(encoder) -> MaskedTabularHead:
    torch.manual_seed(1)
    return MaskedTabularHead(SIZES, encoder.values, encoder.column)


def test_a_row_is_an_embedding_a_one_hot_vector_and_numbers(encoder, batch):
    samples = batch("tabular", "text", "tabular")
    values = encoder.values(samples)
    assert values.shape == (2, 3 + 5 + 2)
    reviewer, year = samples.categories[2]
    assert torch.equal(values[1, :3], encoder.embeddings["reviewer"].weight[reviewer])
    assert values[1, 3:8].tolist() == [float(place == year) for place in range(5)]
    assert torch.equal(values[1, 8:], samples.numbers[2])
    assert encoder.column.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 3]


def test_each_step_is_a_token_of_the_rows_that_are_there(encoder, batch):
    samples = batch(*PRESENT)
    tokens = encoder(samples)
    assert tokens.states.shape == (7, 3, 8)
    assert torch.equal(tokens.is_token, samples.has(Modality.TABULAR)[:, None].expand(-1, 3))
    assert (tokens.states[~tokens.is_token] == 0).all()
    assert torch.equal(encoder.pooled(tokens), tokens.states.sum(dim=1))


def test_statistics_are_those_of_the_rows_that_are_there(encoder, spec, batch, with_garbage):
    samples = batch(*PRESENT)
    other = tabular.TabularEncoder(SIZES, spec)
    other.load_state_dict(encoder.state_dict())
    there = samples.has(Modality.TABULAR)
    only = replace(samples, **{name: getattr(samples, name)[there] for name in vars(samples)})
    encoder(with_garbage(samples))
    other(only)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    assert encoder.tabnet.initial_bn.running_mean.abs().sum() > 0


def test_what_is_hidden_cannot_be_seen(encoder, batch):
    samples = batch("tabular", "tabular")
    hidden = hidden_columns(samples, REVIEWER, YEAR, VOTES)
    other = replace(
        samples,
        categories=(samples.categories + 1) % torch.tensor([9, 5]),
        numbers=samples.numbers + torch.tensor([1.0, 0.0]),
    )
    encoder.eval()
    seen, still = encoder(samples, hidden), encoder(other, hidden)
    assert torch.equal(seen.states, still.states)
    assert not torch.equal(encoder(samples).states, encoder(other).states)


def test_only_hidden_columns_are_scored(encoder, head, batch):
    samples = batch(*PRESENT)
    hidden = hidden_columns(samples, VOTES)
    head.eval(), encoder.eval()
    loss = head(encoder(samples, hidden), samples, hidden)
    prediction = head.decoder(
        encoder(samples, hidden).states[samples.has(Modality.TABULAR)].unbind(1)
    )
    votes = samples.numbers[samples.has(Modality.TABULAR), 0]
    expected = (prediction[:, 8] - votes).square().mean() / votes.var(correction=0)
    torch.testing.assert_close(loss, expected)
    assert head(encoder(samples), samples, torch.zeros_like(hidden)) == 0
