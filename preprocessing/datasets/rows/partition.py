"""Splits of own rows: by a column, by time or by a stable hash; a unit is in one of them."""

from functools import partial

import polars as pl

from preprocessing.datasets.rows.description import Description, Split
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.source import Source
from preprocessing.datasets.rows.values import parse_category, parse_time
from preprocessing.splits import SPLITS, hash_draw, split_of

# What people call the splits.
NAMES = {
    **{name: name for name in SPLITS},
    "training": "train",
    **dict.fromkeys(("validation", "val", "dev"), "valid"),
    "testing": "test",
}


def split_rows(
    description: Description,
    source: Source,
    units: pl.Series,
    answers: pl.DataFrame,
    problems: Problems,
) -> pl.Series:
    """The split of each row, the same for all rows of a unit.

    Args:
        description: says how to split.
        source: labelled and unlabeled rows.
        units: unit of each row, String.
        answers: a column per task; null = not known. Rows that know none are unlabeled: they
            need no split column and no time, and have no part in where a split begins.
        problems: gets rows whose split is not known, and units in two splits.
    """
    rows = pl.DataFrame({"unit": units}).with_columns(
        labelled=answers.select(pl.any_horizontal(pl.all().is_not_null())).to_series(),
        answer=answers.to_series(0),
    )
    split = description.split
    if split.column:
        return _by_column(rows, split.column, source, problems)
    if split.time:
        times = read_times(description, source)
        lost = rows["labelled"] & times.is_null()
        remedy = "Rows are split by time: give each its time, or split otherwise."
        problems.add_rows(source, split.time, lost, "no time", remedy)
        return _by_time(rows.with_columns(time=times), split)
    if split.stratify:
        return _by_class(rows, split)
    draw = partial(split_of, seed=split.seed, valid=split.valid, test=split.test)
    return pl.Series("split", list(map(draw, units)), dtype=pl.String)


def read_times(description: Description, source: Source) -> pl.Series:
    """The time that rows are split by, in seconds since 1970."""
    name = description.split.time
    column = description.columns.get(name)
    return parse_time(source.frame[name], column.format if column else "")


def _by_column(rows: pl.DataFrame, name: str, source: Source, problems: Problems) -> pl.Series:
    words = parse_category(source.frame[name]).str.to_lowercase()
    split = words.replace_strict(NAMES, default=None, return_dtype=pl.String)
    problems.add_rows(
        source,
        name,
        split.is_null() & (rows["labelled"] | words.is_not_null()),
        "no split",
        f"Allowed are {', '.join(SPLITS)}.",
    )
    rows = rows.with_columns(split=split)
    first = rows.select(pl.col("split").drop_nulls().first().over("unit")).to_series()
    problems.add_rows(
        source,
        name,
        split != first,
        "a group of which other rows are in another split",
        "Put all rows of a group into one split, or split by hash: it keeps groups together.",
    )
    return first.fill_null("train")


def _by_time(rows: pl.DataFrame, split: Split) -> pl.Series:
    """A unit goes by its last row, so that nothing in train is later than what is in test."""
    last = pl.col("time").max().over("unit")
    known = rows.filter("labelled").select(last.alias("last"), "unit").unique()["last"]
    times = known.drop_nulls().sort()
    if times.is_empty():
        return pl.repeat("train", rows.height, dtype=pl.String, eager=True)
    valid_from, test_from = (
        times[min(int(len(times) * (1 - share)), len(times) - 1)]
        for share in (split.valid + split.test, split.test)
    )
    name = (
        pl.when(last >= test_from)
        .then(pl.lit("test"))
        .when(last >= valid_from)
        .then(pl.lit("valid"))
        .otherwise(pl.lit("train"))
    )
    return rows.select(name).to_series()


def _by_class(rows: pl.DataFrame, split: Split) -> pl.Series:
    """Within each class, units in the order of their hash: first test, then valid, then train."""
    draws = {unit: hash_draw(unit, split.seed) for unit in rows["unit"].unique()}
    place, count = pl.int_range(pl.len()).over("answer"), pl.len().over("answer")
    units = (
        rows.group_by("unit")
        .agg(pl.col("answer").drop_nulls().mode().min())
        .with_columns(draw=pl.col("unit").replace_strict(draws, return_dtype=pl.Float64))
        .sort("draw", "unit")
        .with_columns(
            pl.when(place < (count * split.test).round())
            .then(pl.lit("test"))
            .when(place < (count * (split.test + split.valid)).round())
            .then(pl.lit("valid"))
            .otherwise(pl.lit("train"))
            .alias("split")
        )
    )
    return rows.join(units, on="unit", how="left", maintain_order="left")["split"]
