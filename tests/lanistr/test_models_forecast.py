from dataclasses import replace

import pytest
import torch

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.models.forecast import ForecastHead, before, draw_cut
from lanistr.models.losses import weighted

FORECAST = {"forecast": 1.0, "mlm": 0.0, "mim": 0.0, "mtm": 0.0, "mmm": 0.0}
MIXED = ("text image timeseries", "text", "image", "timeseries", "image tabular", "")


def test_what_was_before_the_cut_becomes_the_end_of_the_series(batch):
    samples = batch("timeseries", "timeseries")
    seen = before(samples, torch.tensor([4, 10]))
    assert torch.equal(seen.series[0, 6:], samples.series[0, :4])
    assert torch.equal(seen.observed[0, 6:], samples.observed[0, :4])
    assert not seen.series[0, :6].any() and not seen.observed[0, :6].any()
    assert torch.equal(seen.series[1], samples.series[1])


def test_the_cut_is_in_the_middle_half(batch, rng):
    cut = draw_cut(batch(*["timeseries"] * 500), rng())
    assert cut.min() == 2 and cut.max() == 7  # of 10 hours


def test_what_is_foretold_is_what_follows_the_cut(spec, batch):
    samples, cut = batch("timeseries", "text"), torch.tensor([4, 4])
    head = ForecastHead(16, spec)
    loss = head(torch.zeros(2, 16), samples, cut)
    past, future, absent = (samples.series.clone() for _ in range(3))
    past[0, :4] += 1
    future[0, 4:] += 1
    absent[1] = torch.nan
    assert torch.equal(head(torch.zeros(2, 16), replace(samples, series=past), cut), loss)
    assert torch.equal(head(torch.zeros(2, 16), replace(samples, series=absent), cut), loss)
    assert not torch.equal(head(torch.zeros(2, 16), replace(samples, series=future), cut), loss)
    nobody = replace(samples, present=torch.zeros_like(samples.present))
    assert head(torch.zeros(2, 16), nobody, cut) == 0


@pytest.mark.parametrize("kind", ["transformer", "linear"])
def test_forecasting_alone_reaches_encoders_and_fusion(experiment, spec, batch, rng, kind):
    settings = experiment(objectives=FORECAST, fusion={"kind": kind})
    assert settings.losses == ("forecast",)
    model = build(settings, spec)
    weighted(model.losses(batch(*MIXED), rng()), model.objectives).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or (p.grad == 0).all()] == []


def test_garbage_changes_neither_losses_nor_gradients(
    experiment, spec, batch, rng, assert_garbage_is_unseen
):
    torch.manual_seed(0)
    model = build(experiment(objectives={**FORECAST, "mim": 1.0, "mtm": 1.0}), spec).eval()
    assert_garbage_is_unseen(
        model, batch(*MIXED), lambda model, each: sum(model.losses(each, rng()).values())
    )


def test_without_series_there_is_nothing_to_forecast(experiment):
    assert "forecast" not in experiment(objectives={"forecast": 1.0}, modalities=["text"]).losses


def test_it_learns_that_the_future_is_like_the_past(experiment, spec, batch, rng):
    model = build(
        experiment(modalities=["timeseries"], objectives=FORECAST, fusion={"kind": "linear"}), spec
    )
    samples = batch(*["timeseries"] * 64)
    level = torch.randn(64, 1, spec.series_values, generator=rng(5))
    samples = replace(samples, series=level.expand_as(samples.series))
    optimiser, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for step in range(60):
        loss = model.losses(samples, rng(step))["forecast"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]
    assert model.encoder_modules().keys() == {Modality.TIMESERIES}
