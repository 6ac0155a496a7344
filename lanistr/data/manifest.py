"""The manifest of a folder of shards: the one file that tells what the others hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from lanistr.data.card import Facts
from lanistr.errors import ConfigError, DataContractError
from lanistr.modality import Modality


@dataclass(frozen=True)
class Layout:
    """Where the shards of a dataset keep what lanistr reads.

    Attributes:
        tables: the table of each modality.
        keys: the column of that table and of `samples` which names a row.
        subject: column of `samples` with the patient or product that a sample is about.
        labels: what the classes are called, in order.
    """

    tables: Mapping[Modality, str]
    keys: Mapping[Modality, str]
    subject: str
    labels: tuple[str, ...]


LAYOUTS = {
    "mimic": Layout(
        {Modality.TEXT: "notes", Modality.IMAGE: "images", Modality.TIMESERIES: "timeseries"},
        {Modality.TEXT: "note_id", Modality.IMAGE: "dicom_id", Modality.TIMESERIES: "stay_id"},
        "subject_id",
        ("survived", "died"),
    ),
    "amazon": Layout(
        {Modality.TEXT: "text", Modality.IMAGE: "images", Modality.TABULAR: "tabular"},
        {Modality.TEXT: "sample_id", Modality.IMAGE: "image_id", Modality.TABULAR: "sample_id"},
        "asin",
        ("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
    ),
}


class TableFacts(Facts):
    """One table of the shards."""

    rows: int = Field(ge=0)
    parts: int = Field(gt=0, description="Files part-00000.parquet and so on.")
    folder: str = Field(".", description="Where its folder is, if other shards hold it.")


class SeriesFacts(Facts):
    """Columns of the time series and their train-only statistics."""

    hours: int = Field(gt=0)
    variable_names: list[str]
    variable_of_value: list[int]
    mean: list[float]
    std: list[float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Hours, value columns and variables."""
        return self.hours, len(self.variable_of_value), len(self.variable_names)


class ImageFacts(Facts):
    """How the images are stored."""

    px: int = Field(gt=0)
    channels: Literal[1, 3] = Field(1, description="Grey or RGB.")
    findings: list[str] = Field([], description="What radiographs are labelled with, if at all.")


class ColumnFacts(Facts):
    """Columns of a table; the code of a category `x` is in `x_code`, a number in `x_scaled`."""

    identifiers: dict[str, int] = Field(description="Codes of each, reserved ones included.")
    categorical: dict[str, list[str]] = Field(description="Values of each, by code.")
    numeric: dict[str, Any]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of codes of each category, identifiers first."""
        return {**self.identifiers, **{k: len(values) for k, values in self.categorical.items()}}


class Manifest(Facts):
    """What preprocessing says about its shards."""

    schema_version: Literal[1]
    dataset: str = Field(pattern=rf"^({'|'.join(LAYOUTS)})$")
    scale: str
    profile: str
    switches: dict[str, Any]
    text_source: str
    leaky_text: bool
    digest: str
    tables: dict[str, TableFacts]
    timeseries: SeriesFacts | None = None
    image: ImageFacts
    tabular: dict[str, Any] = Field({}, description="Columns of the table, see `ColumnFacts`.")
    text_sources: dict[str, dict[str, Any]] = Field(
        {}, description="What differs between the text sources of one manifest, by category."
    )
    folder: Path = Field(exclude=True)

    @property
    def layout(self) -> Layout:
        """Where the tables keep what lanistr reads."""
        return LAYOUTS[self.dataset.split("/")[0]]

    @property
    def columns(self) -> ColumnFacts | None:
        """Columns of the table of the modality tabular, if the dataset has one."""
        if Modality.TABULAR not in self.layout.tables:
            return None
        return ColumnFacts.model_validate(self.tabular)

    def of_category(self, category: str) -> Manifest:
        """The part that tells of one review category or text source, as a dataset of its own.

        Raises:
            ConfigError: there is no such category.
        """
        if category not in self.tabular or f"{category}/samples" not in self.tables:
            known = sorted(name.split("/")[0] for name in self.tables if name.endswith("/samples"))
            raise ConfigError(
                f"--category {category}: {self.folder} holds no such category. Allowed: {known}."
            )
        own = {
            name.removeprefix(f"{category}/"): facts
            for name, facts in self.tables.items()
            if name.startswith(f"{category}/")
        }
        changes = {
            "dataset": f"{self.dataset}/{category}",
            "tables": own,
            "tabular": self.tabular[category],
            "folder": self.folder / category,
            **self.text_sources.get(category, {}),
        }
        return self.model_copy(update=changes)

    def parts(self, table: str) -> list[Path]:
        """The files of a table, in the order that numbers its rows.

        Raises:
            DataContractError: files are missing.
        """
        paths = [
            self.folder / self.tables[table].folder / table / f"part-{number:05d}.parquet"
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
