"""What the tables are called and hold, which lives once, as data, in config/tables.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lanistr.errors import ConfigError
from lanistr.experiments.problems import tell_problems
from lanistr.experiments.recipes import read_mapping


class Layout(BaseModel):
    """What is known of a table before anything was run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(description="Heading of the table, such as 'Table 1: mortality'.")
    data: str = Field(description="Data set of the rows, or the family that theirs are of.")
    task: str | None = Field(None, description="What its rows learn; null = the data set's first.")
    names: dict[str, str] = Field({}, description="What the paper calls data sets, if otherwise.")
    note: str = Field("", description="Sentence of its own for the caption.")
    all: bool = Field(False, description="Whether the table is part of the target `tables`.")
    seeds: list[int] | None = Field(None, description="Seeds of its runs, if not those of all.")
    also: list[str] = Field([], description="Targets that its target makes too.")
    ceiling: bool = Field(False, description="Whether an ideal reader of generated data is told.")
    predictions: bool = Field(False, description="Whether the report draws its predictions.")
    curve: Literal["unlabeled", "labels"] | None = Field(
        None,
        description="What a curve of the rows is over: shares of the unlabeled data, or labels.",
    )

    def told(self, dataset: str) -> str:
        """What the table calls a data set."""
        return self.names.get(dataset, dataset)

    @property
    def family(self) -> str:
        """The first part of its data set's name."""
        return self.data.partition("/")[0]


def read_layouts(path: Path) -> dict[str, Layout]:
    """Every table by its name, in the file's order.

    Raises:
        ConfigError: the file is not there, or an entry has keys that are not known.
    """
    found = {}
    for name, entry in read_mapping(path).items():
        try:
            found[name] = Layout.model_validate(entry)
        except ValidationError as error:
            keys = " ".join(tell_problems(Layout, error))
            raise ConfigError(f"{path}, {name}: {keys}") from None
    return found


def layout_of(path: Path, table: str) -> Layout:
    """The entry of a table.

    Raises:
        ConfigError: there is none.
    """
    layouts = read_layouts(path)
    if table not in layouts:
        raise ConfigError(f"{path} has no table {table}. Allowed: {', '.join(layouts)}.")
    return layouts[table]
