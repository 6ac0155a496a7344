from dataclasses import replace

import pytest
import torch

from lanistr.experiments import architecture
from lanistr.experiments.objectives import Objectives
from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.models.summaries import COUNTS, SUMMARIES, count, summarise
from lanistr.models.variables import MaskedVariablesHead, VariablesEncoder
from tests.lanistr.planted import outcome

SETTINGS = architecture.TimeseriesEncoder(
    kind="variables", hidden=12, layers=2, heads=2, intermediate=24, dropout=0.0, block_hours=4
)
LAST = SUMMARIES.index("last")


@pytest.fixture
def encoder(spec) -> VariablesEncoder:
    torch.manual_seed(0)
    return VariablesEncoder(SETTINGS, spec).eval()


def test_a_token_is_a_variable_or_a_block_of_hours(encoder, batch, spec):
    tokens = encoder(batch("timeseries", "text", "timeseries"))
    assert tokens.states.shape == (3, spec.series_variables + 3, 12)  # 10 hours: 4, 4 and 2
    assert tokens.is_token.all(dim=1).tolist() == [True, False, True]
    pooled = encoder.pooled(tokens)
    assert torch.equal(pooled, tokens.states.flatten(1)) and not pooled[1].any()


def test_what_is_hidden_looks_like_what_was_never_measured(encoder, batch, spec, rng):
    samples = batch("timeseries", "timeseries")
    for hides in ("segments", "events", "future"):
        hidden = encoder.hide(
            samples, Objectives(timeseries_ratio=0.3, timeseries_hides=hides), rng()
        )
        columns = hidden[..., list(spec.variable_of_value)]
        unmeasured = replace(
            samples,
            observed=samples.observed & ~hidden,
            series=samples.series.masked_fill(columns, torch.nan),
        )
        assert torch.equal(encoder(samples, hidden).states, encoder(unmeasured).states)
        assert not torch.equal(encoder(samples, hidden).states, encoder(samples).states)


def test_a_series_without_a_measurement_has_tokens(encoder, batch):
    samples = batch("timeseries")
    empty = replace(samples, observed=torch.zeros_like(samples.observed))
    assert encoder(empty).states.isfinite().all()


def test_every_column_of_a_category_is_told_in_the_token_of_its_variable(encoder, batch):
    samples = batch("timeseries")
    samples = replace(samples, observed=torch.ones_like(samples.observed))
    seen = samples.observed
    told = encoder.by_variable(samples.series, seen)
    for column, variable in enumerate(encoder.variable):
        other = samples.series.clone()
        other[..., column] += 1
        changed = (encoder.by_variable(other, seen) != told).any(dim=2)[0]
        assert changed.nonzero()[:, 0].tolist() == [variable]


@pytest.mark.parametrize("hours", [1, 7])
def test_summaries_are_those_of_the_measured_hours_alone(hours):
    rng = torch.Generator().manual_seed(hours)
    values = torch.randn(3, 12, 2, generator=rng)
    seen = torch.zeros(3, 12, 2, dtype=torch.bool)
    seen[:, torch.randperm(12, generator=rng)[:hours]] = True
    told = dict(zip(SUMMARIES, summarise(values, seen).unbind(dim=2), strict=True))
    there = values[seen].view(3, hours, 2)
    torch.testing.assert_close(told["mean"], there.mean(dim=1))
    torch.testing.assert_close(told["spread"], there.std(dim=1, correction=0))
    for name, expected in (("least", there.amin(dim=1)), ("greatest", there.amax(dim=1))):
        assert torch.equal(told[name], expected)
    assert torch.equal(told["first"], there[:, 0]) and torch.equal(told["last"], there[:, -1])
    nothing = torch.zeros_like(seen)
    assert not summarise(values * nothing, nothing).any() and not count(nothing).any()
    assert count(seen).shape == (3, 2, len(COUNTS))


def test_the_loss_is_over_what_is_hidden_alone(encoder, batch, spec, rng):
    samples = batch("timeseries", "timeseries")
    hidden = encoder.hide(samples, Objectives(timeseries_ratio=0.3), rng())
    head, tokens = MaskedVariablesHead(SETTINGS, spec), encoder(samples, hidden)
    loss = head(tokens, samples, hidden)
    assert loss > 0 and head(tokens, samples, torch.zeros_like(hidden)) == 0
    seen = ~hidden[..., list(spec.variable_of_value)]
    spoilt = replace(samples, series=samples.series.masked_fill(seen, torch.nan))
    assert torch.equal(head(tokens, spoilt, hidden), loss)
    spoilt = replace(samples, series=samples.series + 1)
    assert not torch.equal(head(tokens, spoilt, hidden), loss)


def tiny(experiment, stage, **parts):
    return experiment(
        stage,
        modalities=["timeseries", "tabular"],
        encoders={"timeseries": SETTINGS.model_dump(), "tabular": {"kind": "columns", "hidden": 8}},
        **parts,
    )


def test_garbage_changes_neither_losses_nor_gradients(
    experiment, spec, batch, rng, assert_garbage_is_unseen
):
    torch.manual_seed(0)
    samples = batch("timeseries tabular", "text", "tabular", "timeseries", "text image")
    assert_garbage_is_unseen(build(tiny(experiment, "finetune"), spec).eval(), samples)
    objectives = {"mfm": 1.0, "tabular_ratio": 0.5, "mmm": 0.0}
    model = build(tiny(experiment, "pretrain", objectives=objectives), spec).eval()
    assert_garbage_is_unseen(
        model, samples, lambda model, each: sum(model.losses(each, rng()).values())
    )


@pytest.mark.parametrize("method", ["lanistr", "latefusion"])
def test_it_learns_a_label_that_is_a_last_value(experiment, spec, batch, method):
    def make(number: int):
        samples = batch(*["timeseries"] * 32, seed=number)
        hour = torch.where(samples.observed[..., 1], torch.arange(10), -1).amax(dim=1)
        last = samples.series[torch.arange(32), hour.clamp(min=0), 3]
        return replace(samples, target=(last > 0)[:, None].float())

    torch.manual_seed(0)
    learned = outcome(
        build(tiny(experiment, "finetune", method=method), spec), make, steps=60, lr=3e-3
    )
    assert learned.low > 0.75
    assert learned.last < learned.first


def test_weights_of_pretraining_are_taken_over(experiment, spec):
    before = build(tiny(experiment, "pretrain"), spec)
    after = build(tiny(experiment, "finetune"), spec)
    assert after.load_pretrained_part(before.state_dict()) == ()
    told = after.encoder_modules()[Modality.TIMESERIES].told
    assert torch.equal(told, before.encoder_modules()[Modality.TIMESERIES].told)
