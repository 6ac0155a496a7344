"""How far a step goes: the rate at each step, and what moves the weights."""

import numpy as np
import pytest
import torch

from lanistr.experiments.config import Optim, Plateau
from lanistr.training.schedule import optimiser, plateaus, rate_at, set_rate


def test_warm_up_then_cosine():
    rates = [rate_at(step, 100, Optim(lr=2, epochs=1, batch_size=1)) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)  # the first step already learns
    assert max(rates) == rates[9] == 2
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_a_constant_rate_stays_after_its_warm_up():
    constant = Optim(lr=2, epochs=1, batch_size=1, schedule="constant", warmup_share=0.1)
    assert [rate_at(step, 20, constant) for step in (0, 1, 2, 19)] == [1, 2, 2, 2]


@pytest.mark.parametrize("patience", [0, 1, 4])
def test_a_plateau_lowers_the_rate_as_torch_does(patience):
    losses = (1 + np.random.default_rng(patience).normal(0, 0.3, 60)).tolist()
    weight = torch.nn.Parameter(torch.zeros(1))
    moved = torch.optim.SGD([weight], lr=0.5)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(moved, factor=0.5, patience=patience, eps=0)
    optim = Optim(
        lr=0.5,
        warmup_share=0,
        epochs=99,
        batch_size=1,
        schedule=Plateau(factor=0.5, patience=patience),
    )
    for epoch, loss in enumerate(losses):
        theirs.step(loss)
        story = [{"valid/loss": each} for each in losses[: epoch + 1]]
        assert rate_at(9, 100, optim, story) == pytest.approx(moved.param_groups[0]["lr"])
    assert plateaus(losses, patience) > 0


def test_the_recipe_chooses_what_moves_the_weights():
    model = torch.nn.Linear(1, 1)
    chosen = Optim(epochs=1, batch_size=1, algorithm="adam", betas=(0.9, 0.9), weight_decay=0.1)
    adam = optimiser(model, (), chosen)
    assert type(adam) is torch.optim.Adam
    assert (adam.defaults["betas"], adam.defaults["weight_decay"]) == ((0.9, 0.9), 0.1)
    assert type(optimiser(model, (), Optim(epochs=1, batch_size=1))) is torch.optim.AdamW


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_of_other_runs_move_at_their_share_of_the_rate(share):
    model = torch.nn.Linear(2, 1)
    model.weight.grad, model.bias.grad = torch.ones(1, 2), torch.ones(1)
    before = model.weight.detach().clone(), model.bias.detach().clone()
    optim = Optim(epochs=1, batch_size=1, weight_decay=0.0, pretrained_lr=share)
    moves = optimiser(model, {"weight"}, optim)
    set_rate(moves, 0.5)
    moves.step()
    torch.testing.assert_close(before[0] - model.weight, torch.full((1, 2), 0.5 * share))
    torch.testing.assert_close(before[1] - model.bias, torch.full((1,), 0.5))
