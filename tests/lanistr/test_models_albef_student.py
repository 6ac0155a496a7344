"""The two halves of BERT: the text encoder, and the fusion that also reads the image."""

import pytest
import torch

from lanistr.errors import ConfigError
from lanistr.methods.parts import build_text
from lanistr.modality import Modality
from lanistr.models.weights import seeded
from tests.lanistr.tiny_albef import SIZES, tiny_albef

pytestmark = pytest.mark.usefixtures("no_network")
TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PAIR = "text image"


@pytest.fixture
def make(experiment, spec):
    return tiny_albef(experiment, spec)


def test_without_images_both_halves_are_the_librarys_bert(make, experiment, spec, batch):
    student = make("finetune").student.eval()
    torch.manual_seed(3)
    sizes = experiment(encoders={"text": {**SIZES, "layers": 4}}).encoders.text
    with seeded("encoders.text"):
        bert = build_text(sizes, spec).bert.eval()
    samples = batch(PAIR, PAIR)
    states = student.encoders[TEXT](samples).states
    assert len(student.encoders[TEXT].bert.encoder.layer) == len(student.fusion.layers) == 2
    mask = samples.is_token[:, None, None].expand(-1, -1, states.shape[1], -1)
    for layer in student.fusion.layers:
        states = layer(states, mask)
    expected = bert(samples.tokens, attention_mask=samples.is_token).last_hidden_state
    torch.testing.assert_close(states[samples.is_token], expected[samples.is_token])


def test_a_later_token_changes_an_earlier_state_in_both_halves(make, batch):
    student = make("finetune").student.eval()
    samples = batch(PAIR, PAIR)
    tokens = student.encoders(samples)
    changed = samples.tokens.clone()
    changed[0, 3] = 7 if changed[0, 3] != 7 else 8
    later = student.encoders[TEXT](type(samples)(**{**vars(samples), "tokens": changed}))
    assert not torch.equal(later.states[0, 0], tokens[TEXT].states[0, 0])
    states = tokens[TEXT].states.clone()
    states[0, 3] += 1.0
    before = student.fusion(tokens[TEXT], tokens[IMAGE]).states
    after = student.fusion(type(later)(states, later.is_token), tokens[IMAGE]).states
    assert not torch.equal(after[0, 0], before[0, 0])
    assert torch.equal(after[1], before[1])


def test_each_token_sees_the_image(make, batch):
    student = make("finetune").student.eval()
    samples = batch(PAIR)
    tokens = student.encoders(samples)
    image = type(tokens[IMAGE])(tokens[IMAGE].states + 1.0, tokens[IMAGE].is_token)
    before = student.fusion(tokens[TEXT], tokens[IMAGE]).states
    after = student.fusion(tokens[TEXT], image).states
    assert ((after - before).abs().amax(dim=2) > 0).all()


def test_padding_changes_nothing(make, batch, spec):
    model = make("finetune").eval()
    samples = batch(PAIR, PAIR, "image")
    short = samples.tokens[1:, : int(samples.is_token[1].sum())]
    assert short.shape[1] < samples.tokens.shape[1]
    alone = type(samples)(
        **{
            name: value[1:, : short.shape[1]] if name in ("tokens", "is_token") else value[1:]
            for name, value in vars(samples).items()
        }
    )
    torch.testing.assert_close(model(alone), model(samples)[1:])


def test_text_and_image_must_be_of_one_width(make):
    narrow = {"text": SIZES, "image": {**SIZES, "hidden": 8, "patch_px": 4}}
    with pytest.raises(ConfigError, match=r"found widths \[8, 16\]"):
        make("finetune", encoders=narrow)


def test_frozen_encoders_get_no_gradient(make, batch):
    model = make("finetune")
    model.freeze([IMAGE])
    samples = batch(PAIR, PAIR)
    model.label_loss(model(samples), samples).backward()
    student = model.student
    assert all(p.grad is None for p in student.encoders[IMAGE].parameters())
    assert all(p.grad is not None for p in student.fusion.parameters())
