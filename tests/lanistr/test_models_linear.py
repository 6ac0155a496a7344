import pytest
import torch

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.linear import LinearFusion
from lanistr.models.losses import weighted

SIZES = {"kind": "linear", "hidden": 20}
MIXED = ("text image timeseries", "text", "image", "timeseries", "image tabular", "")


@pytest.fixture
def model(experiment, spec):
    torch.manual_seed(3)
    everything = ["text", "image", "tabular", "timeseries"]
    return build(experiment("finetune", modalities=everything, fusion=SIZES), spec)


def test_the_recipe_chooses_it(model):
    assert isinstance(model.fusion, LinearFusion)


def test_garbage_changes_neither_loss_nor_gradients(model, batch, assert_garbage_is_unseen):
    assert_garbage_is_unseen(model.eval(), batch(*MIXED))


def test_the_embedding_is_the_sum_over_all_tokens_and_of_a_text_its_first(model, batch):
    samples = batch("text image", "timeseries tabular")
    tokens, weights = model.eval().encode(samples), model.fusion.weights
    expected = torch.zeros(2, 20)
    for modality, each in tokens.items():
        states = each.states * each.is_token[..., None]
        read = states[:, :1] if modality == Modality.TEXT else states
        expected += weights[modality](read.flatten(1)) / read[0].numel() ** 0.5
    torch.testing.assert_close(model.fuse(tokens), expected)
    assert not model.fuse(model.encode(batch("", "")))[0].any()


def test_kept_features_may_be_shorter_where_no_sample_has_the_modality(model, batch):
    tokens = model.eval().encode(batch("text", "text"))
    short = Tokens(*(each[:, :1] for each in vars(tokens[Modality.TIMESERIES]).values()))
    assert torch.equal(model.fuse(tokens), model.fuse({**tokens, Modality.TIMESERIES: short}))


def test_pretraining_reaches_every_parameter(experiment, spec, batch, rng):
    model = build(experiment(fusion=SIZES, objectives={"text_ratio": 0.6}), spec)
    weighted(model.losses(batch(*MIXED), rng()), model.objectives).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or (p.grad == 0).all()] == []
