"""ALBEF as a method: its stages, what they learn and hand over, its files."""

import pytest
import torch

from lanistr.errors import WeightsError
from lanistr.methods.albef.model import AlbefForPrediction, AlbefForPretraining
from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.training.run import train
from tests.lanistr import shards
from tests.lanistr.planted import outcome, planted, shuffled
from tests.lanistr.tiny_albef import tiny_albef

pytestmark = pytest.mark.usefixtures("no_network")
TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PAIR = "text image"


@pytest.fixture
def make(experiment, spec):
    return tiny_albef(experiment, spec)


def test_each_stage_becomes_its_model(make):
    assert type(make("pretrain")) is AlbefForPretraining
    assert type(make("finetune")) is AlbefForPrediction


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_garbage_where_nothing_is_changes_no_loss_and_no_gradient(
    make, batch, assert_garbage_is_unseen, rng, stage
):
    samples = batch(PAIR, "text", "image", PAIR, "", PAIR)
    if stage == "finetune":
        assert_garbage_is_unseen(make(stage), samples)
    else:
        assert_garbage_is_unseen(
            make(stage), samples, lambda model, each: torch.stack([*model(each, rng()).values()])
        )


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


def test_only_text_and_image_are_read(experiment):
    with pytest.raises(ValueError, match=r"albef can finetune on \[image, text\]"):
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
