"""The section `rows` of a configuration: what the columns of a person's own files are."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from os.path import expanduser, expandvars
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from preprocessing.card import Part
from preprocessing.errors import ConfigError, SourceMissingError
from reading.delimited import NULLS

# Names that the canonical rows and the shards use themselves.
RESERVED = frozenset(
    {"sample_id", "row_id", "group", "split", "stage", "label"}
    | {"text", "image", "timeseries", "observed"}
)
# Sides of stored pictures: what the small encoders can cut, and what pretrained ones expect.
IMAGE_PX = {"tiny": 64, "small": 224, "paper": 224}

CLASSED = ("binary", "multiclass")

ColumnType = Literal["text", "image", "category", "number", "date", "ignore"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _typed(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _expanded(path: str) -> str:
    return expanduser(expandvars(path))


# Relative to the folder of the description; `~` and `$HOME` as a shell has them.
FilePath = Annotated[str, AfterValidator(_expanded)]
Files = Annotated[tuple[FilePath, ...], BeforeValidator(_listed)]


class Column(Part):
    """What a column holds; the name of its type alone is enough."""

    type: ColumnType
    root: FilePath = Field(".", description="Folder that paths of pictures are below.")
    format: str = Field("", description="Format of dates as strftime writes it; '' = ISO 8601.")
    title: str = Field("", description="Name of the column in words; '' = its name.")


class Question(Part):
    """A task: what is to be predicted."""

    kind: Literal["binary", "multiclass", "multilabel", "regression"]
    column: str = Field("", description="Column with the answer; '' = that of the task's name.")
    labels: tuple[str, ...] = Field((), description="Columns of 0 and 1 of a multilabel task.")
    title: str = Field("", description="Name of the task in captions; '' = its name.")
    classes: tuple[str, ...] = Field((), description="Order of the classes; () = sorted.")
    unit: str = Field("", description="Unit of a regression's number.")
    never_inputs: tuple[str, ...] = Field((), description="Columns that tell the answer.")
    score: str = Field("", description="Metric that selects; '' = the first of the kind.")


class Split(Part):
    """How units come into train, valid and test: by a column, by time, or by a stable hash."""

    column: str = Field("", description="Column that says train, valid or test.")
    time: str = Field("", description="Column of dates: train before valid before test.")
    seed: int = Field(0, description="Seed of the hash; another seed, another partition.")
    valid: float = Field(0.1, gt=0, lt=1, description="Share of units in the validation split.")
    test: float = Field(0.2, gt=0, lt=1, description="Share of units in the test split.")
    stratify: bool = Field(False, description="Same shares in every class of the first task.")


class Series(Part):
    """A table of measurements over time, and how they are put on a grid."""

    source: Files = Field(min_length=1, description="Files of the measurements.")
    layout: Literal["long", "wide"] = Field("long", description="A line per value or per time.")
    id: str = Field(description="Column that names the row that a measurement belongs to.")
    time: str = Field(description="Column of hours, HH:MM or date-times.")
    start: str = Field("", description="Column of the rows that date-times are counted from.")
    variable: str = Field("", description="Column that names what was measured, if long.")
    value: str = Field("", description="Column of the measured number, if long.")
    variables: tuple[str, ...] = Field((), description="Variables in order; () = those of train.")
    step_hours: float = Field(1.0, gt=0, description="Length of a step of the grid.")
    steps: int = Field(gt=0, description="Number of steps.")


class Description(Part):
    """What the files of own data hold."""

    title: str = Field(description="What people call the data set.")
    root: FilePath = Field(".", description="Folder that all files are below.")
    sample: str = Field("row", description="What a row is, such as product.")
    unit: str = Field("", description="What a group is, such as customer; '' = its column.")
    source: Files = Field(min_length=1, description="Files of rows, csv or Parquet.")
    unlabeled: Files = Field((), description="Files of rows for pretraining only.")
    id: str = Field("", description="Column that names a row; '' = its number.")
    group: str = Field("", description="Column of units that are never split; '' = the row.")
    split: Split = Field(Split(), description="How rows come into train, valid and test.")
    tasks: dict[str, Question] = Field(min_length=1, description="The first is the default.")
    columns: dict[str, Annotated[Column, BeforeValidator(_typed)]] = Field(
        min_length=1, description="Every column of the files that has no other part."
    )
    subgroups: tuple[str, ...] = Field(
        (), description="Columns by which results are told: categories, and numbers in quarters."
    )
    text_separator: Literal["\n", ". "] = Field("\n", description="Between joined texts.")
    nulls: tuple[str, ...] = Field(NULLS, description="What stands for nothing.")
    missing_pictures: Literal["refuse", "absent"] = Field(
        "refuse", description="What a path without a file is: a mistake, or no picture."
    )
    image_px: int | None = Field(None, ge=16, description="Side of stored pictures, in pixels.")
    mirror: bool = Field(True, description="Whether a mirrored picture shows the same.")
    series: Series | None = Field(None, description="Measurements over time.")
    folder: Path = Field(Path(), exclude=True, description="What paths are relative to.")

    @classmethod
    def read(cls, source: str | Path, folder: Path | None = None) -> Self:
        """A checked description.

        Args:
            source: YAML file of a configuration with a section `rows`, or such a section, or
                either as JSON.
            folder: what the root of all paths is relative to; the folder of the file if None.

        Raises:
            SourceMissingError: no such file.
            ConfigError: every problem of the description, in one message.
        """
        where, data, beside = _loaded(source)
        section = dict(data.get("rows", data))
        if section.get("image_px") is None:
            section["image_px"] = IMAGE_PX.get(data.get("size", "tiny"), 224)
        try:
            told = cls.model_validate(section)
        except ValidationError as error:
            lines = [f"  {problem}" for problem in _problems(error)]
            raise ConfigError("\n".join([f"{where}, section rows:", *lines])) from None
        # Taken out of the root: new rows, which are read as told here, lie elsewhere.
        return told.model_copy(update={"folder": (folder or beside) / told.root, "root": "."})

    def named(self, kind: ColumnType) -> list[str]:
        """Names of the columns of a type, in the order of the description."""
        return [name for name, column in self.columns.items() if column.type == kind]

    @property
    def table(self) -> dict[str, ColumnType]:
        """Types of the columns of the table."""
        kinds = ("category", "number", "date")
        return {name: c.type for name, c in self.columns.items() if c.type in kinds}

    def answers(self) -> dict[str, tuple[str, ...]]:
        """Columns of the files with the answer of each task."""
        return {
            name: task.labels if task.kind == "multilabel" else (task.column or name,)
            for name, task in self.tasks.items()
        }

    def roles(self) -> set[str]:
        """Columns of the files that need no type, because they have another part."""
        answers = {column for columns in self.answers().values() for column in columns}
        start = self.series.start if self.series else ""
        found = {self.id, self.group, self.split.column, self.split.time, start, *answers}
        return found - {""}

    def plain(self) -> set[str]:
        """Columns of the files that are read, but for pictures: text, numbers and times."""
        kinds = {name for name, c in self.columns.items() if c.type not in ("ignore", "image")}
        return kinds | self.roles()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        problems = [*self._column_problems(), *self._task_problems(), *self._series_problems()]
        if self.split.column and self.split.time:
            problems.append("split: column and time exclude each other")
        if self.split.stratify and (self.split.column or self.split.time):
            problems.append("split.stratify: only a split by hash can be stratified")
        if self.split.stratify and next(iter(self.tasks.values())).kind not in CLASSED:
            problems.append("split.stratify: the first task has no classes; leave it out")
        if self.split.valid + self.split.test >= 1:
            problems.append("split: valid and test leave nothing for train")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _column_problems(self) -> Iterator[str]:
        for name in sorted(RESERVED & self.table.keys()):
            yield f"columns.{name}: is a name of the shards; rename the column in the file"
        if len(images := self.named("image")) > 1:
            yield f"columns: {images} are pictures, allowed is one; set the others to ignore"
        for name in self.subgroups:
            if self.table.get(name) not in ("category", "number"):
                yield f"subgroups: {name} is no column of type category or number; name one that is"
        answers = {column for columns in self.answers().values() for column in columns}
        for name in sorted(answers & {*self.named("text"), *self.named("image")}):
            yield f"columns.{name}: is the answer of a task, so it cannot be text or image"
        if {column.type for column in self.columns.values()} == {"ignore"} and not self.series:
            yield "columns: all are ignored; nothing is left to learn from"

    def _task_problems(self) -> Iterator[str]:
        for name, task in self.tasks.items():
            if not (name.isascii() and name.isidentifier() and name == name.lower()):
                yield f"tasks.{name}: name it in lower-case letters, and say column: {name!r}"
            elif name in RESERVED:
                yield f"tasks.{name}: is a name of the shards; rename it, and say column: {name}"
            elif name in self.table:
                yield f"tasks.{name}: is a column of the table; name it otherwise, and say column"
            if unknown := sorted(set(task.never_inputs) - self.table.keys()):
                yield f"tasks.{name}.never_inputs: {unknown} are no columns of the table"
            if (task.kind == "multilabel") != bool(task.labels):
                yield f"tasks.{name}.labels: columns of 0 and 1, of a multilabel task alone"
            if task.classes and task.kind not in CLASSED:
                yield f"tasks.{name}.classes: {task.kind} has none"
            if len(set(task.classes)) != len(task.classes):
                yield f"tasks.{name}.classes: one stands twice"
            if task.kind == "binary" and len(task.classes) not in {0, 2}:
                yield f"tasks.{name}.classes: binary has 2, found {len(task.classes)}"
            if task.kind == "multiclass" and len(task.classes) in {1, 2}:
                yield f"tasks.{name}.classes: multiclass has 3 or more; of 2, say kind: binary"

    def _series_problems(self) -> Iterator[str]:
        if not self.series:
            return
        if not self.id:
            yield "id: name the column of the rows that series.id refers to"
        for key in ("variable", "value"):
            given = bool(getattr(self.series, key))
            if given != (self.series.layout == "long"):
                yield f"series.{key}: names a column of the long layout, and only of that"


def _loaded(source: str | Path) -> tuple[str, Mapping[str, Any], Path]:
    """What messages call it, its content, and the folder that it lies in."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return "description", json.loads(source), Path()
    path = Path(source)
    try:
        data = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise SourceMissingError(f"{path} is not there. Make one: rows-init FILE.csv.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: is not YAML in UTF-8.") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: holds no keys. Expected is a section rows.")
    return str(path), data, path.parent


def _problems(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_input=False, include_url=False):
        path = [str(key) for key in found["loc"]]
        if found["type"] == "extra_forbidden":
            allowed = list(_section(path).model_fields)
            near = difflib.get_close_matches(path[-1], allowed, 1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
            yield f"{'.'.join(path)}: unknown; {hint}"
        else:
            lines = found["msg"].removeprefix("Value error, ").splitlines()
            yield from (f"{'.'.join(path)}: {line}" if path else line for line in lines)


def _section(path: list[str]) -> type[Part]:
    """The model that a key stands in."""
    inner: dict[str, type[Part]] = {
        "split": Split,
        "series": Series,
        "tasks": Question,
        "columns": Column,
    }
    return inner.get(path[0], Description) if len(path) > 1 else Description
