import math

import pytest
import torch
from torch.nn import functional

from lanistr.errors import ConfigError, WeightsError
from lanistr.experiments.config import Modality
from lanistr.methods.albef.model import (
    AlbefForPrediction,
    AlbefForPretraining,
    distilled,
    hard_negatives,
)
from lanistr.methods.build import build, build_text
from lanistr.models.weights import seeded
from lanistr.training.run import train
from tests.lanistr import shards
from tests.lanistr.planted import outcome, planted, shuffled

pytestmark = pytest.mark.usefixtures("no_network")
TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PAIR = "text image"


@pytest.fixture
def make(experiment, spec):
    """A tiny ALBEF of a stage; four layers of BERT, of which two are the fusion."""

    def albef(stage: str, **changes):
        settings = {
            "method": "albef",
            "modalities": ["text", "image"],
            "albef": {"embedding": 8, "queue": 5, "momentum": 0.9},
            "encoders": {
                "text": {**SIZES, "layers": 4},
                "image": {**SIZES, "patch_px": 4},
            },
        }
        torch.manual_seed(3)
        return build(experiment(stage, **(settings | changes)), spec)

    return albef


SIZES = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.0}


def test_each_stage_becomes_its_model(make):
    assert type(make("pretrain")) is AlbefForPretraining
    assert type(make("finetune")) is AlbefForPrediction


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


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_garbage_where_nothing_is_changes_no_loss_and_no_gradient(
    make, batch, with_garbage, rng, stage
):
    model = make(stage)
    samples = batch(PAIR, "text", "image", PAIR, "", PAIR)
    results = []
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for each in (samples, with_garbage(samples)):
        model.load_state_dict(state)
        model.zero_grad()
        if stage == "pretrain":
            loss = sum(model(each, rng()).values())
        else:
            loss = model.label_loss(model(each), each)
        loss.backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.requires_grad]
        results.append([loss, *gradients])
    assert all(torch.isfinite(value).all() for value in results[0])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(
    "modalities", [[PAIR] * 6, [PAIR, "text", "image"], ["text", "text"], ["image"], [""]]
)
def test_every_trained_weight_has_a_gradient_whatever_is_there(make, batch, rng, modalities):
    model = make("pretrain")
    losses = model(batch(*modalities), rng())
    torch.stack(list(losses.values())).sum().backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert all(p.grad is None for p in model.teacher.parameters())
    if modalities.count(PAIR) < 2:
        assert losses["itc"] == losses["itm"] == 0


def test_rows_without_an_image_or_a_text_stay_out_of_contrast_and_matching(make, batch, rng):
    model = make("pretrain")
    model.text_ratio = 1e-9
    pairs = batch(PAIR, PAIR, PAIR)
    positions = torch.tensor([0, 0, 1, 1, 2])  # 1 and 3 become incomplete
    present = pairs.present[positions].clone()
    present[1, IMAGE.index] = present[3, TEXT.index] = False
    more = type(pairs)(**{n: t[positions] for n, t in vars(pairs).items()} | {"present": present})
    model.eval()
    alone, among = model(pairs, rng()), model(more, rng())
    torch.testing.assert_close(alone["itc"], among["itc"])
    model.train()
    model(more, rng())
    assert model.oldest == 3


def test_contrast_is_the_cross_entropy_over_batch_and_queue(make, batch, rng):
    model = make("pretrain")
    samples = batch(PAIR, PAIR, PAIR)
    tokens = model.student.encoders(samples)
    features = model.student.features(tokens)
    text, image = features[TEXT], features[IMAGE]  # the teacher is the same at first
    expected = [
        functional.cross_entropy(ours @ torch.cat([theirs, queue]).T / 0.07, torch.arange(3))
        for ours, theirs, queue in (
            (text, image, model.image_queue.clone()),
            (image, text, model.text_queue.clone()),
        )
    ]
    torch.testing.assert_close(model(samples, rng())["itc"], torch.stack(expected).mean())


def test_the_queue_takes_any_number_of_pairs_and_forgets_the_oldest(make):
    model = make("pretrain")  # 5 places
    rows = functional.normalize(torch.randn(13, 8), dim=1)
    model.enqueue({TEXT: rows[:4], IMAGE: -rows[:4]})
    model.enqueue({TEXT: rows[4:6], IMAGE: -rows[4:6]})
    assert torch.equal(model.text_queue, rows[[5, 1, 2, 3, 4]]) and model.oldest == 1
    assert torch.equal(model.image_queue, -model.text_queue)
    model.enqueue({TEXT: rows[6:], IMAGE: -rows[6:]})
    assert sorted(model.text_queue[:, 0].tolist()) == sorted(rows[8:, 0].tolist())


def test_validation_leaves_queue_and_teacher_alone_and_repeats(make, batch, rng):
    model = make("pretrain").eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    samples = batch(PAIR, "text", PAIR)
    first, second = model(samples, rng()), model(samples, rng())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(before[n], tensor) for n, tensor in model.state_dict().items())


def test_the_teacher_follows_and_its_share_grows_during_the_first_epoch(make):
    model = make("pretrain", optim={"epochs": 4, "batch_size": 4})
    student, teacher = model.matching, dict(model.teacher.named_parameters())
    name, slow = next((n, p) for n, p in teacher.items() if p.std() > 0)
    fast = dict(model.student.named_parameters())[name]
    old = slow.clone()
    with torch.no_grad():
        fast.add_(1.0)
        model.temperature.fill_(9.0)
    model.after_step(0.125)
    torch.testing.assert_close(slow, old + 0.1)
    assert model.alpha == pytest.approx(0.2) and model.temperature == 0.5
    model.after_step(0.5)
    assert model.alpha == pytest.approx(0.4) and student.weight.requires_grad


def test_the_teacher_counts_by_its_share():
    logits, label = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    sure = torch.tensor([[-99.0, 99.0]])
    right, wrong = (functional.cross_entropy(logits, torch.tensor([k])) for k in (0, 1))
    loss = distilled(logits, label, sure, torch.tensor(0.4))
    torch.testing.assert_close(loss, 0.6 * right + 0.4 * wrong)


def test_hard_negatives_are_never_the_pair_itself_and_mostly_the_similar(rng):
    similarity = torch.tensor([[99.0, 2.0, 0.0], [0.0, 99.0, 0.0], [0.0, 0.0, 99.0]])
    draws = torch.stack([hard_negatives(similarity, g) for g in [rng()] for _ in range(500)])
    assert (draws != torch.arange(3)).all()
    share = (draws[:, 0] == 1).float().mean().item()
    assert share == pytest.approx(1 / (1 + math.exp(-2)), abs=0.05)


def test_pretraining_learns_pairs_and_words(make, batch):
    """Four kinds of images with a word each are told apart and named better than by chance."""
    model = make("pretrain", albef={"embedding": 8, "queue": 16, "momentum": 0.9})
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    rng, kinds = torch.Generator().manual_seed(0), torch.arange(16) % 4
    pattern = torch.randn(4, 3, 16, 16, generator=rng)
    losses = []
    for step in range(80):
        samples = batch(*[PAIR] * 16, seed=step)
        tokens = torch.where(samples.is_token, 10 + kinds[:, None], samples.tokens)
        tokens[:, 0] = samples.tokens[:, 0]
        samples = type(samples)(
            **vars(samples) | {"tokens": tokens, "pixels": pattern[kinds] + 0.1 * samples.pixels}
        )
        terms = model(samples, rng)
        optimiser.zero_grad()
        sum(terms.values()).backward()
        optimiser.step()
        model.after_step((step + 1) / 80)
        losses.append([terms[name].item() for name in ("itc", "mlm")])
    itc, mlm = torch.tensor(losses)[-10:].mean(dim=0)
    assert itc < 0.8 * torch.tensor(32.0).log()  # by chance: one of 16 + 16
    assert mlm < 0.7 * torch.tensor(50.0).log()


@pytest.mark.parametrize("where", ["text", "image"])
def test_fine_tuning_learns_what_is_planted(make, batch, where):
    result = outcome(
        make("finetune"),
        lambda n: planted(batch(*[PAIR] * 32, seed=n), where, n),
        steps=60,
        lr=5e-3,
    )
    assert result.last < 0.5 * result.first and result.low > 0.8


def test_fine_tuning_stays_at_chance_on_shuffled_labels(make, batch):
    result = outcome(
        make("finetune"),
        lambda n: shuffled(planted(batch(*[PAIR] * 32, seed=n), "text", n), n),
        steps=40,
        lr=5e-3,
    )
    assert result.low < 0.5 < result.high


def test_fine_tuning_starts_from_the_pretrained_student_and_teacher(make, batch):
    pretrained = make("pretrain")
    with torch.no_grad():
        for weight in pretrained.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    model = make("finetune")
    assert model.load_pretrained_part(pretrained.state_dict()) == ()
    samples = batch(PAIR, "text")
    for ours, theirs in (
        (model.student, pretrained.student),
        (model.teacher, pretrained.teacher),
    ):
        states = [each.eval().encoders(samples) for each in (ours, theirs)]
        fused = [
            half.fusion(s[TEXT], s[IMAGE]).states
            for half, s in zip((ours, theirs), states, strict=True)
        ]
        assert torch.equal(*fused)


def test_a_checkpoint_of_another_method_is_refused(make, experiment, spec):
    other = build(experiment("pretrain", modalities=["text", "image"]), spec)
    with pytest.raises(WeightsError, match=r"bert.embeddings.word_embeddings.weight: missing"):
        make("finetune").load_pretrained_part(other.state_dict())


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


def test_only_text_and_image_are_read(experiment):
    with pytest.raises(ValueError, match="albef reads text and image"):
        experiment("finetune", method="albef", modalities=["text"])


RUN = {
    "method": "albef",
    "modalities": ["text", "image"],
    "freeze": "none",
    "albef": {"embedding": 8, "queue": 10, "momentum": 0.9},
    "encoders": shards.ENCODERS | {"text": {**shards.ENCODERS["text"], "layers": 2}},
}


def test_an_interrupted_pretraining_goes_on_bit_for_bit(tmp_path, monkeypatch):
    """Queue, teacher and its share are part of the state; a second stage starts from both runs."""
    cache = shards.write_cache(tmp_path)
    pretrain = shards.experiment("pretrain", **RUN)
    options = {"device": "cpu", "threads": 1, "save_every": 0}
    train(pretrain, 0, cache, tmp_path / "undisturbed", **options)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(AlbefForPretraining, "after_step", interrupted_at(0.6))
        train(pretrain, 0, cache, tmp_path / "interrupted", **options)
    train(pretrain, 0, cache, tmp_path / "interrupted", **options)
    name = "checkpoint.safetensors"
    files = [tmp_path / run / name for run in ("undisturbed", "interrupted")]
    assert files[0].read_bytes() == files[1].read_bytes()
    finetune = shards.experiment("finetune", init=pretrain.name, **RUN)
    train(finetune, 0, cache, tmp_path / "finetune", init=[files[1]], **options)
    assert (tmp_path / "finetune" / name).is_file()


def interrupted_at(share):
    """An `after_step` that a user interrupts."""
    after_step = AlbefForPretraining.after_step

    def step(self, done):
        if done > share:
            raise KeyboardInterrupt
        after_step(self, done)

    return step


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_a_saved_model_comes_back(make, batch, tmp_path, stage):
    model = make(stage)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    state = again.state_dict()
    assert all(torch.equal(state[n], tensor) for n, tensor in model.state_dict().items())
    if stage == "pretrain":
        words = again.student.heads["mlm"].decode[-1].weight
        assert words is again.student.encoders[TEXT].bert.embeddings.word_embeddings.weight
