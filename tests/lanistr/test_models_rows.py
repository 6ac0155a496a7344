"""What holds for every encoder of table rows, whatever its tokens."""

from dataclasses import replace

import pytest
import torch

from lanistr.experiments.architecture import TabularEncoder
from lanistr.experiments.objectives import Objectives
from lanistr.models import columns, tabular
from tests.lanistr.table_rows import REVIEWER, VOTES, hidden_columns

TABNET = TabularEncoder(hidden=8, steps=3, ghost_batch=4)
COLUMNS = TabularEncoder(kind="columns", hidden=8, layers=1, heads=2)


@pytest.fixture(params=["tabnet", "columns"])
def construct(request):
    """What makes an encoder of the data's columns."""
    if request.param == "tabnet":
        return lambda spec: tabular.TabularEncoder(TABNET, spec)
    return lambda spec: columns.ColumnsEncoder(COLUMNS, spec)


@pytest.fixture
def encoder(construct, spec):
    torch.manual_seed(0)
    return construct(spec)


@pytest.fixture
def head(encoder, spec):
    torch.manual_seed(1)
    if isinstance(encoder, tabular.TabularEncoder):
        return tabular.MaskedTabularHead(TABNET, encoder.values, encoder.column)
    return columns.MaskedColumnsHead(COLUMNS.hidden, spec)


@pytest.mark.parametrize("names", [("text", "image"), ("tabular", "text"), ("text",)])
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
    assert losses[-1] < 0.25  # as good as the mean of the batch: 1 of TabNet, 0.5 of columns
    assert losses[-1] < losses[0] / 4


def test_hidden_columns_are_drawn_among_the_rows_that_are_there(encoder, batch, rng):
    samples = batch(*["tabular", "text"] * 200)
    hidden = encoder.hide(samples, Objectives(tabular_ratio=0.3), rng())
    assert not hidden[1::2].any()
    assert hidden[::2].float().mean() == pytest.approx(0.3, abs=0.06)


def test_a_table_may_have_numbers_alone(construct, spec, batch):
    bare = replace(spec, category_names=(), category_sizes=(), identifiers=())
    samples = replace(batch("tabular", "tabular"), categories=torch.zeros(2, 0, dtype=torch.int64))
    assert construct(bare)(samples).states.isfinite().all()
