import pytest
import torch

from lanistr.methods.build import build
from lanistr.models.losses import weighted
from lanistr.models.perceiver import PerceiverFusion

SIZES = {"kind": "perceiver", "hidden": 20, "intermediate": 40, "latents": 6}
MIXED = ("text image timeseries", "text", "image", "timeseries", "image tabular", "")


@pytest.fixture
def model(experiment, spec):
    torch.manual_seed(3)
    everything = ["text", "image", "tabular", "timeseries"]
    return build(experiment("finetune", modalities=everything, fusion=SIZES), spec)


def test_the_recipe_chooses_it(model):
    assert isinstance(model.fusion, PerceiverFusion)
    assert model.fusion.perceiver.config.num_latents == 6
    assert model.fusion.perceiver.config.num_self_attends_per_block == 2


def test_garbage_where_nothing_is_changes_no_output_and_no_gradient(model, batch, with_garbage):
    outputs, gradients = [], []
    for samples in (batch(*MIXED), with_garbage(batch(*MIXED))):
        model.zero_grad()
        outputs.append(model(samples))
        outputs[-1].square().sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    assert torch.equal(*outputs) and outputs[0].isfinite().all()
    assert all(torch.equal(clean, dirty) for clean, dirty in zip(*gradients, strict=True))


def test_what_is_no_token_contributes_nothing(model, batch):
    samples = batch("text image", "image")
    tokens = model.eval().encode(samples)
    whole = model.fuse(tokens)
    image_only = model.fuse({m: t for m, t in tokens.items() if m == "image"})
    torch.testing.assert_close(whole[1], image_only[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole[0], image_only[0])


def test_pretraining_reaches_every_parameter(experiment, spec, batch, rng):
    model = build(experiment(fusion=SIZES, objectives={"text_ratio": 0.6}), spec)
    weighted(model.losses(batch(*MIXED), rng()), model.objectives).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or (p.grad == 0).all()] == []
