"""Encoders compute only samples that have their modality, and may be handed their tokens."""

from dataclasses import replace

import pytest
import torch

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.models.encoders import EncodedBatch, Tokens

MIXED = ("text image", "timeseries", "text", "image timeseries")


@pytest.fixture
def model(experiment, spec):
    torch.manual_seed(0)
    return build(experiment("finetune"), spec)


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TIMESERIES])
def test_absent_samples_are_not_computed_and_change_nothing(model, batch, modality, monkeypatch):
    samples, encoder = batch(*MIXED), model.encoder_modules()[modality]
    tokens = encoder(samples)
    everyone = f"lanistr.models.{modality}.read_of"
    monkeypatch.setattr(everyone, lambda present: torch.ones_like(present))
    everything = encoder(samples)
    there = samples.has(modality)
    assert torch.equal(tokens.is_token, everything.is_token)
    torch.testing.assert_close(tokens.states[there], everything.states[there])
    assert not tokens.states[~there].any()


def test_encoders_without_a_sample_get_gradients_of_zero(model, batch):
    """Processes of one run average the gradients of every weight, whatever each of them sees."""
    model(batch("text", "text")).sum().backward()
    for name, weight in model.encoders.named_parameters():
        assert weight.grad is not None, name
        if not name.startswith("text"):
            assert not weight.grad.any(), name


def test_tokens_that_a_batch_brings_along_stand_for_the_encoder(model, batch):
    samples = batch(*MIXED)
    known = {Modality.IMAGE: model.encode(samples)[Modality.IMAGE]}
    spoilt = replace(samples, pixels=torch.full_like(samples.pixels, torch.nan))
    brought = EncodedBatch(**vars(spoilt), encoded=known)
    torch.testing.assert_close(model(brought.to("cpu")), model(samples))
    twice = brought.repeated(2)
    assert isinstance(twice, EncodedBatch)
    assert isinstance(twice.encoded[Modality.IMAGE], Tokens)
    assert len(twice.encoded[Modality.IMAGE].states) == 2 * len(samples)
