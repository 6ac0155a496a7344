"""What a run asks of a machine, counted on its own modules without weights, data or a GPU.

Everything is counted in one step of `training.hollow`, at the run's micro-batch, as if every
sample had every modality and the longest text: floating-point operations of matrix products,
forward and backward, heads included; and the memory that weights, gradients and activations take
under autocast. Frozen encoders are counted apart, as a fine-tuning keeps what they make.

Left out are what no product does (normalisation, activations, the optimiser's step), the samples
whose embeddings validation looks at, and dropout, whose masks take memory on a GPU and whose
attention would be another kernel on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.methods.build import build, trained_parameters
from lanistr.methods.method import Model
from lanistr.methods.pretrained import without_weights
from lanistr.methods.sizes import build_trained
from lanistr.modality import Modality
from lanistr.models.encoders import EncodedBatch, Tokens
from lanistr.training import objective
from lanistr.training.hollow import Hollow, counting
from lanistr.training.schedule import micro_batch_size

MOMENTS = 2  # numbers that Adam keeps for each weight, in float32
SpecOf = Callable[[Experiment], InputSpec]


@dataclass(frozen=True)
class Work:
    """What a run asks of each process that trains it.

    Attributes:
        step_flops: floating-point operations of a sample in a step, forward and backward.
        ask_flops: of a sample of which the model is only asked.
        keep_flops: of what frozen encoders make of a sample, with one view of its image.
        parameters: numbers in the model.
        trained: those that training changes.
        gpu_bytes: the most that tensors take on the device, without its context and kernels.
        kept_bytes: what is kept of a sample in place of frozen encoders, for each modality.
        batch_bytes: of a micro-batch in main memory.
    """

    step_flops: float
    ask_flops: float
    keep_flops: float
    parameters: int
    trained: int
    gpu_bytes: int
    kept_bytes: Mapping[Modality, int]
    batch_bytes: int


def work_of(
    experiment: Experiment, spec_of: SpecOf, init: Sequence[Experiment] = (), processes: int = 1
) -> Work | None:
    """The work of a run; None = of a method that trains without torch.

    A method with a library's own trainer counts as the method that stands for it.

    Args:
        experiment: what is trained.
        spec_of: what the data fix about the inputs of an experiment's model.
        init: the experiments that `experiment.init` names.
        processes: that share a batch.

    Raises:
        ConfigError: sizes that do not fit the data, or a batch that cannot be divided.
    """
    if stand_in := methods()[experiment.method].counted_as:
        experiment = experiment.model_copy(update={"method": stand_in, "freeze": "none"})
        processes = 1  # a library's own trainer divides no batch
    if not methods()[experiment.method].build:
        return None
    size = micro_batch_size(experiment.optim, processes)
    with Hollow() as memory:
        model = build_trained(experiment, partial(unweighted, spec_of=spec_of), init)
        batch = made_up(spec_of(experiment), size)
        memory.peak = memory.held
        with counting() as counter:
            with torch.autocast("cpu", torch.bfloat16):
                encoded = encoded_once(model, batch, experiment)
                kept = counter.get_total_flops()
                terms = objective.losses(model, encoded, torch.Generator(), experiment)
            asked = counter.get_total_flops()
            objective.total(terms, experiment).backward()
        trained = trained_parameters(model)
        return Work(
            step_flops=(counter.get_total_flops() - kept) / size,
            ask_flops=(asked - kept) / size,
            keep_flops=kept / size,
            parameters=sum(weight.numel() for weight in model.parameters()),
            trained=trained,
            gpu_bytes=memory.peak + 4 * MOMENTS * trained,
            kept_bytes=kept_bytes(encoded),
            batch_bytes=sum(slot.nbytes for slot in vars(batch).values()),
        )


def unweighted(experiment: Experiment, spec_of: SpecOf) -> Model:
    """The model of an experiment, whatever its weights, without dropout."""
    settings = without_dropout(without_weights(experiment.model_dump()))
    return build(Experiment.model_validate(settings), spec_of(experiment))


def without_dropout(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with a dropout of 0, whichever part has one.

    >>> without_dropout({"text": {"dropout": 0.1, "hidden": 768}})
    {'text': {'dropout': 0.0, 'hidden': 768}}
    """
    return {
        key: without_dropout(value)
        if isinstance(value, dict)
        else 0.0
        if key == "dropout"
        else value
        for key, value in settings.items()
    }


def made_up(spec: InputSpec, size: int) -> Batch:
    """Samples that have every modality, with the longest texts."""
    words = torch.full((size, spec.max_tokens), spec.mask_token_id + 1)
    hours = (size, spec.series_steps)
    return Batch(
        sample_id=torch.arange(size),
        tokens=words,
        is_token=torch.ones_like(words, dtype=torch.bool),
        pixels=torch.zeros(size, 3, spec.image_px, spec.image_px),
        series=torch.zeros(*hours, spec.series_values),
        observed=torch.ones(*hours, spec.series_variables, dtype=torch.bool),
        present=torch.ones(size, len(Modality), dtype=torch.bool),
        target=torch.zeros(size, spec.task.targets if spec.task else 0),
        categories=torch.zeros(size, len(spec.category_names), dtype=torch.int64),
        numbers=torch.zeros(size, len(spec.number_names)),
        findings=torch.zeros(size, len(spec.finding_names), dtype=torch.int64),
    )


@torch.no_grad()
def encoded_once(model: Model, batch: Batch, experiment: Experiment) -> Batch:
    """The batch with what a fine-tuning keeps of it, as `training.features` does."""
    encoders = model.frozen_encoders() if experiment.stage == "finetune" else {}
    if not encoders:
        return batch
    tokens = {modality: encode(batch) for modality, encode in encoders.items()}
    slots = {slot.name: getattr(batch, slot.name) for slot in fields(Batch)}
    return EncodedBatch(**slots, encoded=tokens)


def kept_bytes(batch: Batch) -> dict[Modality, int]:
    """What the tokens of a sample take in the files of `training.features`, in float32."""
    encoded: Mapping[Modality, Tokens] = getattr(batch, "encoded", {})
    return {modality: 4 * tokens.states[0].numel() for modality, tokens in encoded.items()}
