"""The card of a data set: what it says of itself, once, in the manifest of its shards.

`lanistr.data.card` is the other side of the same contract; a test ties both.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Modality = Literal["text", "image", "tabular", "timeseries"]


class Part(BaseModel):
    """A part of a card: refuses what it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Noun(Part):
    """What something is called in captions."""

    singular: str
    plural: str


class Unit(Noun):
    """What splits, bootstraps and counts are over, such as a patient or a product."""

    column: str = Field(description="Column of `samples` that names the unit of a sample.")


class Place(Part):
    """Where the shards keep a modality."""

    table: str = Field(description="Folder of the table's parts.")
    key: str = Field(description="Column of that table and of `samples` that names a row.")


class Phrase(Part):
    """How a column of the table is written in words."""

    column: str
    name: str = Field(description="What the column is called in a text.")
    form: Literal["plain", "flag", "date"] = Field(
        "plain", description="The value as it is, yes or no, or the day of Unix seconds."
    )


class Subgroup(Part):
    """A column by whose values results are told apart."""

    column: str = Field(description="Column of the table of the modality tabular.")
    title: str = Field(description="What the column is called in captions.")
    cuts: tuple[float, ...] = Field(
        (), description="Of a number where each band but the first begins; () = a category."
    )


class Task(Part):
    """One question about a sample; its answer stands in the column of `samples` of its name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Literal["binary", "multiclass", "multilabel", "regression"]
    title: str = Field(description="What the task is called in captions.")
    classes: tuple[str, ...] = Field(
        (), description="In the order of their numbers; of a binary task the negative one first."
    )
    unit: str = Field("", description="Unit of a regression's number.")
    mean: float = Field(0.0, description="Mean of a regression's number over the train split.")
    std: float = Field(1.0, gt=0, description="Standard deviation of it there.")
    never_inputs: tuple[str, ...] = Field(
        (), description="Columns of the table that tell the answer: no input of this task."
    )
    score: str = Field("", description="Metric that selects and is reported; '' = the first.")


class Card(Part):
    """What a data set says of itself."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="First part of `dataset`.")
    title: str = Field(description="What people call the data set.")
    unit: Unit
    sample: Noun
    modalities: dict[Modality, Place] = Field(min_length=1)
    variants: str = Field("", description="What variants are, such as 'category'; '' = none.")
    tasks: tuple[Task, ...] = Field(min_length=1, description="The first is the default.")
    words: tuple[Phrase, ...] = Field((), description="Columns as words; most telling first.")
    subgroups: tuple[Subgroup, ...] = Field((), description="What results are told by.")
    mirror: bool = Field(True, description="Whether a mirrored picture shows the same.")
    leaky: str = Field("may name the label", description="Why a text that leaks does so.")

    @model_validator(mode="after")
    def _tasks_differ(self) -> Self:
        names = [task.name for task in self.tasks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tasks: {twice} stand twice")
        return self

    def facts(self) -> dict[str, Any]:
        """The card as the manifest holds it."""
        return self.model_dump(mode="json")
