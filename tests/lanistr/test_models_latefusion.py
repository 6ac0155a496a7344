from dataclasses import replace

import pytest
import torch

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.task import Kind, Task
from tests.lanistr.planted import outcome, planted, shuffled


@pytest.fixture
def model(experiment, spec):
    torch.manual_seed(3)
    return build(experiment("finetune", method="latefusion"), spec)


def test_pooled_embeddings_are_concatenated_and_absent_ones_zero(model, batch):
    samples = batch("text timeseries", "image")
    seen = []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(samples)
    text, image, timeseries = seen[0].split([16, 16, 12], dim=1)
    assert (text[1] == 0).all() and (image[0] == 0).all() and (timeseries[1] == 0).all()
    tokens = model.encoders(samples)
    assert torch.equal(text[0], tokens[Modality.TEXT].states[0, 0])
    assert torch.equal(image[1], tokens[Modality.IMAGE].states[1, 0])
    assert torch.equal(timeseries[0], tokens[Modality.TIMESERIES].states[0].mean(dim=0))


def test_table_rows_are_pooled_over_steps_and_a_regression_has_one_output(experiment, spec, batch):
    hours = replace(spec, task=Task("stay", Kind.REGRESSION, "length of stay", unit="hours"))
    model = build(
        experiment("finetune", method="latefusion", modalities=["text", "tabular"]), hours
    )
    samples = batch("text tabular", "text", "tabular")
    assert model(samples).shape == (3, 1)
    assert model.head[0].in_features == 16 + 8


def test_everything_is_trained(model, batch):
    samples = batch("text image timeseries", "text", "image", "timeseries")
    torch.nn.functional.cross_entropy(model(samples), samples.target[:, 0].long()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_garbage_where_nothing_is_changes_no_loss_and_no_gradient(
    model, batch, assert_garbage_is_unseen
):
    assert_garbage_is_unseen(model, batch("text", "image", "timeseries", "text image"))


def test_encoders_can_start_from_pretraining(model, experiment, spec):
    torch.manual_seed(8)
    state = build(experiment("pretrain"), spec).state_dict()
    before = model.head[0].weight.clone()
    model.load_pretrained_part(state)
    name = "encoders.text.bert.embeddings.word_embeddings.weight"
    assert torch.equal(model.state_dict()[name], state[name])
    assert torch.equal(model.head[0].weight, before)


ALL = ["text image timeseries"] * 32


@pytest.mark.parametrize("where", ["text", "image"])
def test_it_learns_what_is_planted(model, batch, where):
    result = outcome(model, lambda n: planted(batch(*ALL, seed=n), where, n), steps=60, lr=3e-3)
    assert result.last < 0.5 * result.first and result.low > 0.8


def test_it_stays_at_chance_on_shuffled_labels(model, batch):
    result = outcome(
        model, lambda n: shuffled(planted(batch(*ALL, seed=n), "text", n), n), steps=40, lr=3e-3
    )
    assert result.low < 0.5 < result.high
