from dataclasses import replace

import pytest
import torch
from transformers import ViTConfig, ViTForMaskedImageModeling

from lanistr.experiments.objectives import Objectives
from lanistr.models.image import ImageEncoder, MaskedImageHead, patches_of


@pytest.fixture
def library(spec) -> ViTForMaskedImageModeling:
    torch.manual_seed(0)
    sizes = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        image_size=spec.image_px,
        patch_size=4,
        encoder_stride=4,
    )
    model = ViTForMaskedImageModeling(sizes).eval()
    torch.nn.init.normal_(model.vit.embeddings.mask_token)
    return model


@pytest.fixture
def encoder(library) -> ImageEncoder:
    return ImageEncoder(library.vit)


def test_tokens_are_those_of_the_library(encoder, library, batch):
    samples = batch("image", "image")
    expected = library.vit(samples.pixels).last_hidden_state
    tokens = encoder(samples)
    assert tokens.is_token.all()
    torch.testing.assert_close(tokens.states, expected)
    torch.testing.assert_close(encoder.pooled(tokens), expected[:, 0])


def test_the_loss_is_that_of_the_library(encoder, library, batch, rng):
    samples = batch("image", "image", "image")
    hidden = encoder.hide(samples, Objectives(), rng())
    head = MaskedImageHead(encoder.width, patch_px=4)
    weight = library.decoder[0].weight.flatten(1)
    head.paint.weight.data, head.paint.bias.data = weight, library.decoder[0].bias.data
    expected = library(samples.pixels, bool_masked_pos=hidden).loss
    loss = head(encoder(samples, hidden), samples, hidden)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)


def test_half_of_the_patches_are_hidden_and_cannot_be_seen(encoder, batch, rng):
    samples = batch("image", "text")
    hidden = encoder.hide(samples, Objectives(), rng())
    assert hidden.sum(dim=1).tolist() == [8, 0]
    covered = hidden.reshape(2, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    other = replace(samples, pixels=torch.where(covered, 0.9, samples.pixels))
    assert torch.equal(encoder(samples, hidden).states, encoder(other, hidden).states)
    assert not torch.equal(encoder(samples).states[:1], encoder(samples, hidden).states[:1])


def test_patches_come_row_by_row():
    pixels = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patches_of(pixels, 2)[0].tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


def test_an_absent_image_is_no_token_and_zero_when_pooled(encoder, batch):
    samples = batch("image", "text")
    samples = replace(samples, pixels=samples.pixels.clone())
    samples.pixels[1] = torch.nan
    tokens = encoder(samples)
    assert tokens.states.isfinite().all()
    assert tokens.is_token.any(dim=1).tolist() == [True, False]
    assert (encoder.pooled(tokens)[1] == 0).all()
