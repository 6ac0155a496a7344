from dataclasses import fields, replace

import pytest
import torch

from lanistr.batch import Batch
from lanistr.experiments.objectives import OBJECTIVE_MODALITY
from lanistr.methods.build import build
from lanistr.methods.lanistr.model import LANISTRForPretraining
from lanistr.modality import Modality
from lanistr.models.losses import weighted

MIXED = (
    "text image timeseries",
    "text",
    "image",
    "timeseries",
    "text timeseries",
    "image timeseries",
)
FOUR = {"modalities": ["text", "image", "tabular", "timeseries"], "objectives": {"mfm": 0.01}}
MIXED_FOUR = (*MIXED, "tabular", "text tabular", "image tabular timeseries", "tabular image", "")


@pytest.fixture
def pretraining(experiment, spec):
    def make(**overrides):
        torch.manual_seed(3)
        return build(experiment("pretrain", **overrides), spec)

    return make


@pytest.fixture
def classification(experiment, spec):
    torch.manual_seed(3)
    return build(experiment("finetune"), spec)


def gradients(model, samples, rng) -> dict[str, torch.Tensor]:
    model.zero_grad()
    if isinstance(model, LANISTRForPretraining):
        weighted(model.losses(samples, rng()), model.objectives).backward()
    else:
        torch.nn.functional.cross_entropy(model(samples), samples.target[:, 0].long()).backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def reordered(samples: Batch, order: torch.Tensor) -> Batch:
    return Batch(**{f.name: getattr(samples, f.name)[order] for f in fields(samples)})


def test_losses_are_those_in_use_and_finite(pretraining, batch, rng):
    losses = pretraining().losses(batch(*MIXED), rng())
    assert list(losses) == ["mlm", "mim", "mtm", "mmm"]
    assert all(loss.isfinite() and loss.ndim == 0 for loss in losses.values())
    assert -2 <= losses["mmm"] <= 2


def test_the_same_generator_gives_the_same_losses(pretraining, batch, rng):
    model, samples = pretraining(), batch(*MIXED)
    first, again, other = (model.losses(samples, rng(seed)) for seed in (7, 7, 8))
    for name in first:
        assert first[name] == again[name]
        assert first[name] != other[name]


@pytest.mark.parametrize("name", ["mlm", "mim", "mtm", "mmm"])
def test_a_weight_of_zero_leaves_the_term_and_its_parameters_out(pretraining, batch, rng, name):
    whole, without = pretraining(), pretraining(objectives={name: 0})
    losses = without.losses(batch(*MIXED), rng())
    assert set(losses) == {"mlm", "mim", "mtm", "mmm"} - {name}
    gone = {n.split(".")[0] for n in whole.state_dict()} - {
        n.split(".")[0] for n in without.state_dict()
    }
    assert gone == ({"similarity"} if name == "mmm" else set())
    assert f"heads.{name}" not in {".".join(n.split(".")[:2]) for n in without.state_dict()}
    others = whole.losses(batch(*MIXED), rng())
    for other in losses.keys() & OBJECTIVE_MODALITY.keys():
        torch.testing.assert_close(losses[other], others[other], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "objectives", [{}, {"mmm": 0}, {"mlm": 0}, {"mlm": 0, "mmm": 0}, {"mim": 0, "mtm": 0}]
)
def test_gradients_reach_what_is_trainable_and_nothing_else(pretraining, batch, rng, objectives):
    model = pretraining(objectives=objectives)
    found = gradients(model, batch(*MIXED), rng)
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    idle = [name for name, gradient in found.items() if (gradient == 0).all()]
    assert idle == []


def test_fine_tuning_reaches_every_parameter(classification, batch, rng):
    found = gradients(classification, batch(*MIXED), rng)
    assert found.keys() == dict(classification.named_parameters()).keys()


@pytest.mark.parametrize(
    "overrides",
    [{}, {"fusion": {"kind": "perceiver", "hidden": 20, "intermediate": 40}}, FOUR],
    ids=["transformer", "perceiver", "four"],
)
def test_bfloat16_gives_nearly_the_same_losses_in_float32(pretraining, batch, rng, overrides):
    model, samples = pretraining(**overrides).eval(), batch(*MIXED_FOUR)
    expected = model.losses(samples, rng())
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.losses(samples, rng())
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, expected[name], rtol=0.05, atol=0.05)


def test_a_batch_without_a_modality_gives_zero_loss_and_zero_gradient(pretraining, batch, rng):
    model = pretraining(objectives={"mmm": 0, "text_ratio": 0.5})
    samples = batch("text", "text")
    losses = model.losses(samples, rng())
    assert losses["mim"] == 0 and losses["mtm"] == 0 and losses["mlm"] > 0
    found = gradients(model, samples, rng)
    assert all((g == 0).all() for n, g in found.items() if "image" in n or "timeseries" in n)
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}


def test_each_loss_is_only_over_samples_that_have_the_modality(pretraining, batch, rng):
    model, samples = pretraining(objectives={"mmm": 0}), batch("text", "text image", "timeseries")
    whole = model.losses(samples, rng())
    without_text = model.losses(
        samples.only(frozenset({Modality.IMAGE, Modality.TIMESERIES})), rng()
    )
    assert without_text["mlm"] == 0
    assert without_text["mim"] == whole["mim"] and without_text["mtm"] == whole["mtm"]


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
@pytest.mark.parametrize("modalities", [{}, FOUR], ids=["three", "four"])
def test_garbage_where_nothing_is_changes_no_output_and_no_gradient(
    experiment, spec, batch, with_garbage, rng, stage, modalities
):
    torch.manual_seed(3)
    model, samples = build(experiment(stage, **modalities), spec), batch(*MIXED_FOUR)
    spoiled = with_garbage(samples)
    if stage == "pretrain":
        first, second = (model.losses(s, rng()) for s in (samples, spoiled))
        assert all(torch.equal(first[name], second[name]) for name in first)
    else:
        assert torch.equal(model(samples), model(spoiled))
    clean, dirty = (gradients(model, s, rng) for s in (samples, spoiled))
    assert all(torch.equal(clean[name], dirty[name]) for name in clean)
    assert all(gradient.isfinite().all() for gradient in clean.values())


def test_the_order_of_samples_changes_nothing(classification, batch):
    samples, order = batch(*MIXED), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(
        classification(reordered(samples, order)), classification(samples)[order]
    )


def test_a_sample_does_not_depend_on_what_its_neighbours_have(classification, batch):
    samples = batch(*MIXED)
    alone = reordered(samples, torch.tensor([1]))
    torch.testing.assert_close(
        classification(alone), classification(samples)[1:2], rtol=1e-4, atol=1e-5
    )


def test_with_four_modalities_there_are_five_losses_and_gradients_everywhere(
    pretraining, batch, rng
):
    model = pretraining(**FOUR)
    samples = batch(*MIXED_FOUR * 2)
    losses = model.losses(samples, rng())
    assert list(losses) == ["mlm", "mim", "mfm", "mtm", "mmm"]
    assert all(loss.isfinite() and loss != 0 for loss in losses.values())
    found = gradients(model, samples, rng)
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    assert [name for name, gradient in found.items() if (gradient == 0).all()] == []


@pytest.mark.parametrize("names", [("text", "image"), ("tabular", "text")])
def test_few_table_rows_train_with_finite_gradients_everywhere(pretraining, batch, rng, names):
    model = pretraining(**FOUR)
    found = gradients(model, batch(*names), rng)
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    assert all(gradient.isfinite().all() for gradient in found.values())


def test_feature_modeling_alone_trains_the_tabular_encoder_alone(pretraining, batch, rng):
    model = pretraining(**FOUR | {"objectives": {"mlm": 0, "mim": 0, "mtm": 0, "mmm": 0, "mfm": 1}})
    assert list(model.losses(batch(*MIXED_FOUR), rng())) == ["mfm"]
    trained = {n.split(".")[1] for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {"tabular", "mfm"}


def test_a_frozen_tabular_encoder_keeps_its_statistics(experiment, spec, batch):
    model = build(experiment("finetune", **FOUR), spec)
    model.freeze([Modality.TABULAR])
    before = {n: b.clone() for n, b in model.encoders["tabular"].named_buffers()}
    model.train()(batch(*MIXED_FOUR))
    assert all(torch.equal(b, before[n]) for n, b in model.encoders["tabular"].named_buffers())


def test_every_modality_acts(classification, batch):
    samples = batch("text image timeseries")
    whole = classification(samples)
    for modality in (Modality.TEXT, Modality.IMAGE, Modality.TIMESERIES):
        less = classification(samples.only(frozenset(Modality) - {modality}))
        assert not torch.allclose(less, whole)


def test_both_views_in_one_call_equal_a_call_each(pretraining, batch, rng):
    model, samples = pretraining().eval(), batch(*MIXED)
    draws = rng()
    hidden = {
        modality: encoder.hide(samples, model.objectives, draws)
        for modality, encoder in model.encoder_modules().items()
    }
    masked, unmasked = model.encoders(samples, hidden), model.encode(samples)
    embeddings = torch.cat([model.fuse(masked), model.fuse(unmasked)])
    expected = model.masked_losses(masked, samples, hidden)
    expected["mmm"] = model.similarity(embeddings, torch.ones(len(samples), dtype=torch.bool))
    losses = model.losses(samples, rng())
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name], rtol=1e-4, atol=1e-4)


def test_frozen_encoders_stay_as_they_are(experiment, spec, batch, rng):
    torch.manual_seed(3)
    size = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.5}
    model = build(experiment("finetune", encoders={"text": size, "timeseries": size}), spec)
    samples = batch(*MIXED)
    model.freeze([Modality.TEXT])
    model.train()
    assert not model.encoders["text"].training and model.encoders["timeseries"].training
    first, second = (model.encode(samples) for _ in range(2))
    assert torch.equal(first[Modality.TEXT].states, second[Modality.TEXT].states)
    assert not torch.equal(first[Modality.TIMESERIES].states, second[Modality.TIMESERIES].states)
    assert not first[Modality.TEXT].states.requires_grad
    found = gradients(model, samples, rng)
    assert not any(name.startswith("encoders.text") for name in found)
    assert any(name.startswith("encoders.image") for name in found)
    assert any(name.startswith("fusion.projections.text") for name in found)


def test_kept_encoder_outputs_can_be_fused_later(classification, batch):
    samples = batch(*MIXED)
    kept = classification.encode(samples)
    assert torch.equal(classification.head(classification.fuse(kept)), classification(samples))


@pytest.mark.parametrize("modalities", [{}, FOUR], ids=["three", "four"])
def test_pretraining_lowers_every_term(pretraining, batch, rng, modalities):
    model, samples = pretraining(**modalities), batch(*MIXED, *MIXED_FOUR)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = []
    for _ in range(60):
        losses = model.losses(samples, rng())
        optimizer.zero_grad()
        weighted(losses, model.objectives).backward()
        optimizer.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    for name in history[0]:
        assert history[-1][name] < history[0][name]


def test_a_training_step_stays_finite_without_any_modality(pretraining, batch, rng):
    model = pretraining()
    samples = replace(batch("text", "image"), present=torch.zeros(2, 4, dtype=torch.bool))
    found = gradients(model, samples, rng)
    assert all((gradient == 0).all() for gradient in found.values())
