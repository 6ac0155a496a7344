"""What predicts without any content: which modalities there are, how long the text is, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import Measure, binned, learned, measured

if TYPE_CHECKING:
    from preprocessing.datasets.amazon.leakage import Reviews
    from preprocessing.datasets.mimic.leakage import Mimic

MODALITIES = ("image", "text", "timeseries", "tabular")


def of_mortality(shards: Mimic, resamples: int) -> Iterator[Finding]:
    """Shortcuts to in-hospital mortality."""
    hours = (pl.col("image_time") - pl.col("intime")).dt.total_seconds() / 3600
    rows = shards.labelled.with_columns(hours=hours, length=pl.col("text").str.len_chars())
    for gate, of, by in (
        ("modality-pattern", "which modalities there are", [f"has_{m}" for m in MODALITIES]),
        ("text-length", "length of the text", ["length"]),
        ("image-time", "hour of the radiograph", ["hours"]),
    ):
        measure = _measure(rows, of, by, classes=2, resamples=resamples)
        yield Finding(gate, measures=[measure], shortcut=True)


def of_stars(shards: Reviews, resamples: int) -> Iterator[Finding]:
    """Shortcuts to the stars of a review."""
    flags = ["has_image", "has_text", "has_tabular"]
    patterns, lengths = [], []
    for category in shards.finetuned:
        of = f"which modalities there are, {category.name}"
        patterns.append(_measure(category.samples, of, flags, classes=5, resamples=resamples))
        texts = category.texts.with_columns(length=pl.col("text").str.len_chars())
        of = f"length of the text, {category.name}"
        lengths.append(_measure(texts, of, ["length"], classes=5, resamples=resamples))
    yield Finding("modality-pattern", measures=patterns, shortcut=True)
    yield Finding("text-length", measures=lengths, shortcut=True)


def _measure(
    rows: pl.DataFrame, of: str, by: Sequence[str], *, classes: int, resamples: int
) -> Measure:
    """How well what training saw of each group, or range of a number, predicts."""
    train = rows.filter(split="train")
    ranges = [name for name in by if rows[name].dtype.is_numeric()]
    rows = rows.with_columns(binned(name, train) for name in ranges)
    groups = [f"{name}_range" if name in ranges else name for name in by]
    train, test = rows.filter(split="train"), rows.filter(split="test")
    scored = learned(train, test, groups, classes=classes)
    return measured(of, scored, classes=classes, resamples=resamples)
