"""Tasks whose label is planted in one modality, and how well a model learns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lanistr.batch import Batch
from lanistr.evaluation.metrics import weighted_auroc
from lanistr.methods.method import Model

WORDS = torch.tensor([20, 30])  # one for each class
RESAMPLES = 400
NEW = 16  # batches that are asked about


def planted(samples: Batch, where: str, seed: int) -> Batch:
    """Samples with labels that can be read off the modality `where`."""
    label = torch.randint(2, (len(samples),), generator=torch.Generator().manual_seed(seed))
    tokens, pixels = samples.tokens.clone(), samples.pixels.clone()
    if where == "text":
        tokens[:, 1] = WORDS[label]
    if where == "image":
        pixels[:, :, :8] += 2.0 * label[:, None, None, None]
    return replace(samples, tokens=tokens, pixels=pixels, target=label[:, None].float())


def shuffled(samples: Batch, seed: int) -> Batch:
    """The samples with each other's labels, whatever their modalities say of their own."""
    rng = torch.Generator().manual_seed(1000 + seed)
    order = torch.randperm(len(samples), generator=rng)
    return replace(samples, target=samples.target[order])


@dataclass(frozen=True)
class Outcome:
    """Mean losses of the first and the last five steps, and the AUROC of new samples at 99 %."""

    first: float
    last: float
    low: float
    high: float


def fitted(model: Model, learned: Sequence[Batch], *, steps: int, lr: float) -> list[float]:
    """Fine-tune on a few batches again and again; returns the loss of each step.

    Args:
        model: in training mode.
        learned: the batches.
        steps: steps of the optimiser.
        lr: rate of the optimiser.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=lr)
    losses = []
    for step in range(steps):
        batch = learned[step % len(learned)]
        loss = model.label_loss(model(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.after_step((step + 1) / steps)
        losses.append(loss.item())
    return losses


def outcome(model: Model, make: Callable[[int], Batch], *, steps: int, lr: float) -> Outcome:
    """Fine-tune on a few batches again and again, then ask about new samples.

    Args:
        model: in training mode.
        make: a batch for each number; the first four are learned from.
        steps: of the optimiser.
        lr: of the optimiser.
    """
    losses = fitted(model, [make(number) for number in range(4)], steps=steps, lr=lr)
    new = [make(100 + number) for number in range(NEW)]
    with torch.no_grad():
        logits = torch.cat([model.eval()(batch) for batch in new]).double()
    label = torch.cat([batch.target[:, 0] for batch in new]).numpy()
    score = (logits[:, 1] - logits[:, 0]).numpy()
    n = len(label)
    resamples = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    values = weighted_auroc(label, score, resamples)
    return Outcome(np.mean(losses[:5]), np.mean(losses[-5:]), *np.quantile(values, [0.005, 0.995]))
