from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel

from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.losses import masked_language_loss
from lanistr.models.text import MaskedLanguageHead, TextEncoder


@pytest.fixture
def encoder(spec) -> TextEncoder:
    torch.manual_seed(0)
    sizes = BertConfig(
        vocab_size=spec.vocab_size,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=spec.max_tokens,
    )
    return TextEncoder(BertModel(sizes, add_pooling_layer=False), spec).eval()


def test_tokens_are_those_of_the_library(encoder, batch):
    samples = batch("text", "text", "text")
    expected = encoder.bert(samples.tokens, attention_mask=samples.is_token.long())
    tokens = encoder(samples)
    assert torch.equal(tokens.is_token, samples.is_token)
    torch.testing.assert_close(
        tokens.states[samples.is_token], expected.last_hidden_state[samples.is_token]
    )
    torch.testing.assert_close(encoder.pooled(tokens), expected.last_hidden_state[:, 0])


def test_words_are_hidden_but_not_padding_special_or_absent_ones(encoder, batch, spec, rng):
    samples = batch(*["text"] * 40, *["image"] * 5)
    hidden = encoder.hide(samples, Objectives(text_ratio=0.5), rng())
    assert hidden.any()
    assert not (hidden & ~samples.is_token).any()
    assert not (hidden & ~samples.has(Modality.TEXT)[:, None]).any()
    assert not set(samples.tokens[hidden].tolist()) & set(spec.special_token_ids)


def test_what_is_hidden_cannot_be_seen(encoder, batch, rng):
    samples = batch("text", "text")
    hidden = encoder.hide(samples, Objectives(text_ratio=0.5), rng())
    other = replace(samples, tokens=torch.where(hidden, 7, samples.tokens))
    assert not torch.equal(other.tokens, samples.tokens)
    assert torch.equal(encoder(samples, hidden).states, encoder(other, hidden).states)
    assert not torch.equal(encoder(samples).states, encoder(samples, hidden).states)


def test_padding_changes_nothing(encoder, batch):
    samples = batch("text", "text")
    wider = replace(
        samples,
        tokens=torch.nn.functional.pad(samples.tokens[:, :8], (0, 4), value=9),
        is_token=torch.nn.functional.pad(samples.is_token[:, :8], (0, 4)),
    )
    narrow = replace(samples, tokens=samples.tokens[:, :8], is_token=samples.is_token[:, :8])
    real = narrow.is_token
    torch.testing.assert_close(
        encoder(wider).states[:, :8][real], encoder(narrow).states[real], rtol=1e-4, atol=1e-5
    )


def test_an_absent_text_is_no_token_and_finite(encoder, batch):
    samples = batch("image", "text")
    tokens = encoder(samples)
    assert tokens.states.isfinite().all()
    assert not tokens.is_token[0].any()
    assert (encoder.pooled(tokens)[0] == 0).all()


def test_the_loss_is_over_hidden_words_only(encoder, batch, spec, rng):
    samples = batch("text", "text")
    hidden = encoder.hide(samples, Objectives(text_ratio=0.4), rng())
    head = MaskedLanguageHead(encoder.width, spec.vocab_size, spec.pad_token_id)
    tokens = encoder(samples, hidden)
    labels = samples.tokens.masked_fill(~hidden, -100)
    torch.testing.assert_close(
        head(tokens, samples, hidden), masked_language_loss(head.decode(tokens.states), labels)
    )
