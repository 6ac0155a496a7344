"""Which modalities the reviews and products of an Amazon category have, drawn samples or not."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import polars as pl

from preprocessing.audit.missingness.counts import Group, Unit, groups
from preprocessing.audit.missingness.dataset import Counts, full_title
from preprocessing.audit.shards import open_variants
from preprocessing.contracts import check
from preprocessing.datasets.amazon import samples
from preprocessing.datasets.amazon.schemas import Links
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError

MODALITIES = samples.MODALITIES
FIVE_STARS = 4  # a label is stars less one

# Unit: its title, what it is, what its outcome is, and the breakdowns it has.
UNITS: Mapping[str, tuple[str, str, str, tuple[str, ...]]] = {
    "review": ("Reviews", "reviews, each once", "5 stars", ("split", "period")),
    "product": (
        "Products",
        "products with a review, with what any of their reviews has",
        "4.5 stars or more on average",
        ("split",),
    ),
}

Groups = dict[tuple[str, str, str], Group]


def count(
    folder: Path, interim: Path | None, connect: Callable[[], duckdb.DuckDBPyConnection]
) -> list[Counts]:
    """The exact counts of each category; the arguments are those of `count_units`.

    Raises:
        ConfigError: there is no interim folder.
    """
    if interim is None:
        raise ConfigError(
            f"{folder} holds drawn reviews only: give --amazon-interim, the folder with "
            "<Category>/reviews/ and links.parquet, so that all can be counted."
        )
    return [
        Counts(
            category.manifest["dataset"],
            full_title(category),
            category.manifest,
            count_units(
                category.folder.parent,
                interim,
                category.folder.name,
                category.manifest["tables"]["tabular"]["rows"],
            ),
            MODALITIES,
            "review",
            "product",
        )
        for category in open_variants(folder)
    ]


def count_units(shards: Path, interim: Path, category: str, rows: int) -> list[Unit]:
    """The exact counts of reviews and products, all of them and not only drawn samples.

    Args:
        shards: of all categories; holds <category>/<table>/part-*.parquet.
        interim: holds <category>/reviews/part-*.parquet and <category>/links.parquet.
        category: such as "All_Beauty".
        rows: reviews of the category, as the manifest tells.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: shards and interim files are of different runs.
    """
    found: dict[str, Groups] = {name: {} for name in UNITS}
    reasons: Counter[tuple[str, str, str]] = Counter()
    for reviews in read_reviews(shards, interim, category):
        for unit, frame in {"review": reviews, "product": products(reviews)}.items():
            _, _, _, breakdowns = UNITS[unit]
            for key, group in groups(frame, MODALITIES, breakdowns).items():
                found[unit][key] = found[unit].get(key, Group()) + group
        for modality in MODALITIES:
            why = reviews.drop_nulls(f"{modality}_absence").group_by("split", f"{modality}_absence")
            for split, reason, n in why.len().iter_rows():
                reasons[split, modality, reason] += n
    absences = {"review": dict(sorted(reasons.items()))}
    units = [
        Unit(
            name,
            title,
            definition,
            outcome,
            MODALITIES,
            dict(sorted(found[name].items())),
            absences.get(name, {}),
        )
        for name, (title, definition, outcome, _) in UNITS.items()
    ]
    counted = units[0].total("all", "all").count
    if counted != rows:
        raise DataContractError(
            f"{category}: {counted} reviews in {interim}, {rows} in the "
            "manifest of the shards. They are of different runs: snakemake shards."
        )
    return units


def read_reviews(shards: Path, interim: Path, category: str) -> Iterator[pl.DataFrame]:
    """All reviews of a category, a part at a time; a product is never in two parts."""
    parts = samples.Parts(
        sorted((interim / category / "reviews").glob("part-*.parquet")),
        sorted((shards / category / "text").glob("part-*.parquet")),
        sorted((shards / category / "tabular").glob("part-*.parquet")),
    )
    links = interim / category / "links.parquet"
    if not parts.reviews or not links.is_file():
        raise SourceMissingError(
            f"{interim / category} lacks reviews/part-*.parquet or links.parquet, which "
            "amazon-reviews writes. Make them again: snakemake shards."
        )
    images = sorted((shards / category / "images").glob("part-*.parquet"))
    decoded = pl.concat(pl.read_parquet(path, columns=["image_id"], glob=False) for path in images)[
        "image_id"
    ]
    pictures = samples.pictures(
        check(pl.read_parquet(links, glob=False), Links, links.name), frozenset(decoded)
    )
    described = samples.described(parts, pictures, "finetune")
    for rows, tabular in zip(described, parts.tabular, strict=True):
        years = pl.read_parquet(tabular, columns=["sample_id", "year"], glob=False)
        yield rows.join(years, on="sample_id", how="left").with_columns(
            outcome=(pl.col("stars") == FIVE_STARS).cast(pl.Int8),
            period=pl.col("year").cast(pl.String),
        )


def products(reviews: pl.DataFrame) -> pl.DataFrame:
    """One row per product: a modality is there if a review has it."""
    return reviews.group_by("asin").agg(
        pl.col("split").first(),
        *(pl.col(f"has_{modality}").any() for modality in MODALITIES),
        outcome=(pl.col("stars").mean() >= FIVE_STARS - 0.5).cast(pl.Int8),
    )
