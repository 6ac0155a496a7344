"""Words that give the outcome away. The lists are outcome_words.tsv and star_words.tsv."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import polars as pl

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import learned, measured

if TYPE_CHECKING:
    from preprocessing.datasets.amazon.leakage import Reviews
    from preprocessing.datasets.mimic.leakage import Mimic


def _list(name: str) -> pl.DataFrame:
    text = files("preprocessing.audit.leakage").joinpath(name).read_text()
    return pl.read_csv(text.encode(), separator="\t", comment_prefix="#")


def outcome_words() -> str:
    """A pattern for words on death or on care at the end of life, whatever their case.

    >>> texts = pl.Series(["The patient expired.", "Expiratory film.", "Comfort measures only"])
    >>> texts.str.contains(outcome_words()).to_list()
    [True, False, True]
    """
    return rf"(?i)\b({'|'.join(map(re.escape, _list('outcome_words.tsv')['words']))})\b"


def stars_named(text: pl.Expr) -> pl.Expr:
    """The number of stars that a review names first; null if it names none.

    >>> texts = pl.DataFrame({"text": ["Five Stars. Good.", "1-star at best", "Shiny stars"]})
    >>> texts.select(stars_named(pl.col("text")))["text"].to_list()
    [5, 1, None]
    """
    numbers = _list("star_words.tsv")
    pattern = rf"(?i)\b({'|'.join(numbers['number'])})[ -]?stars?\b"
    named = text.str.extract(pattern).str.to_lowercase()
    return named.replace_strict(
        numbers["number"], numbers["stars"], default=None, return_dtype=pl.Int8
    )


def of_outcome(shards: Mimic, resamples: int) -> Finding:
    """Labelled texts that speak of death."""
    speaks = pl.col("text").str.contains(outcome_words()).fill_null(False)
    rows = shards.labelled.with_columns(speaks=speaks)
    train, test = (rows.filter(pl.col("split") == name) for name in ("train", "test"))
    scored = learned(train, test, ["speaks"], classes=2)
    return Finding(
        "outcome-words",
        counts={"texts that speak of death or end-of-life care": rows.filter("speaks").height},
        context={
            "texts": rows["text"].count(),
            "such texts of patients who died": rows.filter("speaks", label=1).height,
        },
        parts={
            "texts": ["texts that speak of death or end-of-life care"],
            "texts that speak of death or end-of-life care": ["such texts of patients who died"],
        },
        measures=[measured("the text has such a word", scored, classes=2, resamples=resamples)],
    )


def of_stars(shards: Reviews, resamples: int) -> Finding:
    """Labelled reviews that name stars, and how well reading the number does."""
    counts, context, parts, measures = {}, {}, {}, []
    for category in shards.finetuned:
        rows = category.texts.with_columns(score=stars_named(pl.col("text")) - 1)
        counts[f"texts of {category.name} that name stars"] = rows["score"].count()
        context[f"texts of {category.name}"] = rows.height
        parts[f"texts of {category.name}"] = [f"texts of {category.name} that name stars"]
        majority = rows.filter(split="train")["label"].mode().sort()[0]
        test = rows.filter(split="test").with_columns(pl.col("score").fill_null(majority))
        of = f"reading the number, else the majority, {category.name}"
        measures.append(measured(of, test, classes=5, resamples=resamples))
    return Finding("star-words", counts=counts, context=context, parts=parts, measures=measures)
