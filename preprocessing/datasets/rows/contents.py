"""What canonical rows hold: the file beside them that the shards are made by.

An adapter of another raw format writes such a file and such rows, and has shards.

| Column of the rows | |
| :-- | :-- |
| `row_id` | name of the row, unique |
| `group` | unit of splits and intervals |
| `split` | train, valid or test |
| one of each task's name | class number, number, or list of 0 and 1; null = not known |
| `text` | words |
| `image` | path of a picture, or its bytes |
| one of each table column's name | category as a string, number, date in seconds since 1970 |
| `timeseries` | steps * variables in their units, NaN = not observed |
| `observed` | steps * variables, 1 = observed |

Null means absent. Columns of modalities that are not there are left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from preprocessing.card import Noun, Part, Task
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.shards import write_facts


class Grid(Part):
    """Steps and variables of the series."""

    steps: int = Field(gt=0)
    step_hours: float = Field(gt=0)
    variables: tuple[str, ...] = Field(min_length=1)


class TableColumn(Part):
    """A column of the table."""

    type: Literal["category", "number", "date"]
    title: str = Field(description="Name of the column in words.")


class Contents(Part):
    """What canonical rows hold."""

    title: str = Field(description="What people call the data set.")
    unit: Noun = Field(description="What a group is.")
    sample: Noun = Field(description="What a row is.")
    tasks: tuple[Task, ...] = Field(min_length=1, description="Without mean and deviation.")
    text: bool = Field(False, description="Whether rows have words.")
    image_px: int | None = Field(None, description="Side of stored pictures; None = no pictures.")
    columns: dict[str, TableColumn] = Field({}, description="Columns of the table, in order.")
    series: Grid | None = Field(None, description="Grid of the series, if there are any.")
    subgroups: tuple[str, ...] = Field((), description="Columns by which results are told.")
    mirror: bool = Field(True, description="Whether a mirrored picture shows the same.")
    leaky: str = Field("may name the label", description="Why a text that leaks does so.")
    inputs: dict[str, str] = Field({}, description="Digest of each file that was read.")
    description: dict[str, Any] | None = Field(None, description="How new rows are read.")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The contents in a file.

        Raises:
            SourceMissingError: no such file.
            DataContractError: it holds something else.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise SourceMissingError(f"{path} is not there: the step rows-read makes it.") from None
        except (ValidationError, json.JSONDecodeError) as error:
            raise DataContractError(
                f"{path} is not of this version ({type(error).__name__}): make it again with the "
                "step rows-read."
            ) from None

    def write(self, path: Path) -> None:
        """Write the file."""
        write_facts(self.model_dump(mode="json"), path)
