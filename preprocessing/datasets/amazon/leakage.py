"""All gates of the reviews: the generic ones over all categories, reviewers, and stars in words."""

from collections.abc import Iterator, Sequence
from importlib.resources import files

import polars as pl

from preprocessing.audit.leakage.columns import find_label_columns
from preprocessing.audit.leakage.duplicates import find_copies
from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.fitted import find_misfits
from preprocessing.audit.leakage.measure import divide, measured
from preprocessing.audit.leakage.shortcuts import find_shortcuts
from preprocessing.audit.leakage.splits import (
    find_divided_units,
    find_divided_values,
    find_shared_validation,
    find_tested_in_pretraining,
)
from preprocessing.audit.shards import Shards

# The table has the product under another name.
PRODUCT = {"tabular": "product"}


def findings(variants: Sequence[Shards], resamples: int) -> Iterator[Finding]:
    """What every gate finds in the shards of all categories."""
    labelled = [
        (category, category.add_columns(category.labelled(), ["reviewer"]))
        for category in variants
        if not category.finetuned.is_empty()
    ]
    yield find_divided_units(variants, resamples, gate="products-in-two-splits", aliases=PRODUCT)
    yield find_tested_in_pretraining(variants)
    yield find_shared_validation(variants)
    yield find_divided_values(
        labelled, "reviewer", gate="reviewers-in-two-splits", what="reviewer", resamples=resamples
    )
    yield find_divided_values(
        labelled, "image_id", gate="pictures-in-two-splits", what="picture", resamples=resamples
    )
    yield find_star_words(labelled, resamples)
    yield find_misfits(variants)
    yield find_label_columns(variants, resamples)
    yield find_copies(variants, resamples)
    yield from find_shortcuts(variants, resamples)


def stars_named(text: pl.Expr) -> pl.Expr:
    """The number of stars that a review names first; null if it names none.

    >>> texts = pl.DataFrame({"text": ["Five Stars. Good.", "1-star at best", "Shiny stars"]})
    >>> texts.select(stars_named(pl.col("text")))["text"].to_list()
    [5, 1, None]
    """
    listed = (
        files("preprocessing.datasets.amazon")
        .joinpath("star_words.tsv")
        .read_text(encoding="utf-8")
    )
    numbers = pl.read_csv(listed.encode(), separator="\t", comment_prefix="#")
    pattern = rf"(?i)\b({'|'.join(numbers['number'])})[ -]?stars?\b"
    named = text.str.extract(pattern).str.to_lowercase()
    return named.replace_strict(
        numbers["number"], numbers["stars"], default=None, return_dtype=pl.Int8
    )


def find_star_words(labelled: Sequence[tuple[Shards, pl.DataFrame]], resamples: int) -> Finding:
    """Labelled reviews that name stars, and how well reading the number does."""
    counts, context, parts, measures = {}, {}, [], []
    for category, reviews in labelled:
        rows = category.add_text(reviews).drop_nulls("text")
        rows = rows.with_columns(score=stars_named(pl.col("text")) - 1)
        whole = category.named("texts")
        counts[f"{whole} that name stars"] = rows["score"].count()
        context[whole] = rows.height
        parts += [
            Part(category.among(modality="text"), [whole]),
            Part(whole, [f"{whole} that name stars"]),
        ]
        train, test = divide(rows)
        majority = train["label"].mode().sort()[0]
        of = category.tagged("reading the number, else the majority")
        scored = test.with_columns(pl.col("score").fill_null(majority))
        among = category.among("test", "text")
        measures.append(measured(of, scored, among, kind="multiclass", resamples=resamples))
    return Finding("star-words", counts=counts, context=context, parts=parts, measures=measures)
