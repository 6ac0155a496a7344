from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from lanistr.experiments.architecture import TabularEncoder
from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.columns import ColumnsEncoder, MaskedColumnsHead

SIZES = TabularEncoder(kind="columns", hidden=8, layers=1, heads=2)
REVIEWER, YEAR, VOTES, TIME = range(4)


@pytest.fixture
def encoder(spec) -> ColumnsEncoder:
    torch.manual_seed(0)
    return ColumnsEncoder(SIZES, spec).eval()


@pytest.fixture
def head(spec) -> MaskedColumnsHead:
    torch.manual_seed(1)
    return MaskedColumnsHead(SIZES.hidden, spec)


def hidden_columns(samples, *columns: int) -> torch.Tensor:
    hidden = torch.zeros(len(samples), 4, dtype=torch.bool)
    hidden[:, list(columns)] = samples.has(Modality.TABULAR)[:, None]
    return hidden


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


@pytest.mark.parametrize("names", [("text", "image"), ("tabular", "text")])
def test_few_rows_or_none_give_finite_gradients_everywhere(encoder, head, batch, names):
    samples = batch(*names)
    hidden = hidden_columns(samples, REVIEWER)
    head(encoder(samples, hidden), samples, hidden).backward()
    parameters = [*encoder.parameters(), *head.parameters()]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)


def test_feature_modeling_learns_that_one_column_follows_from_another(encoder, head, batch):
    samples = batch(*["tabular"] * 60)
    samples = replace(samples, numbers=samples.numbers[:, :1] * torch.tensor([1.0, -1.0]))
    hidden = hidden_columns(samples, VOTES)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        loss = head(encoder(samples, hidden), samples, hidden)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]


def test_hidden_columns_are_drawn_among_the_rows_that_are_there(encoder, batch, rng):
    samples = batch(*["tabular", "text"] * 200)
    hidden = encoder.hide(samples, Objectives(tabular_ratio=0.3), rng())
    assert not hidden[1::2].any()
    assert hidden[::2].float().mean() == pytest.approx(0.3, abs=0.06)


def test_a_table_may_have_numbers_alone(spec, batch):
    bare = replace(spec, category_names=(), category_sizes=(), identifiers=())
    samples = replace(batch("tabular", "tabular"), categories=torch.zeros(2, 0, dtype=torch.int64))
    assert ColumnsEncoder(SIZES, bare)(samples).states.isfinite().all()
