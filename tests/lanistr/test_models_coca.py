from importlib.metadata import version

import pytest
import torch

from lanistr.errors import ConfigError, WeightsError
from lanistr.methods.build import build
from lanistr.models.image import renormalised
from lanistr.training.distributed import World
from lanistr.training.output import machine
from tests.lanistr.planted import outcome, planted, shuffled

pytest.importorskip("open_clip", reason="open_clip is not installed")
pytestmark = pytest.mark.usefixtures("no_network")
PAIR = "text image"


@pytest.fixture
def make(experiment, spec):
    def coca(**changes):
        torch.manual_seed(3)
        settings = {"method": "coca", "modalities": ["text", "image"], "coca": {"queries": 4}}
        return build(experiment("finetune", **(settings | changes)), spec)

    return coca


def test_it_is_the_librarys_own_forward(make, batch):
    model = make().eval()
    samples = batch(PAIR, PAIR, PAIR)
    theirs = model.coca(renormalised(samples.pixels), samples.tokens, output_labels=False)
    ours = model.decode(model.image_tokens(samples), model.words(samples))
    torch.testing.assert_close(ours, theirs["logits"])
    last = samples.is_token.sum(dim=1) - 1
    torch.testing.assert_close(model.embed(samples), theirs["logits"][torch.arange(3), last])


def test_the_last_word_sees_all_words_and_the_image_and_no_padding(make, batch):
    model, samples = make().eval(), batch(PAIR, PAIR)
    before = model.embed(samples)
    for name, place in (("tokens", (1, 1)), ("pixels", (1, slice(None), 3))):
        changed = {**vars(samples), name: getattr(samples, name).clone()}
        changed[name][place] += 1
        after = model.embed(type(samples)(**changed))
        assert torch.equal(after[0], before[0]) and not torch.equal(after[1], before[1])
    alone = type(samples)(**{name: value[1:] for name, value in vars(samples).items()})
    length = int(alone.is_token.sum())
    assert length < alone.tokens.shape[1]
    short = {n: getattr(alone, n)[:, :length] for n in ("tokens", "is_token")}
    torch.testing.assert_close(model.embed(type(alone)(**vars(alone) | short)), before[1:])


def test_garbage_where_nothing_is_changes_no_loss_and_no_gradient(
    make, batch, assert_garbage_is_unseen
):
    assert_garbage_is_unseen(make(), batch(PAIR, "text", "image", ""))


def test_every_trained_weight_has_a_gradient(make, batch):
    model, samples = make(), batch(PAIR, "text", "image")
    model.label_loss(model(samples), samples).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert {"coca.logit_scale", "coca.visual.proj", "coca.text.ln_final.weight"} <= frozen


def test_no_weight_is_left_as_memory_was(make):
    """open_clip allocates the decoder's projection and never fills it."""
    first, second = make().state_dict(), make().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any("decoder.text_projection" in name for name in first)


@pytest.mark.parametrize("where", ["text", "image"])
def test_it_learns_what_is_planted(make, batch, where):
    result = outcome(
        make(), lambda n: planted(batch(*[PAIR] * 32, seed=n), where, n), steps=60, lr=3e-3
    )
    assert result.last < 0.5 * result.first and result.low > 0.8


def test_a_run_tells_the_version_of_its_library():
    told = machine(World(torch.device("cpu")), "coca")
    assert told["open_clip_torch"] == version("open_clip_torch")
    assert "open_clip_torch" not in machine(World(torch.device("cpu")), "lanistr")


def test_it_stays_at_chance_on_shuffled_labels(make, batch):
    result = outcome(
        make(),
        lambda n: shuffled(planted(batch(*[PAIR] * 32, seed=n), "text", n), n),
        steps=40,
        lr=3e-3,
    )
    assert result.low < 0.5 < result.high


@pytest.fixture
def small(monkeypatch, spec):
    """An architecture of open_clip's list as small as ours, which reads eight tokens of a text."""
    from open_clip import factory

    text = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    vision = {"image_size": spec.image_px, "patch_size": 4, "width": 16, "layers": 1}
    architecture = {
        "embed_dim": 16,
        "custom_text": True,
        "text_cfg": {**text, "embed_cls": True, "output_tokens": True},
        "vision_cfg": {
            **vision,
            "head_width": 8,
            "attentional_pool": True,
            "attn_pooler_queries": 4,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
        "multimodal_cfg": text,
    }
    monkeypatch.setitem(factory._MODEL_CONFIGS, "coca_small", architecture)
    return "coca_small"


def test_pretrained_weights_are_taken_but_for_the_words_of_another_vocabulary(
    make, small, batch, tmp_path
):
    from open_clip import create_model

    theirs = create_model(small).state_dict()
    torch.save(theirs, tmp_path / "coca.pt")
    model = make(coca={"architecture": small, "pretrained": str(tmp_path / "coca.pt")})
    ours = model.coca.state_dict()
    assert theirs.keys() - ours.keys() == {"text_decoder.text_projection"}
    differing = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert differing == ["text.token_embedding.weight"]
    assert ours["text.token_embedding.weight"].shape == (50, 16)
    samples = batch(PAIR)
    assert samples.tokens.shape[1] > 8 and model(samples).shape == (1, 2)


def test_weights_that_do_not_fit_are_refused(make, small, tmp_path):
    torch.save({"visual.proj": torch.zeros(3, 3)}, tmp_path / "coca.pt")
    with pytest.raises(WeightsError, match=r"text.cls_emb: missing"):
        make(coca={"architecture": small, "pretrained": str(tmp_path / "coca.pt")})
    with pytest.raises(WeightsError, match=r"nowhere is no file, and open_clip has no such"):
        make(coca={"architecture": small, "pretrained": "nowhere"})


def test_an_architecture_must_exist_and_fit_the_images(make):
    with pytest.raises(ConfigError, match=r"found 'ViT-B-32', allowed are .*'coca_ViT-B-32'"):
        make(coca={"architecture": "ViT-B-32"})
    with pytest.raises(ConfigError, match=r"reads images of 224 px, the cache has 16 px"):
        make(coca={"architecture": "coca_ViT-B-32"})


def test_weights_need_an_architecture(make):
    with pytest.raises(ValueError, match=r"needs coca.architecture"):
        make(coca={"pretrained": "laion2b_s13b_b90k"})


def test_it_is_not_frozen_in_part(make):
    with pytest.raises(ConfigError, match=r"asked for is to freeze image"):
        make().freeze(["image"])
