"""The shards of the review categories as the gates see them, and all their gates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from preprocessing.audit.leakage import duplicates, fitted, shortcuts, splits, words
from preprocessing.audit.leakage.findings import Finding

CLASSES = 5


@dataclass(frozen=True)
class Category:
    """Shards of one review category.

    Attributes:
        name: such as "All_Beauty".
        folder: holds a folder per table.
        facts: what the manifest says of its columns.
    """

    name: str
    folder: Path
    facts: dict[str, Any]

    def scan(self, table: str) -> pl.LazyFrame:
        """A table."""
        return pl.scan_parquet(sorted((self.folder / table).glob("part-*.parquet")))

    @cached_property
    def samples(self) -> pl.DataFrame:
        """What a stage sees: the sample index with the reviewer; `subject` is the product."""
        reviewers = self.scan("tabular").select("sample_id", "reviewer")
        joined = self.scan("samples").join(reviewers, on="sample_id", how="left")
        return joined.with_columns(subject=pl.col("asin")).collect()

    @property
    def pretrains(self) -> bool:
        """True if it is learned from unlabeled."""
        return bool((self.samples["stage"] == "pretrain").any())

    @cached_property
    def texts(self) -> pl.DataFrame:
        """The texts that a stage sees: sample_id, subject, stage, split, label, text."""
        seen = self.samples.lazy().filter("has_text")
        text = self.scan("text").select("sample_id", "text")
        columns = ["sample_id", "subject", "stage", "split", "label"]
        return seen.select(columns).join(text, on="sample_id").collect()


@dataclass(frozen=True)
class Reviews:
    """Shards of all categories."""

    folder: Path
    manifest: dict[str, Any]
    categories: tuple[Category, ...]

    @classmethod
    def open(cls, folder: Path) -> "Reviews":
        """The shards beside a manifest."""
        manifest = json.loads((folder / "manifest.json").read_text())
        categories = (
            Category(name, folder / name, facts) for name, facts in manifest["tabular"].items()
        )
        return cls(folder, manifest, tuple(categories))

    @property
    def finetuned(self) -> list[Category]:
        """The categories with labels."""
        return [category for category in self.categories if not category.pretrains]


def findings(shards: Reviews, resamples: int) -> Iterator[Finding]:
    """What every gate finds in the shards."""
    yield splits.products(shards, resamples)
    yield splits.pretraining_of_products(shards)
    yield splits.selection_of_products(shards)
    yield splits.reviewers(shards, resamples)
    yield splits.pictures(shards, resamples)
    yield words.of_stars(shards, resamples)
    yield fitted.of_reviews(shards)
    yield duplicates.of_reviews(shards, resamples)
    yield from shortcuts.of_stars(shards, resamples)
