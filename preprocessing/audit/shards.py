"""The shards of any data set as the audits see them, through the card in their manifest."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
from pydantic import ValidationError

from preprocessing.audit.among import Among
from preprocessing.card import Card, Task
from preprocessing.errors import DataContractError, SourceMissingError

NO_ALIAS: Mapping[str, str] = MappingProxyType({})


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SourceMissingError: there is no such file.
        DataContractError: it is no JSON.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SourceMissingError(f"{path} is not there. Make it: {made_by}.") from None
    except ValueError:
        raise DataContractError(f"{path} is not JSON. Make it again: {made_by}.") from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of shards."""
    return read_json(folder / "manifest.json", "snakemake shards")


def open_variants(folder: Path) -> list["Shards"]:
    """The shards of a folder, or of every variant where its manifest is that of all of them.

    Such a manifest lists tables as "<variant>/<table>"; each variant has one of its own.
    """
    tables = read_manifest(folder)["tables"]
    if "samples" in tables:
        return [Shards.open(folder)]
    names = dict.fromkeys(name.partition("/")[0] for name in tables)
    return [replace(Shards.open(folder / name), variant=name) for name in names]


@dataclass(frozen=True)
class Shards:
    """Shards of a data set, or of one variant of it.

    Attributes:
        folder: place of manifest.json.
        manifest: what the shards say of themselves.
        card: what the data set says of itself.
        variant: name of the variant where it is looked at beside others, else empty.
    """

    folder: Path
    manifest: dict[str, Any]
    card: Card
    variant: str = ""

    @classmethod
    def open(cls, folder: Path) -> "Shards":
        """The shards beside a manifest.

        Raises:
            SourceMissingError: there is no manifest.
            DataContractError: it has no card that this version can read.
        """
        manifest = read_manifest(folder)
        try:
            card = Card.model_validate(manifest.get("card"))
        except ValidationError as error:
            broken = ", ".join(".".join(map(str, e["loc"])) or "card" for e in error.errors())
            raise DataContractError(
                f"{folder / 'manifest.json'}: the card does not fit this version ({broken}). "
                "Make the shards again: snakemake shards."
            ) from None
        return cls(folder, manifest, card)

    def named(self, what: str) -> str:
        """What is counted, with the variant where there are several."""
        return f"{what} of {self.variant}" if self.variant else what

    def tagged(self, what: str) -> str:
        """What is measured, with the variant where there are several."""
        return f"{what}, {self.variant}" if self.variant else what

    def among(self, split: str = "", modality: str = "", task: Task | None = None) -> Among:
        """The samples whose answer is known that have a modality; None = default task."""
        outcome = "known" if task in (None, self.task) else "any"
        return Among(self.manifest["dataset"], split, modality, outcome)

    def among_units(self, split: str = "") -> Among:
        """The units of the splits."""
        return Among(self.manifest["dataset"], split, outcome="any", role="unit")

    def parts(self, table: str) -> list[Path]:
        """The files of a table; one that other shards hold lies in their folder."""
        folder = self.folder / self.manifest["tables"].get(table, {}).get("folder", ".")
        whole = folder / f"{table}.parquet"
        return [whole] if whole.is_file() else sorted((folder / table).glob("part-*.parquet"))

    def scan(self, table: str) -> pl.LazyFrame:
        """A table."""
        return pl.scan_parquet(self.parts(table), glob=False)

    @property
    def task(self) -> Task:
        """The default task."""
        return self.card.tasks[0]

    def _samples(self, stage: str) -> pl.LazyFrame:
        """The sample index of a stage; `subject` is the unit of splits."""
        samples = self.scan("samples").filter(stage=stage)
        return samples.with_columns(subject=pl.col(self.card.unit.column))

    @cached_property
    def finetuned(self) -> pl.DataFrame:
        """The samples of fine-tuning."""
        return self._samples("finetune").collect()

    @property
    def pretrained(self) -> pl.LazyFrame:
        """The samples of pretraining, which may be millions."""
        return self._samples("pretrain")

    def labelled(self, task: Task | None = None) -> pl.DataFrame:
        """The samples of fine-tuning whose answer is known, as `label`; None = default task."""
        name = (task or self.task).name
        return self.finetuned.with_columns(label=pl.col(name)).drop_nulls("label")

    def add_text(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Samples with their `text`; null where there is none."""
        place = self.card.modalities["text"]
        wanted = rows.select(place.key).drop_nulls().unique()
        texts = pl.concat(self._texts(wanted))
        joined = rows.join(texts, on=place.key, how="left", maintain_order="left")
        return joined.with_columns(pl.when("has_text").then("text").alias("text"))

    def add_columns(self, rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
        """Samples with columns of the table; null where there is none."""
        place = self.card.modalities["tabular"]
        table = self.scan(place.table).select(place.key, *columns)
        return rows.lazy().join(table, on=place.key, how="left", maintain_order="left").collect()

    def pretrained_texts(self) -> Iterator[pl.DataFrame]:
        """The texts that pretraining sees, each once, part by part."""
        key = self.card.modalities["text"].key
        seen = self.pretrained.filter("has_text").select(key)
        yield from self._texts(seen.drop_nulls().unique().collect())

    def _texts(self, wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The texts of these keys with them, part by part."""
        place = self.card.modalities["text"]
        for path in self.parts(place.table):
            part = pl.read_parquet(path, columns=[place.key, "text"], glob=False)
            yield part.join(wanted, on=place.key, how="semi", maintain_order="left")

    def find_tables(self, column: str) -> list[str]:
        """The tables that have a column."""
        return [
            table
            for table in self.manifest["tables"]
            if column in self.scan(table).collect_schema().names()
        ]

    def units(self, aliases: Mapping[str, str] = NO_ALIAS) -> pl.DataFrame:
        """Each unit, as `subject`, with each split that any table gives it.

        Args:
            aliases: by table, the column of the unit where it is not called as in the card.
        """
        column = self.card.unit.column
        places = {**dict.fromkeys(self.find_tables(column), column), **aliases}
        rows = [self.scan(table).select("split", subject=name) for table, name in places.items()]
        return pl.concat(rows).unique().collect()
