"""What a model's folder says about the data, so that new rows are read like those of its shards.

A cache holds the same files beside its arrays; exporting a model copies them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lanistr.data.card import Card, Facts
from lanistr.data.manifest import ColumnFacts, ImageFacts, Manifest, SeriesFacts
from lanistr.errors import DataContractError

if TYPE_CHECKING:
    import polars as pl

SETTINGS, IDENTIFIERS = "processor.json", "identifiers.parquet"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
FILES = (SETTINGS, IDENTIFIERS, *TOKENIZER)

# Codes that every category of the shards begins with.
NOT_RECORDED, UNSEEN = 0, 1


class Processor(Facts):
    """Sizes, and the statistics and vocabularies of the train split.

    Attributes:
        card: what the data set says of itself.
        image: how images are stored; None = it has none.
        timeseries: columns of the time series with mean and standard deviation.
        columns: those of a table, with the values of categories by code.
        provenance: of the shards, as tables state it.
        rows: how own rows are read, as a description; None = the data are not own rows.
    """

    card: Card
    image: ImageFacts | None
    timeseries: SeriesFacts | None
    columns: ColumnFacts | None
    provenance: dict[str, Any]
    rows: dict[str, Any] | None = None

    def vocabulary(self, category: str, identifiers: pl.DataFrame | None) -> pl.DataFrame:
        """The value (as text) and the code of each entry of a category.

        Args:
            category: column of a table.
            identifiers: as `read_identifiers` gives them.
        """
        import polars as pl

        if self.columns and category in self.columns.categorical:
            values = pl.Series("value", self.columns.categorical[category], pl.String)
            return values.to_frame().with_row_index("code").cast({"code": pl.Int32})
        if identifiers is None:
            return pl.DataFrame(schema={"value": pl.String, "code": pl.Int32})
        return identifiers.filter(feature=category).select("value", "code")


def write_processor(manifest: Manifest, folder: Path) -> None:
    """Write processor.json of the shards into their cache, and take along identifiers.parquet.

    Raises:
        DataContractError: the shards have identifiers without their vocabularies.
    """
    columns = manifest.columns
    settings = Processor(
        card=manifest.card,
        image=manifest.image,
        timeseries=manifest.timeseries,
        columns=columns,
        provenance=manifest.provenance,
        rows=manifest.rows,
    )
    if columns and columns.identifiers:
        source = manifest.folder / IDENTIFIERS
        if not source.is_file():
            raise DataContractError(
                f"{source} is not there: the vocabularies of {sorted(columns.identifiers)}. "
                "Make the shards again: snakemake shards."
            )
        shutil.copyfile(source, folder / IDENTIFIERS)
    (folder / SETTINGS).write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def copy_processor(cache: Path, folder: Path) -> None:
    """Put what new rows need from a cache into a model's folder.

    Raises:
        DataContractError: the cache was made before caches held it.
    """
    read_processor(cache)
    names = (SETTINGS, IDENTIFIERS, *(f"tokenizer/{name}" for name in TOKENIZER))
    for path in (cache / name for name in names):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)


def read_processor(folder: Path) -> Processor:
    """The settings in a model's folder or in a cache.

    Raises:
        DataContractError: they are missing or broken.
    """
    path = folder / SETTINGS
    try:
        return Processor.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DataContractError(
            f"{path} is not there. Make the cache again (python -m lanistr cache), then export "
            "the model from it (python -m lanistr export)."
        ) from None
    except (json.JSONDecodeError, ValidationError) as error:
        raise DataContractError(
            f"{path} is not what `python -m lanistr export` writes ({type(error).__name__}). "
            "Export the model again."
        ) from None


def read_identifiers(folder: Path) -> pl.DataFrame | None:
    """The vocabularies of identifiers (feature, value, code); None where there are none."""
    import polars as pl

    path = folder / IDENTIFIERS
    return (
        pl.read_parquet(path, columns=["feature", "value", "code"], glob=False)
        if path.is_file()
        else None
    )
