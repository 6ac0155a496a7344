"""Measurements over time, put on a grid: the mean of each variable's values in each step."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from preprocessing.datasets.rows.checks import check_types
from preprocessing.datasets.rows.description import Series
from preprocessing.datasets.rows.inputs import converted_numbers
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.source import Source
from preprocessing.datasets.rows.values import parse_category, parse_hours, parse_time
from preprocessing.ledger import Ledger

TIMES = "Give hours, HH:MM, or date-times such as 2024-05-01 13:30, and all in one way."


def measurements(
    series: Series, source: Source, starts: pl.DataFrame, ledger: Ledger, problems: Problems
) -> pl.DataFrame:
    """Every value that falls on the grid: row_id, variable, step, value.

    Args:
        series: says what the columns of the source are.
        source: measurements, one per line or one time per line.
        starts: row_id and `start`, in seconds since 1970; null = the row's first time.
        ledger: gets what falls off the grid.
        problems: gets times and values that do not convert.
    """
    hours = _hours(series, source, starts, problems)
    place = pl.DataFrame({"row_id": parse_category(source.frame[series.id]), "hours": hours})
    if series.layout == "long":
        variable = parse_category(source.frame[series.variable])
        value = converted_numbers(source, series.value, problems)
        cells = place.with_columns(variable.alias("variable"), value.alias("value"))
    else:
        names = series.variables or _others(series, source)
        values = [converted_numbers(source, name, problems).alias(name) for name in names]
        # Columns of the wide file may be called as these are.
        index = pl.DataFrame(values).with_row_index("\0")
        long = index.unpivot(index="\0", variable_name="variable", value_name="value")
        cells = place.with_row_index("\0").join(long, on="\0", maintain_order="left").drop("\0")
    cells = ledger.keep("series", cells, pl.col("value").is_not_null(), reason="no value")
    known = pl.col("row_id").is_in(starts["row_id"].implode())
    cells = ledger.keep("series", cells, known, reason="id of no row")
    begun = pl.col("hours").is_not_null()
    cells = ledger.keep("series", cells, begun, reason="no start to count the time from")
    step = (pl.col("hours") / series.step_hours).floor()
    bin_cells = step.is_between(0, series.steps - 1)
    cells = ledger.keep("series", cells, bin_cells, reason="time outside of the steps")
    return cells.select("row_id", "variable", step.cast(pl.Int32).alias("step"), "value")


def series_columns(series: Series, source: Source, problems: Problems) -> bool:
    """Whether the source has the columns that the description names."""
    named = [series.id, series.time, series.variable, series.value]
    named += series.variables if series.layout == "wide" else ()
    missing = [name for name in named if name and name not in source.frame.columns]
    if missing:
        problems.add(
            ", ".join(path.name for path in source.files),
            f"lacks the columns {missing}",
            f"It has {source.frame.width} others: correct rows.series, or name them in line 1.",
        )
    before = len(problems.lines)
    check_types(source, named, problems)
    return not missing and len(problems.lines) == before


def bin_cells(
    cells: pl.DataFrame, ids: pl.Series, variables: Sequence[str], steps: int
) -> pl.DataFrame:
    """The columns `timeseries` and `observed`, one row per id; null where nothing was measured.

    >>> cells = pl.DataFrame(
    ...     {"row_id": ["a", "a"], "variable": ["hr"] * 2, "step": [1, 1], "value": [60.0, 80.0]}
    ... )
    >>> bin_cells(cells, pl.Series(["a", "b"]), ["hr"], 2).rows()
    [([nan, 70.0], [0, 1]), (None, None)]
    """
    width = steps * len(variables)
    places = pl.DataFrame({"row_id": ids}).with_row_index("row")
    names = {name: number for number, name in enumerate(variables)}
    means = (
        cells.filter(pl.col("variable").is_in(list(names)))
        .join(places, on="row_id")
        .group_by("row", "variable", "step")
        # In the order of the values, so that rounding does not depend on the order of lines.
        .agg(pl.col("value").sort().mean())
        .with_columns(column=pl.col("variable").replace_strict(names, return_dtype=pl.Int64))
    )
    there = means["row"].unique().sort()
    values = np.full((len(there), width), np.nan, np.float32)
    row = np.searchsorted(there.to_numpy(), means["row"].to_numpy())
    cell = means["step"].to_numpy() * len(variables) + means["column"].to_numpy()
    values[row, cell] = means["value"].to_numpy()
    grid = pl.DataFrame(
        {
            "row": there,
            "timeseries": pl.Series(values, dtype=pl.Array(pl.Float32, width)),
            "observed": pl.Series(~np.isnan(values), dtype=pl.Array(pl.Boolean, width)),
        }
    ).cast({"timeseries": pl.List(pl.Float32), "observed": pl.List(pl.UInt8)})
    joined = places.join(grid, on="row", how="left", maintain_order="left")
    return joined.select("timeseries", "observed")


def _others(series: Series, source: Source) -> list[str]:
    return [name for name in source.frame.columns if name not in (series.id, series.time)]


def _hours(series: Series, source: Source, starts: pl.DataFrame, problems: Problems) -> pl.Series:
    """Hours since the row's start; numbers and HH:MM are taken to be that already."""
    raw = source.frame[series.time]
    hours, seconds = parse_hours(raw), parse_time(raw)
    dated = seconds.count() > hours.count()
    times = seconds if dated else hours
    problems.add_rows(source, series.time, times.is_null(), "no time that can be read", TIMES)
    if not dated:
        return hours
    ids = parse_category(source.frame[series.id])
    rows = pl.DataFrame({"row_id": ids, "seconds": seconds})
    rows = rows.join(starts, on="row_id", how="left", maintain_order="left")
    first = pl.col("seconds").min().over("row_id")
    begin = pl.col("start") if series.start else first
    return rows.select((pl.col("seconds") - begin) / 3600).to_series()
