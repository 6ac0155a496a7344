from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from lanistr.experiments.architecture import TabularEncoder
from lanistr.modality import Modality
from lanistr.models.columns import ColumnsEncoder, MaskedColumnsHead
from tests.lanistr.table_rows import REVIEWER, TIME, VOTES, YEAR, hidden_columns

SIZES = TabularEncoder(kind="columns", hidden=8, layers=1, heads=2)


@pytest.fixture
def encoder(spec) -> ColumnsEncoder:
    torch.manual_seed(0)
    return ColumnsEncoder(SIZES, spec).eval()


@pytest.fixture
def head(spec) -> MaskedColumnsHead:
    torch.manual_seed(1)
    return MaskedColumnsHead(SIZES.hidden, spec)


def test_each_column_is_a_token_of_the_rows_that_are_there(encoder, batch):
    samples = batch("tabular", "text", "tabular")
    tokens = encoder(samples)
    assert tokens.states.shape == (3, 4, 8)
    assert tokens.is_token.all(dim=1).tolist() == [True, False, True]
    assert not tokens.states[1].any()
    values = encoder.values(samples)
    reviewer = samples.categories[2, REVIEWER]
    assert torch.equal(values[1, REVIEWER], encoder.embeddings["reviewer"].weight[reviewer])
    assert torch.equal(values[1, TIME], samples.numbers[2, 1] * encoder.direction[1])


def test_what_is_hidden_cannot_be_seen(encoder, batch):
    samples = batch("tabular", "tabular")
    hidden = hidden_columns(samples, REVIEWER, YEAR, VOTES)
    other = replace(
        samples,
        categories=(samples.categories + 1) % torch.tensor([9, 5]),
        numbers=samples.numbers + torch.tensor([1.0, 0.0]),
    )
    assert torch.equal(encoder(samples, hidden).states, encoder(other, hidden).states)
    assert not torch.equal(encoder(samples).states, encoder(other).states)


def test_hidden_categories_are_named_and_hidden_numbers_estimated(encoder, head, batch):
    samples = batch("tabular", "text", "tabular")
    there = samples.has(Modality.TABULAR)
    tokens = encoder(samples)
    year = functional.cross_entropy(
        head.name[YEAR](tokens.states[there, YEAR]), samples.categories[there, YEAR]
    )
    votes = samples.numbers[there, 0].square().mean() / 2  # estimates start at zero
    torch.testing.assert_close(head(tokens, samples, hidden_columns(samples, YEAR)), year)
    torch.testing.assert_close(head(tokens, samples, hidden_columns(samples, VOTES)), votes)
    assert head(tokens, samples, hidden_columns(samples)) == 0
