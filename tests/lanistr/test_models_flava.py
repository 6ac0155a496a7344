import pytest
import torch
from transformers import FlavaConfig, FlavaForPreTraining

from lanistr.errors import ConfigError, WeightsError
from lanistr.methods.build import build
from lanistr.models.image import renormalised
from tests.lanistr.planted import outcome, planted, shuffled

pytestmark = pytest.mark.usefixtures("no_network")
PAIR = "text image"
SIZES = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.0}


@pytest.fixture
def make(experiment, spec):
    def flava(**changes):
        torch.manual_seed(3)
        settings = {"method": "flava", "modalities": ["text", "image"]}
        return build(experiment("finetune", **(settings | changes)), spec)

    return flava


def test_it_is_the_librarys_own_forward(make, batch):
    model = make().eval()
    samples = batch(PAIR, PAIR, PAIR)
    theirs = model.flava(
        input_ids=samples.tokens,
        attention_mask=samples.is_token,
        pixel_values=renormalised(samples.pixels),
    )
    torch.testing.assert_close(model.embed(samples), theirs.multimodal_embeddings[:, 0])


def test_garbage_where_nothing_is_changes_no_loss_and_no_gradient(
    make, batch, assert_garbage_is_unseen
):
    assert_garbage_is_unseen(make(), batch(PAIR, "text", "image", ""))


def test_an_absent_modality_is_not_attended_to(make, batch):
    """The library itself would let an absent image's zeros be read."""
    model, samples = make().eval(), batch(PAIR, PAIR)
    only_text = samples.only(frozenset({"text"}))
    before = model.embed(only_text)
    with torch.no_grad():
        model.flava.image_to_mm_projection.bias.add_(5.0)
    assert torch.equal(model.embed(only_text), before)
    assert not torch.equal(model.embed(samples), before)


def test_gradients_stay_small_for_a_sample_with_nothing(make, batch):
    """With the library's zeros in [CLS] they are infinite after a few layers."""
    model, samples = make(fusion={**SIZES, "layers": 6}), batch("", PAIR)
    model.label_loss(model(samples), samples).backward()
    norms = [p.grad.norm() for p in model.parameters() if p.requires_grad]
    assert torch.stack(norms).norm() < 100


def test_everything_that_is_read_is_trained_and_nothing_else(make, batch):
    model, samples = make(), batch(PAIR, "text", "image")
    model.label_loss(model(samples), samples).backward()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert all(p.grad is not None for n, p in model.named_parameters() if n in trained)
    unused = {n.split(".", 1)[1] for n, _ in model.named_parameters() if n not in trained}
    assert {"logit_scale", "text_projection.weight", "multimodal_model.pooler.dense.bias"} <= unused


@pytest.mark.parametrize("where", ["text", "image"])
def test_it_learns_what_is_planted(make, batch, where):
    result = outcome(
        make(), lambda n: planted(batch(*[PAIR] * 32, seed=n), where, n), steps=60, lr=3e-3
    )
    assert result.last < 0.5 * result.first and result.low > 0.8


def test_it_stays_at_chance_on_shuffled_labels(make, batch):
    result = outcome(
        make(),
        lambda n: shuffled(planted(batch(*[PAIR] * 32, seed=n), "text", n), n),
        steps=40,
        lr=3e-3,
    )
    assert result.low < 0.5 < result.high


@pytest.fixture
def folder(tmp_path, spec):
    """Weights as the hub has them: of the library's model for pretraining, without codebook."""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    sizes = dict(zip(names, (16, 2, 2, 24), strict=True))
    torch.manual_seed(9)
    config = FlavaConfig(
        text_config={**sizes, "vocab_size": spec.vocab_size, "max_position_embeddings": 20},
        image_config={**sizes, "image_size": spec.image_px, "patch_size": 4},
        multimodal_config={**sizes, "num_hidden_layers": 1, "hidden_size": 20},
        init_codebook=False,
    )
    model = FlavaForPreTraining(config)
    model.save_pretrained(tmp_path / "flava")
    return tmp_path / "flava", model


def test_pretrained_weights_are_taken_whole(make, folder, batch):
    path, saved = folder
    fusion = {**SIZES, "hidden": 20, "layers": 1}
    model = make(flava={"pretrained": str(path)}, fusion=fusion)
    theirs, ours = saved.flava.state_dict(), model.flava.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert model(batch(PAIR)).shape == (1, 2)


def test_weights_of_other_sizes_or_none_are_refused(make, folder):
    path, _ = folder
    with pytest.raises(WeightsError, match=r"multimodal_config.num_hidden_layers: found 1, exp"):
        make(flava={"pretrained": str(path)}, fusion={**SIZES, "hidden": 20, "layers": 3})
    with pytest.raises(WeightsError, match=r"no folder ./nowhere"):
        make(flava={"pretrained": "./nowhere"})


def test_it_is_not_frozen_in_part(make):
    make().freeze([])
    with pytest.raises(ConfigError, match=r"asked for is to freeze image"):
        make().freeze(["image"])


def test_a_run_can_start_from_another(make, batch):
    first, second = make(), make()
    with torch.no_grad():
        first.flava.text_to_mm_projection.weight.add_(1.0)
    second.load_pretrained_part(first.state_dict())
    samples = batch(PAIR)
    assert torch.equal(first.eval().embed(samples), second.eval().embed(samples))
