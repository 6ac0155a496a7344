"""Which modalities the reviews and products of an Amazon category have, drawn samples or not."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from preprocessing.audit.missingness.counts import Group, Unit, groups
from preprocessing.contracts import check
from preprocessing.datasets.amazon import samples
from preprocessing.datasets.amazon.schemas import Links
from preprocessing.errors import DataContractError, SourceMissingError

MODALITIES = samples.MODALITIES
FIVE_STARS = 4  # a label is stars less one

# Unit: what it is, what its outcome is, and the breakdowns it has.
UNITS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "review": ("reviews, each once", "5 stars", ("split", "period")),
    "product": (
        "products with a review, with what any of their reviews has",
        "4.5 stars or more on average",
        ("split",),
    ),
}

Groups = dict[tuple[str, str, str], Group]


def count(shards: Path, interim: Path, category: str, rows: int) -> list[Unit]:
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
    for reviews in reviews_of(shards, interim, category):
        for unit, frame in {"review": reviews, "product": products(reviews)}.items():
            _, _, breakdowns = UNITS[unit]
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
            definition,
            outcome,
            MODALITIES,
            dict(sorted(found[name].items())),
            absences.get(name, {}),
        )
        for name, (definition, outcome, _) in UNITS.items()
    ]
    counted = units[0].total("all", "all").count
    if counted != rows:
        raise DataContractError(
            f"{category}: {counted} reviews in {interim}, {rows} in the "
            "manifest of the shards. They are of different runs: snakemake shards."
        )
    return units


def reviews_of(shards: Path, interim: Path, category: str) -> Iterator[pl.DataFrame]:
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
    decoded = pl.concat(pl.read_parquet(path, columns=["image_id"]) for path in images)["image_id"]
    pictures = samples.pictures(
        check(pl.read_parquet(links), Links, links.name), frozenset(decoded)
    )
    described = samples.described(parts, pictures, "finetune")
    for rows, tabular in zip(described, parts.tabular, strict=True):
        years = pl.read_parquet(tabular, columns=["sample_id", "year"])
        yield rows.join(years, on="sample_id", how="left").with_columns(
            outcome=(pl.col("label") == FIVE_STARS).cast(pl.Int8),
            period=pl.col("year").cast(pl.String),
        )


def products(reviews: pl.DataFrame) -> pl.DataFrame:
    """One row per product: a modality is there if a review has it."""
    return reviews.group_by("asin").agg(
        pl.col("split").first(),
        *(pl.col(f"has_{modality}").any() for modality in MODALITIES),
        outcome=(pl.col("label").mean() >= FIVE_STARS - 0.5).cast(pl.Int8),
    )
