"""What pretraining learns from: pairs, queues, a teacher, hidden words."""

import math

import pytest
import torch
from torch.nn import functional

from lanistr.methods.albef.model import distilled, hard_negatives
from lanistr.modality import Modality
from tests.lanistr.tiny_albef import tiny_albef

pytestmark = pytest.mark.usefixtures("no_network")
TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PAIR = "text image"


@pytest.fixture
def make(experiment, spec):
    return tiny_albef(experiment, spec)


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
