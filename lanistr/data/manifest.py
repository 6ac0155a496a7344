"""The manifest of a folder of shards: the one file that tells what the others hold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from lanistr.data.card import Card, Facts, Place
from lanistr.errors import ConfigError, DataContractError
from lanistr.modality import Modality


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
    dataset: str = Field(
        pattern=r"^[a-z][a-z0-9_]*(/\w[\w-]*)?$", description="<family>, or <family>/<variant>."
    )
    card: Card
    scale: str
    profile: str
    switches: dict[str, Any]
    text_source: str
    leaky_text: bool
    digest: str
    tables: dict[str, TableFacts]
    timeseries: SeriesFacts | None = None
    image: ImageFacts | None = None
    tabular: dict[str, Any] = Field({}, description="Columns of the table, see `ColumnFacts`.")
    counts: dict[str, dict[str, dict[str, int]]] = Field(
        {}, description="Number of samples by stage, split and pattern of modalities."
    )
    rows: dict[str, Any] | None = Field(
        None, description="How own rows are read; new ones are read alike."
    )
    folder: Path = Field(exclude=True)

    @model_validator(mode="after")
    def _fits_its_card(self) -> Self:
        if self.dataset.split("/")[0] != self.card.name:
            raise ValueError(f"dataset: {self.dataset} has the card of {self.card.name}")
        told = {Modality.IMAGE: self.image, Modality.TIMESERIES: self.timeseries}
        for modality, facts in told.items():
            if modality in self.card.modalities and facts is None:
                raise ValueError(f"{modality}: is in the card, but nothing is said of it")
        return self

    def place(self, modality: Modality) -> Place | None:
        """Where the shards keep a modality; None = they have none of it."""
        return self.card.modalities.get(modality)

    @property
    def columns(self) -> ColumnFacts | None:
        """Columns of the table of the modality tabular, if the dataset has one."""
        if not self.place(Modality.TABULAR):
            return None
        return ColumnFacts.model_validate(self.tabular)

    @property
    def has_described_texts(self) -> bool:
        """Whether the columns of a sample can be written in front of its text (Tab2Txt)."""
        text, tabular = self.place(Modality.TEXT), self.place(Modality.TABULAR)
        return bool(self.card.words and text and tabular and text.key == tabular.key)

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


def least_cache_bytes(manifest: Manifest) -> int:
    """The least that a cache of these shards takes: its pixels and its series, in bytes."""
    rows = {
        modality: manifest.tables[place.table].rows
        for modality, place in manifest.card.modalities.items()
        if place.table in manifest.tables
    }
    image, series = manifest.image, manifest.timeseries
    pixels = image.channels * image.px**2 if image else 0
    steps = math.prod(series.shape[:2]) * 4 + series.shape[0] * series.shape[2] if series else 0
    return rows.get(Modality.IMAGE, 0) * pixels + rows.get(Modality.TIMESERIES, 0) * steps


def read_manifest(path: Path, variant: str | None = None) -> Manifest:
    """The manifest at `path`, checked.

    Args:
        path: manifest.json.
        variant: folder beside it whose manifest is meant; None = the one at `path`.

    Raises:
        ConfigError: there is no such variant.
        DataContractError: not a manifest of schema version 1.
    """
    if variant:
        known = sorted(each.parent.name for each in path.parent.glob("*/manifest.json"))
        if variant not in known:
            raise ConfigError(
                f"--variant {variant}: {path.parent} holds no such variant. Allowed: {known}."
            )
        path = path.parent / variant / path.name
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")), folder=path.parent)
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
