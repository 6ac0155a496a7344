"""What fine-tuning learns of a sample: a class, several labels, or a number.

A task is described by the data set, in its card; all that depends on the kind of a task is here,
in `lanistr.models.losses` and in `lanistr.evaluation.metrics`, and nothing else asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of tasks."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Task:
    """One question about a sample.

    Attributes:
        name: the column of the shards' samples that holds the answer.
        kind: what sort of answer it is.
        title: what the task is called in captions, such as "in-hospital mortality".
        classes: names of the classes in the order of their numbers, of a binary task the negative
            one first; of a multilabel task the names of its labels; none of a regression.
        unit: unit of a regression's number, such as "hours".
        mean: mean of a regression's number over the train split.
        std: standard deviation of it there, above 0.
        never_inputs: columns of the table that tell the answer and are no input of this task.
        score: name of the metric that selects the epoch and is reported; empty = the first of the
            kind's metrics.
    """

    name: str
    kind: Kind
    title: str
    classes: tuple[str, ...] = ()
    unit: str = ""
    mean: float = 0.0
    std: float = 1.0
    never_inputs: tuple[str, ...] = ()
    score: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers of classes that the kind cannot have."""
        fits = {
            Kind.BINARY: len(self.classes) == 2,
            Kind.MULTICLASS: len(self.classes) > 2,
            Kind.MULTILABEL: len(self.classes) > 0,
            Kind.REGRESSION: not self.classes,
        }
        if not fits[Kind(self.kind)]:
            raise ValueError(
                f"task {self.name}: {self.kind} with {len(self.classes)} classes; binary has 2, "
                "multiclass more, multilabel at least 1, regression none"
            )

    @property
    def outputs(self) -> int:
        """Width of what a model puts out: a logit per class or label, or one number."""
        return len(self.classes) or 1

    @property
    def chooses(self) -> bool:
        """Whether the answer is one of several classes, whose probabilities add up to 1."""
        return self.kind in (Kind.BINARY, Kind.MULTICLASS)

    @property
    def targets(self) -> int:
        """Width of what is known of a sample: a number per label, else one."""
        return len(self.classes) if self.kind == Kind.MULTILABEL else 1
