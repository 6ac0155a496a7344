"""The card of a data set: what it says of itself, once, in the manifest of its shards.

`preprocessing.card` is the other side of the same contract; a test ties both.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lanistr.modality import Modality
from lanistr.task import Task


class Facts(BaseModel):
    """A section of the manifest; what lanistr does not need is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Noun(Facts):
    """What something is called in captions."""

    singular: str
    plural: str


class Unit(Noun):
    """What splits, bootstraps and counts are over, such as a patient or a product."""

    column: str = Field(description="Column of `samples` that names the unit of a sample.")


class Place(Facts):
    """Where the shards keep a modality."""

    table: str = Field(description="Folder of the table's parts.")
    key: str = Field(description="Column of that table and of `samples` that names a row.")


class Phrase(Facts):
    """How a column of the table is written in words."""

    column: str
    name: str = Field(description="What the column is called in a text.")
    form: Literal["plain", "flag", "date"] = Field(
        "plain", description="The value as it is, yes or no, or the day of Unix seconds."
    )


class Card(Facts):
    """What a data set says of itself."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="First part of `dataset`.")
    title: str = Field(description="What people call the data set.")
    unit: Unit
    sample: Noun
    modalities: dict[Modality, Place] = Field(min_length=1)
    variants: str = Field("", description="What variants are, such as 'category'; '' = none.")
    tasks: tuple[Task, ...] = Field(min_length=1, description="The first is the default.")
    words: tuple[Phrase, ...] = Field((), description="Columns as words; most telling first.")
    mirror: bool = Field(True, description="Whether a mirrored picture shows the same.")
    leaky: str = Field("may name the label", description="Why a text that leaks does so.")

    def task(self, name: str | None) -> Task:
        """The task of this name; None = the first.

        Raises:
            KeyError: there is no such task; names those that there are.
        """
        found = {task.name: task for task in self.tasks}
        if name is None:
            return self.tasks[0]
        if name not in found:
            raise KeyError(f"task: {self.title} has no {name}. Allowed: {', '.join(found)}.")
        return found[name]
