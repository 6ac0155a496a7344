"""What a step minimises and what an epoch is judged by, for both stages of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lanistr.batch import Batch, Source
from lanistr.data.samples import batches, plan_in_order
from lanistr.evaluation.metrics import primary_of
from lanistr.experiments.config import Experiment
from lanistr.methods.method import Model
from lanistr.models.collapse import describe_spread
from lanistr.models.losses import ranked, weighted
from lanistr.models.masking import hide_modalities
from lanistr.task import Task
from lanistr.training.distributed import World

EMBEDDED = 512  # validation samples, or as many as fill a batch, that show a collapse


def seeded(*names: int | str) -> int:
    """A seed that depends on these names alone.

    >>> seeded(0, "step", 7) == seeded(0, "step", 7) != seeded(0, "step", 8)
    True
    """
    words = np.frombuffer("/".join(map(str, names)).encode(), np.uint8)
    return int(np.random.SeedSequence(words.tolist()).generate_state(1, np.uint64)[0] >> 1)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on GPUs, full precision on CPUs."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def losses(
    model: Any, batch: Batch, rng: torch.Generator, experiment: Experiment
) -> dict[str, Tensor]:
    """Unweighted losses by term: the model's own in pretraining, else that of the task.

    Args:
        model: LANISTR or a baseline, perhaps wrapped for many processes.
        batch: on the model's device.
        rng: decides what a masked view hides, and what modality dropout.
        experiment: its stage.
    """
    if experiment.stage == "pretrain":
        return model(batch, rng)
    if ratio := experiment.data.modality_dropout:
        hidden = hide_modalities(batch.present, ratio, rng)
        batch = replace(batch, present=batch.present & ~hidden)
    method: Model = getattr(model, "module", model)  # what the wrapper wraps
    return {"label": method.label_loss(model(batch), batch)}


def total(terms: Mapping[str, Tensor], experiment: Experiment) -> Tensor:
    """The scalar that is minimised."""
    if experiment.stage == "pretrain":
        return weighted(terms, experiment.objectives)
    return terms["label"]


@torch.no_grad()
def validate(
    model: Model, samples: Source, experiment: Experiment, world: World, batch_size: int
) -> dict[str, Any]:
    """Mean losses over the validation samples and, in fine-tuning, the task's first metric.

    What is hidden depends on the batch alone, so epochs, seeds and numbers of processes compare.

    Returns:
        `valid/loss`, `valid/loss/<term>` and, such as `valid/auroc`, `valid/<metric>`, None where
        it is not defined; in pretraining how far embeddings have collapsed, see `models.collapse`;
        empty when there are no samples.
    """
    if not len(samples):
        return {}
    model.eval()
    plan = plan_in_order(len(samples), batch_size)
    mine = range(world.rank, len(plan), world.size)
    rows = []
    for number, batch in zip(mine, batches(samples, [plan[i] for i in mine]), strict=True):
        rng = torch.Generator().manual_seed(seeded("valid", number))
        row = _validated(model, batch.to(world.device), rng, experiment)
        if experiment.stage == "pretrain" and number * batch_size < EMBEDDED:
            row["embeddings"] = _embedded(model, batch.to(world.device))
        rows.append(row)
    rows = [row for part in world.gathered(rows) for row in part]
    n = np.array([row["n"] for row in rows])
    names = [name for name in rows[0] if name.startswith("valid/")]
    record: dict[str, Any] = {
        name: float(np.average([row[name] for row in rows], weights=n)) for name in names
    }
    if experiment.stage == "finetune":
        target = np.concatenate([row["target"] for row in rows])
        answer = np.concatenate([row["answer"] for row in rows])
        metric = primary_of(model.task)
        value = metric.function(target, answer, np.ones((1, len(target))))[0]
        record[f"valid/{metric.name}"] = None if np.isnan(value) else float(value)
    return record | _collapse([row["embeddings"] for row in rows if "embeddings" in row])


def _embedded(model: Model, batch: Batch) -> dict[str, Tensor]:
    """What must not collapse, of a batch."""
    with autocast(batch.target.device):
        return {name: each.float().cpu() for name, each in model.embeddings(batch).items()}


def _collapse(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """How far embeddings have collapsed, over the validation samples that were embedded."""
    names = parts[0] if parts else ()
    whole = {name: torch.cat([part[name] for part in parts]) for name in names}
    return {f"valid/{name}": value for name, value in describe_spread(whole).items()}


def _validated(
    model: Model, batch: Batch, rng: torch.Generator, experiment: Experiment
) -> dict[str, Any]:
    """Losses of one batch and, in fine-tuning, what is known and what the model says."""
    row: dict[str, Any] = {"n": len(batch)}
    with autocast(batch.target.device):
        if experiment.stage == "pretrain":
            terms = losses(model, batch, rng, experiment)
        else:
            outputs = model(batch).float()
            terms = {"label": model.label_loss(outputs, batch)}
            row["target"] = batch.target.cpu().numpy()
            row["answer"] = ranked(model.task, outputs).cpu().numpy()
    row["valid/loss"] = float(total(terms, experiment))
    return row | {f"valid/loss/{name}": float(value) for name, value in terms.items()}


def merit(record: Mapping[str, Any], task: Task | None) -> list[float]:
    """How good an epoch is, to be compared from left to right; from validation alone.

    The metric of the task where there is one, ties broken by the loss; else the loss; without
    validation samples the latest epoch.

    Args:
        record: of the epoch.
        task: what is learned; None in pretraining.

    >>> from lanistr.task import Kind
    >>> answer = Task("season", Kind.BINARY, "season", classes=("summer", "winter"))
    >>> merit({"epoch": 3, "valid/loss": 0.5, "valid/auroc": 0.8}, answer)
    [0.8, -0.5]
    >>> merit({"epoch": 3, "valid/loss": 0.5, "valid/auroc": None}, answer)
    [-0.5]
    >>> merit({"epoch": 3, "valid/loss": 0.5, "valid/mae": 7.0}, Task("stay", Kind.REGRESSION, ""))
    [-7.0, -0.5]
    >>> merit({"epoch": 3}, None)
    [3]
    """
    if "valid/loss" not in record:
        return [record["epoch"]]
    lost = -record["valid/loss"]
    metric = primary_of(task) if task else None
    if metric is None or (value := record.get(f"valid/{metric.name}")) is None:
        return [lost]
    return [value if metric.higher_is_better else -value, lost]
