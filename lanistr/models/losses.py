"""The losses, and what outputs of a model say: pure functions of tensors.

A loss of pretraining is a mean over what was hidden and is there. Where that is nothing the loss is
zero with a gradient of zero, so that no process of a distributed run takes another path than the
others.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from lanistr.experiments.objectives import Objectives
from lanistr.task import Kind, Task

IGNORED = -100  # label of a token that does not count, as everywhere in PyTorch
CONSTANT = 1e-6  # variance up to which a value does not vary, but for rounding


def masked_language_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the tokens that were hidden.

    Args:
        logits: unnormalised scores of the vocabulary, (..., V).
        labels: ids of the original tokens where hidden, `IGNORED` (-100) elsewhere, (...) int64.

    Returns:
        Scalar, nats per hidden token.

    Source:
        LANISTR, L_MLM. Deviation of the official code: it averages over all tokens, padding
        included.

    >>> logits = torch.tensor([[0.0, 0.0], [9.0, -9.0]])
    >>> masked_language_loss(logits, torch.tensor([1, -100]))
    tensor(0.6931)
    """
    total = functional.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / (labels != IGNORED).sum().clamp(min=1)


def masked_image_loss(prediction: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Absolute error over the pixels of the patches that were hidden.

    Args:
        prediction: pixels of each patch, (B, N, P).
        target: the original pixels, normalised, (B, N, P).
        hidden: True = hidden patch of an image that is there, (B, N) bool.

    Returns:
        Scalar, per pixel value, in the units of `target`.

    Source:
        LANISTR, L_MIM; SimMIM (l1). Deviation of the official code: it also scores the zeros
        that stand for absent images.

    >>> prediction, target = torch.zeros(1, 2, 1), torch.tensor([[[3.0], [7.0]]])
    >>> masked_image_loss(prediction, target, torch.tensor([[True, False]]))
    tensor(3.)
    """
    error = difference(prediction, target, hidden[..., None]).abs()
    return error.sum() / (hidden.sum() * target.shape[-1]).clamp(min=1)


def masked_feature_loss(prediction: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Squared error over the hidden values of table rows, in units of each value's variance.

    Args:
        prediction: reconstruction, (B, P); P counts every place of a one-hot vector or embedding.
        target: what the encoder would have seen, of rows that are there, (B, P); receives no
            gradient.
        hidden: True = hidden from the encoder, (B, P) bool.

    Returns:
        Scalar, per hidden value; 1 = as good as the mean of the batch. A value that does not
        vary within the batch is counted in squared units of its own.

    Source:
        LANISTR, L_MFM; TabNet. Deviations of pytorch-tabnet: a mean over values instead of rows;
        no gradient to the target, which an embedding could lower by becoming predictable; and
        where the variance is 0 it divides by the mean, which can be negative.

    >>> target = torch.tensor([[1.0, 0.0], [5.0, 0.0]])  # variances 4 and 0
    >>> hidden = torch.tensor([[True, False], [False, True]])
    >>> masked_feature_loss(torch.ones(2, 2) * 3, target, hidden)
    tensor(5.)
    """
    target = target.detach().float()
    variance = target.var(dim=0, correction=0) if len(target) else target.new_ones(1)
    scale = torch.where(variance > CONSTANT, variance, 1.0)
    error = difference(prediction, target, hidden).square() / scale
    return error.sum() / hidden.sum().clamp(min=1)


def masked_timeseries_loss(prediction: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Squared error over the measurements that were hidden.

    Args:
        prediction: reconstruction, (B, S, C).
        target: values in units of their standard deviation, (B, S, C).
        hidden: True = measured, but hidden from the encoder, (B, S, C) bool.

    Returns:
        Scalar, per value, in squared units of `target`.

    Source:
        LANISTR, L_MTM. Deviation of the official code: it also scores imputed values and the
        zeros that stand for absent series, and divides by zero when nothing is hidden.

    >>> target = torch.tensor([[[1.0], [5.0]]])
    >>> masked_timeseries_loss(torch.zeros(1, 2, 1), target, torch.tensor([[[False], [True]]]))
    tensor(25.)
    """
    return difference(prediction, target, hidden).square().sum() / hidden.sum().clamp(min=1)


def similarity_loss(
    predicted: tuple[Tensor, Tensor], projected: tuple[Tensor, Tensor], real: Tensor
) -> Tensor:
    """Negative cosine similarity of each view's prediction to the other view's projection.

    Args:
        predicted: p of the masked and of the unmasked view, (B, D) each.
        projected: z of the two views, (B, D) each; receive no gradient.
        real: False = the sample has no modality at all and does not count, (B,) bool.

    Returns:
        Scalar in [-2, 2], the sum of both directions; -2 = the views agree.

    Source:
        LANISTR, L_SimMMM; SimSiam. SimSiam takes the mean of both directions. The sum with Table
        5's weight of 0.5 is what the official code trains: it takes the mean with a weight of 1.
        Deviation of the official code: there it compares all fusion tokens, here one embedding
        per sample, as the paper says.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> similarity_loss((a, b), (b, a), torch.tensor([True]))
    tensor(-2.)
    """
    (p_masked, p_unmasked), (z_masked, z_unmasked) = predicted, projected
    pairs = ((p_masked, z_unmasked), (p_unmasked, z_masked))
    similarity = torch.stack(
        [functional.cosine_similarity(p.float(), z.detach().float()) for p, z in pairs]
    )
    return -similarity.masked_fill(~real, 0.0).sum() / real.sum().clamp(min=1)


def label_loss(task: Task, outputs: Tensor, target: Tensor) -> Tensor:
    """What fine-tuning minimises: cross entropy of a class or of labels, or a number's error.

    Args:
        task: what is learned.
        outputs: logits of classes or labels, or the standardised number, (B, task.outputs).
        target: what is known, as in `Batch.target`, (B, task.targets); of a class or a number
            known throughout, of labels NaN where not.

    Returns:
        Scalar, the mean over what is known, in nats, or in standard deviations of the number.

    >>> answer = Task("season", Kind.BINARY, "season", classes=("summer", "winter"))
    >>> label_loss(answer, torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0]]))
    tensor(0.6931)
    >>> hours = Task("stay", Kind.REGRESSION, "length of stay", unit="hours", mean=50.0, std=10.0)
    >>> label_loss(hours, torch.tensor([[3.0]]), torch.tensor([[60.0]]))
    tensor(2.)
    """
    outputs = outputs.float()
    if task.chooses:
        return functional.cross_entropy(outputs, target[:, 0].long())
    if task.kind == Kind.REGRESSION:
        return functional.l1_loss(outputs, (target - task.mean) / task.std)
    known = ~target.isnan()
    loss = functional.binary_cross_entropy_with_logits(
        outputs, target.nan_to_num(), reduction="none"
    )
    return loss.masked_fill(~known, 0.0).sum() / known.sum().clamp(min=1)


def answered(task: Task, outputs: Tensor) -> Tensor:
    """What outputs of a model say.

    Args:
        task: what was learned.
        outputs: what forward makes of samples, (B, task.outputs).

    Returns:
        Probabilities of the classes, of each label, or the number in its unit, (B, task.outputs).

    >>> hours = Task("stay", Kind.REGRESSION, "length of stay", unit="hours", mean=50.0, std=10.0)
    >>> answered(hours, torch.tensor([[-1.0]]))
    tensor([[40.]])
    """
    if task.chooses:
        return outputs.softmax(dim=1)
    if task.kind == Kind.REGRESSION:
        return outputs * task.std + task.mean
    return outputs.sigmoid()


def ranked(task: Task, outputs: Tensor) -> Tensor:
    """What metrics compare like answers, without their rounding to 0 and 1, (B, task.outputs).

    >>> answer = Task("season", Kind.BINARY, "season", classes=("summer", "winter"))
    >>> ranked(answer, torch.tensor([[1.0, 3.0]]))
    tensor([[0., 2.]])
    """
    if task.kind == Kind.BINARY:
        return outputs - outputs[:, :1]
    return answered(task, outputs) if task.kind == Kind.REGRESSION else outputs


def weighted(losses: Mapping[str, Tensor], objectives: Objectives) -> Tensor:
    """The total: each loss times its weight; baselines' own losses have none and count once.

    >>> weighted({"mlm": torch.tensor(3.0), "mtm": torch.tensor(2.0)}, Objectives(mtm=0.1))
    tensor(3.2000)
    >>> weighted({"mlm": torch.tensor(3.0), "itc": torch.tensor(2.0)}, Objectives())
    tensor(5.)
    """
    weights = {name: getattr(objectives, name, 1.0) for name in losses}
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def difference(prediction: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """The error where it counts, else zero without a gradient, even where the target is NaN."""
    return (prediction.float() - target).masked_fill(~counts, 0.0)
