"""How far a step goes: the rate at each step, and what moves the weights."""

import numpy as np
import pytest
import torch

from lanistr.experiments.config import Optim, Plateau
from lanistr.training.schedule import optimiser, plateaus, rate_at


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
    weights = [torch.nn.Parameter(torch.ones(1))]
    chosen = Optim(epochs=1, batch_size=1, algorithm="adam", betas=(0.9, 0.9), weight_decay=0.1)
    adam = optimiser(weights, chosen)
    assert type(adam) is torch.optim.Adam
    assert (adam.defaults["betas"], adam.defaults["weight_decay"]) == ((0.9, 0.9), 0.1)
    assert type(optimiser(weights, Optim(epochs=1, batch_size=1))) is torch.optim.AdamW
