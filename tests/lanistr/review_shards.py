"""Made-up shards of reviews, as `preprocessing` writes them: two categories, small, seeded."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from lanistr.experiments.architecture import Encoders
from lanistr.experiments.config import Experiment
from tests.lanistr.shards import ENCODERS, TINY, experiment

PX = 16
SPLITS = ["train", "train", "train", "valid", "test"]
STAGES = {"Office_Products": "pretrain", "All_Beauty": "finetune"}
SIZES = {"product": 14, "reviewer": 40}
VALUES = {
    "verified": ["<not recorded>", "<unseen>", "false", "true"],
    "year": ["<not recorded>", "<unseen>", "2015", "2016"],
}
NUMBERS = {"votes": {"mean": 9.0, "std": 4.0}, "time": {"mean": 1_422_000_000.0, "std": 9e5}}
COLUMNS = {"identifiers": SIZES, "categorical": VALUES, "numeric": NUMBERS}
CARD = {
    "name": "amazon",
    "title": "made-up reviews",
    "unit": {"singular": "product", "plural": "products", "column": "asin"},
    "sample": {"singular": "review", "plural": "reviews"},
    "modalities": {
        "text": {"table": "text", "key": "sample_id"},
        "image": {"table": "images", "key": "image_id"},
        "tabular": {"table": "tabular", "key": "sample_id"},
    },
    "variants": "category",
    "tasks": [
        {
            "name": "stars",
            "kind": "multiclass",
            "title": "stars",
            "classes": ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"],
        }
    ],
    "words": [
        {"column": "verified", "name": "verified purchase", "form": "flag"},
        {"column": "votes", "name": "votes"},
        {"column": "year", "name": "year"},
        {"column": "time", "name": "date", "form": "date"},
        {"column": "product", "name": "product"},
        {"column": "reviewer", "name": "reviewer"},
    ],
}
RECIPE = Encoders.model_validate({**ENCODERS, "text": {**TINY, "max_tokens": 48, "vocab_size": 90}})
BEAUTY = {
    "dataset": "amazon/All_Beauty",
    "modalities": ["text", "image", "tabular"],
    "encoders": RECIPE.model_dump(),
}
WORDS = {"Office_Products": ["pen", "paper", "good"], "All_Beauty": ["soap", "jaw", "good"]}


def write_reviews(folder: Path, reviews: int = 60) -> dict[str, dict[str, pl.DataFrame]]:
    """Write shards of both categories with a manifest; returns the tables of each."""
    rng = np.random.default_rng(11)
    every = {category: tables(category, reviews, rng) for category in STAGES}
    listed = {}
    for category, made in every.items():
        for name, table in made.items():
            (folder / category / name).mkdir(parents=True)
            for part, rows in enumerate((table[: len(table) // 2], table[len(table) // 2 :])):
                rows.write_parquet(folder / category / name / f"part-{part:05d}.parquet")
            listed[f"{category}/{name}"] = {"rows": table.height, "columns": {}, "parts": 2}
        identifiers().write_parquet(folder / category / "identifiers.parquet")
        (folder / category / "manifest.json").write_text(json.dumps(facts(category, made)))
    joint = facts("", {}) | {"tables": listed, "tabular": dict.fromkeys(STAGES, COLUMNS)}
    (folder / "manifest.json").write_text(json.dumps(joint))
    return every


def identifiers() -> pl.DataFrame:
    """The vocabularies of product and reviewer, as all categories have them."""
    values = {
        "product": [f"B{i:03}" for i in range(12)],
        "reviewer": [f"A{i:03}" for i in range(38)],
    }
    return pl.concat(
        pl.DataFrame({"feature": [feature] * len(names), "value": names}).with_columns(
            code=pl.int_range(2, len(names) + 2, dtype=pl.Int32)
        )
        for feature, names in values.items()
    )


def tables(category: str, reviews: int, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Every third review has no picture; parts of text and columns hold the same samples."""
    number = np.arange(reviews)
    stage = STAGES[category]
    splits = [SPLITS[i // 5 % len(SPLITS)] for i in number]  # five reviews of each product
    if stage == "pretrain":
        splits = ["train" if split == "test" else split for split in splits]
    reviewed = pl.DataFrame(
        {
            "sample_id": number * 1000 + 5,
            "split": splits,
            "product": [f"B{i // 5:03}" for i in number],
            "reviewer": [f"A{i % 38:03}" for i in number],
            "verified": [bool(i % 2) if i % 7 else None for i in number],
            "year": [2015 + i % 2 for i in number],
            "votes": [int(i) if i % 4 else None for i in number],
            "time": [1_420_070_400 + 86_400 * int(i) for i in number],
        },
        schema_overrides={"year": pl.Int16, "votes": pl.Int32},
    )
    encoded = reviewed.with_columns(
        product_code=pl.Series(2 + number // 5 % 12, dtype=pl.Int32),
        reviewer_code=pl.Series(2 + number % 38, dtype=pl.Int32),
        verified_code=(pl.col("verified").cast(pl.Int32) + 2).fill_null(0),
        year_code=pl.col("year").cast(pl.Int32) - 2013,
        **{
            f"{name}_scaled": ((pl.col(name).cast(pl.Float64) - scale["mean"]) / scale["std"])
            .fill_null(0)
            .cast(pl.Float32)
            for name, scale in NUMBERS.items()
        },
    )
    with_picture = [i for i in number if i % 3]
    label = rng.integers(0, 5, reviews)
    sampled = pl.DataFrame(
        {
            "sample_id": reviewed["sample_id"],
            "stage": [stage] * reviews,
            "asin": reviewed["product"],
            "image_id": [f"p{i}" if i % 3 else None for i in number],
            "split": splits,
            "stars": pl.Series(label if stage == "finetune" else [None] * reviews, dtype=pl.Int8),
            "has_image": [bool(i % 3) for i in number],
            "has_text": [True] * reviews,
            "has_tabular": [True] * reviews,
            "image_absence": [None if i % 3 else "made up so" for i in number],
            "text_absence": pl.Series([None] * reviews, dtype=pl.String),
            "tabular_absence": pl.Series([None] * reviews, dtype=pl.String),
        }
    )
    return {
        "images": pl.DataFrame(
            {"image_id": [f"p{i}" for i in with_picture], "jpeg": [jpeg(rng) for _ in with_picture]}
        ),
        "text": reviewed.select("sample_id", "split", text=texts(category, splits, rng)),
        "tabular": encoded,
        "samples": sampled,
    }


def texts(category: str, splits: list[str], rng: np.random.Generator) -> pl.Series:
    """Words of the category; "quux" only outside of training."""
    words = [" ".join(rng.choice(WORDS[category], rng.integers(2, 9))) for _ in splits]
    return pl.Series(
        [
            text if split == "train" else f"{text} quux"
            for text, split in zip(words, splits, strict=True)
        ]
    )


def jpeg(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (PX, PX, 3), np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def facts(category: str, tables: dict[str, pl.DataFrame]) -> dict:
    """What the manifest of a category says."""
    return {
        "schema_version": 1,
        "dataset": f"amazon/{category}".removesuffix("/"),
        "card": CARD,
        "scale": "smoke",
        "profile": "corrected",
        "switches": {"text_limit": "chars"},
        "text_source": "summary+review",
        "leaky_text": True,
        "digest": "00112233445566ff",
        "tables": {
            name: {"rows": table.height, "columns": {}, "parts": 2}
            for name, table in tables.items()
        },
        "image": {"px": PX, "channels": 3},
        "tabular": COLUMNS,
    }


def on_beauty(**changes: object) -> Experiment:
    """A tiny experiment on the reviews of a category."""
    return experiment(**{**BEAUTY, **changes})
