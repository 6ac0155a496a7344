"""From an experiment and the shape of its data to a model, with random or pretrained weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from lanistr.batch import InputSpec
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.modality import Modality

if TYPE_CHECKING:
    from torch import nn

    from lanistr.methods.method import Model


@dataclass(frozen=True)
class Origin:
    """What a model was built from.

    Attributes:
        experiment: its architecture and objectives, and how it is trained.
        spec: what the data fix, and the task.
    """

    experiment: Experiment
    spec: InputSpec


def build(experiment: Experiment, spec: InputSpec) -> Model:
    """The model of an experiment, in training mode, with nothing frozen by a recipe yet.

    Random weights follow from the seed last given to `torch.manual_seed` and from the name of
    the part alone: an encoder starts the same whichever other modalities the experiment has.

    Args:
        experiment: method, stage, modalities, sizes and objectives.
        spec: what the data fixes.

    Raises:
        ConfigError: sizes that do not fit the data, a modality without an encoder, or a method
            that builds its models itself.
        WeightsError: pretrained weights that are missing or do not fit.
    """
    builder = methods()[experiment.method].build
    if builder is None:
        others = [name for name, method in methods().items() if method.build]
        raise ConfigError(
            f"{experiment.name}: {experiment.method} builds and saves its models itself, so that "
            "they can be trained (lanistr train) and asked about the test split (lanistr predict "
            f"--run), no more. All else is for the methods {', '.join(others)}."
        )
    # Resolved here and no sooner: a model's module may itself read models from folders.
    model: Model = resolve_name(builder)(experiment, spec).train()
    model.origin = Origin(experiment, spec)
    return model


def frozen_encoders(experiment: Experiment, anew: tuple[str, ...] = ()) -> frozenset[Modality]:
    """The encoders of `experiment.frozen` but for those that the initial weights did not fit.

    Args:
        experiment: what is trained.
        anew: tensors that the initial weights did not fit; their encoders must learn.
    """
    return frozenset(
        modality
        for modality in experiment.frozen
        if experiment.has_library_weights(modality)
        or not any(name.startswith(f"encoders.{modality}.") for name in anew)
    )


def trained_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Parameters per part, such as `encoders.text` or `head`; a shared tensor counts once.

    The sum of the values is the model's total. Published totals follow another rule: they count
    the poolers that the libraries' encoders bring along, which LANISTR never uses.
    """
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        depth = 2 if name.startswith(("encoders.", "heads.", "student.")) else 1
        counts[".".join(name.split(".")[:depth])] += parameter.numel()
    return dict(counts)
