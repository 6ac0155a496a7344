import pytest
import torch
from pytorch_tabnet.metrics import UnsupervisedLoss
from torch.nn import functional

from lanistr.experiments.objectives import Objectives
from lanistr.models.losses import (
    IGNORED,
    answered,
    label_loss,
    masked_feature_loss,
    masked_image_loss,
    masked_language_loss,
    masked_timeseries_loss,
    ranked,
    similarity_loss,
    weighted,
)
from lanistr.task import Kind, Task


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_language_loss_is_the_cross_entropy_of_what_has_a_label():
    logits, labels = leaf(3, 4, 9), torch.full((3, 4), IGNORED)
    labels[0, 1], labels[2, 3] = 5, 7
    expected = functional.cross_entropy(logits[[0, 2], [1, 3]], torch.tensor([5, 7]))
    loss = masked_language_loss(logits, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad.abs().sum(dim=-1).gt(0).sum() == 2


def test_image_loss_is_l1_over_the_hidden_patches():
    prediction, target = leaf(2, 3, 12), torch.zeros(2, 3, 12)
    hidden = torch.tensor([[True, False, False], [False, False, True]])
    expected = functional.l1_loss(prediction[hidden], target[hidden])
    torch.testing.assert_close(masked_image_loss(prediction, target, hidden), expected)


def test_timeseries_loss_is_the_squared_error_over_the_hidden_values():
    prediction, target = leaf(2, 5, 3), torch.ones(2, 5, 3)
    hidden = torch.zeros(2, 5, 3, dtype=torch.bool)
    hidden[0, 2, 1] = hidden[1, 4, 0] = True
    expected = functional.mse_loss(prediction[hidden], target[hidden])
    torch.testing.assert_close(masked_timeseries_loss(prediction, target, hidden), expected)


def test_feature_loss_is_that_of_tabnet_where_rows_hide_as_much_and_columns_vary(rng):
    prediction, target = (torch.randn(6, 4, generator=rng(n)) for n in (1, 2))
    hidden = torch.tensor([[True, False, True, False], [False, True, False, True]] * 3)
    library = UnsupervisedLoss(prediction, target, hidden.float())
    bessel = 6 / 5  # the library divides by the unbiased variance
    torch.testing.assert_close(masked_feature_loss(prediction, target, hidden), library * bessel)


def test_feature_loss_neither_learns_from_the_target_nor_blows_up_where_it_is_constant():
    prediction, target = leaf(3, 2), torch.full((3, 2), -0.1, requires_grad=True)
    loss = masked_feature_loss(prediction, target, torch.ones(3, 2, dtype=torch.bool))
    loss.backward()
    torch.testing.assert_close(loss, functional.mse_loss(prediction, target))
    assert target.grad is None and loss > 0


def test_the_loss_of_classes_is_the_cross_entropy():
    outputs, target = leaf(4, 3), torch.tensor([[0.0], [2.0], [1.0], [1.0]])
    task = Task("season", Kind.MULTICLASS, "season", classes=("a", "b", "c"))
    expected = functional.cross_entropy(outputs, torch.tensor([0, 2, 1, 1]))
    assert label_loss(task, outputs, target) == expected
    assert torch.equal(answered(task, outputs), outputs.softmax(dim=1))
    assert torch.equal(ranked(task, outputs).argmax(dim=1), outputs.argmax(dim=1))


def test_the_loss_of_a_number_is_its_absolute_error_in_deviations():
    task = Task("stay", Kind.REGRESSION, "stay", unit="hours", mean=50.0, std=10.0)
    outputs, target = leaf(3, 1), torch.tensor([[60.0], [20.0], [50.0]])
    loss = label_loss(task, outputs, target)
    torch.testing.assert_close(10 * loss, (answered(task, outputs) - target).abs().mean())
    assert torch.equal(ranked(task, outputs), answered(task, outputs))


def test_labels_that_are_not_known_do_not_count():
    task = Task("found", Kind.MULTILABEL, "found", classes=("a", "b"))
    outputs = leaf(2, 2)
    target = torch.tensor([[1.0, torch.nan], [0.0, torch.nan]])
    loss = label_loss(task, outputs, target)
    loss.backward()
    torch.testing.assert_close(
        loss, functional.binary_cross_entropy_with_logits(outputs[:, 0], target[:, 0])
    )
    assert (outputs.grad[:, 1] == 0).all() and (outputs.grad[:, 0] != 0).all()
    nothing = label_loss(task, outputs, torch.full((2, 2), torch.nan))
    assert nothing == 0


@pytest.mark.parametrize("loss", [masked_image_loss, masked_timeseries_loss])
def test_what_is_not_hidden_may_be_anything(loss):
    prediction = leaf(2, 3, 4)
    hidden = torch.zeros(2, 3, 4, dtype=torch.bool)
    hidden[0, 1] = True
    flags = hidden if loss is masked_timeseries_loss else hidden.any(dim=-1)
    garbage = torch.where(hidden, 0.5, torch.nan)
    loss(prediction, garbage, flags).backward()
    assert prediction.grad.isfinite().all()
    assert (prediction.grad[~hidden] == 0).all()


@pytest.mark.parametrize(
    "empty",
    [
        lambda x: masked_language_loss(x, torch.full((2, 3), IGNORED)),
        lambda x: masked_language_loss(x[:0, 0], torch.full((0,), 0)),
        lambda x: masked_image_loss(x, x.detach() + 1, torch.zeros(2, 3, dtype=torch.bool)),
        lambda x: masked_timeseries_loss(x, x.detach() + 1, torch.zeros(2, 3, 4, dtype=torch.bool)),
        lambda x: masked_feature_loss(x[0], x[1].detach(), torch.zeros(3, 4, dtype=torch.bool)),
        lambda x: masked_feature_loss(x[0, :0], x[1, :0], torch.zeros(0, 4, dtype=torch.bool)),
        lambda x: similarity_loss(
            (x[:, 0], x[:, 1]), (x[:, 1], x[:, 0]), torch.zeros(2, dtype=torch.bool)
        ),
    ],
)
def test_nothing_to_learn_from_is_zero_with_a_gradient_of_zero(empty):
    inputs = leaf(2, 3, 4)
    loss = empty(inputs)
    assert loss.item() == 0
    loss.backward()
    assert (inputs.grad == 0).all()


def test_similarity_is_symmetric_and_stops_the_gradient_at_the_projections():
    p, q, z, w = (leaf(4, 6) + k for k in range(4))
    for tensor in (p, q, z, w):
        tensor.retain_grad()
    loss = similarity_loss((p, q), (z, w), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(
        loss, similarity_loss((q, p), (w, z), torch.ones(4, dtype=torch.bool))
    )
    expected = -(functional.cosine_similarity(p, w) + functional.cosine_similarity(q, z)).mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert p.grad.abs().sum() > 0 and q.grad.abs().sum() > 0
    assert z.grad is None and w.grad is None


def test_similarity_counts_real_samples_only():
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    b = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = similarity_loss((a, a), (b, b), torch.tensor([True, False]))
    assert loss.item() == pytest.approx(-2)


@pytest.mark.parametrize("name", ["mlm", "mim", "mfm", "mtm", "mmm"])
def test_each_weight_acts(name):
    names = ("mlm", "mim", "mfm", "mtm", "mmm")
    losses = {k: torch.tensor(float(v)) for v, k in enumerate(names, 1)}
    before = weighted(losses, Objectives())
    after = weighted(losses, Objectives(**{name: getattr(Objectives(), name) + 1}))
    assert after - before == pytest.approx(losses[name].item())
