"""The manifest of a folder of shards: the one file that tells what the others hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lanistr.errors import DataContractError


class Facts(BaseModel):
    """A section of the manifest; what lanistr does not need is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TableFacts(Facts):
    """One table of the shards."""

    rows: int = Field(ge=0)
    parts: int = Field(gt=0, description="Files part-00000.parquet and so on.")


class SeriesFacts(Facts):
    """Columns of the time series and their train-only statistics."""

    hours: int = Field(gt=0)
    variable_names: list[str]
    variable_of_value: list[int]
    mean: list[float]
    std: list[float]


class ImageFacts(Facts):
    """How the radiographs are stored."""

    px: int = Field(gt=0)


class Manifest(Facts):
    """What preprocessing says about its shards."""

    schema_version: Literal[1]
    dataset: str
    scale: str
    profile: str
    switches: dict[str, Any]
    text_source: str
    leaky_text: bool
    digest: str
    tables: dict[str, TableFacts]
    timeseries: SeriesFacts
    image: ImageFacts
    folder: Path = Field(exclude=True)

    def parts(self, table: str) -> list[Path]:
        """The files of a table, in the order that numbers its rows.

        Raises:
            DataContractError: files are missing.
        """
        paths = [
            self.folder / table / f"part-{number:05d}.parquet"
            for number in range(self.tables[table].parts)
        ]
        if missing := [path.name for path in paths if not path.is_file()]:
            raise DataContractError(
                f"{self.folder / table} lacks {missing}, which the manifest lists. "
                "Make the shards again: snakemake shards."
            )
        return paths

    @property
    def provenance(self) -> dict[str, Any]:
        """What tables and runs must state about their data."""
        return self.model_dump(
            include={
                "dataset",
                "scale",
                "profile",
                "switches",
                "text_source",
                "leaky_text",
                "digest",
            }
        )


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`, checked.

    Raises:
        DataContractError: not a manifest of schema version 1.
    """
    try:
        return Manifest(**json.loads(path.read_text()), folder=path.parent)
    except FileNotFoundError:
        raise DataContractError(
            f"{path} is not there. Make the shards first: snakemake shards."
        ) from None
    except (ValidationError, json.JSONDecodeError) as error:
        problems = (
            [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            if isinstance(error, ValidationError)
            else [f"  {error}"]
        )
        raise DataContractError(
            "\n".join([f"{path} is not a manifest of schema version 1:", *problems])
        ) from None
