"""The 17 variables, their 59 value columns and their items: the tables beside this module.

variables.tsv: cleaning rule, valid range and normal value of each variable.
columns.tsv: the value columns in the reference's order; a category is one column.
items.tsv: which itemid measures what; its label, unit and fluid in the dictionaries; which is
    preferred among several.
categories.tsv: the category that a text means, in the reference and when merged by score.
mapped_items.tsv: every itemid in the reference's map, used or not, as ranges.
reference_statistics.tsv: the means and deviations of the reference's normalizer.csv.

Source: shared/docs/timeseries-reference.md, section 9; mimic4extract's
itemid_to_variable_map.csv; the statistics were computed back from the reference's normalised
output and reproduce it bit for bit (of height only the ratio is determined).
"""

from functools import cache
from importlib.resources import files

import polars as pl

from preprocessing.datasets.mimic.switches import Switches


@cache
def _table(name: str) -> pl.DataFrame:
    text = files("preprocessing.datasets.mimic").joinpath(name).read_bytes()
    return pl.read_csv(text, separator="\t", infer_schema=False).fill_null("")


@cache
def variable_names() -> list[str]:
    """The variables, in the order of their columns."""
    return _table("variables.tsv")["variable"].to_list()


@cache
def value_names() -> list[str]:
    """The value columns; a category is named variable->category.

    >>> value_names()[1:3]
    ['Capillary refill rate->1.0', 'Diastolic blood pressure']
    """
    rows = _table("columns.tsv").iter_rows()
    return [f"{variable}->{category}" if category else variable for variable, category in rows]


@cache
def variable_of_value() -> list[int]:
    """For each value column, the place of its variable."""
    return [variable_names().index(v) for v in _table("columns.tsv")["variable"]]


def continuous() -> list[int]:
    """The places of the value columns that are numbers, not categories."""
    return [place for place, name in enumerate(value_names()) if "->" not in name]


def columns() -> pl.DataFrame:
    """One row per value column: variable, category ('' for a number), place."""
    return _table("columns.tsv").with_columns(place=pl.int_range(pl.len(), dtype=pl.UInt8))


def rules() -> pl.DataFrame:
    """One row per variable: place, cleaning rule, valid range."""
    return _table("variables.tsv").select(
        "variable",
        "rule",
        pl.col("low", "high").cast(pl.Float64),
        variable_place=pl.int_range(pl.len(), dtype=pl.UInt8),
    )


def normal_values() -> dict[int, float]:
    """What imputation by the previous value starts from: place of the column, its value.

    Source: the reference's discretizer_config.json.
    """
    values: dict[int, float] = {}
    for variable, normal in _table("variables.tsv").select("variable", "normal").iter_rows():
        name = f"{variable}->{normal}"
        if name in value_names():
            values[value_names().index(name)] = 1.0
        else:
            values[value_names().index(variable)] = float(normal)
    return values


def items(switches: Switches) -> pl.DataFrame:
    """The items in use: the columns of items.tsv, where a preference of 1 is the first choice.

    Whether they mean that in the release at hand, `series.dictionaries` asks.
    """
    table = _table("items.tsv").with_columns(pl.col("itemid").cast(pl.Int32))
    in_use = pl.col("reference") == "yes"
    if switches.refill == "metavision":
        in_use |= pl.col("variable") == "Capillary refill rate"
    if switches.fluids == "blood":
        in_use &= pl.col("fluid").is_in(["", "blood"])
    # The items without a preference are CareVue's, which MIMIC-IV does not hold.
    preference = pl.col("preference").replace("", "9").cast(pl.UInt8)
    return table.filter(in_use).with_columns(preference)


def mapped_items() -> list[int]:
    """Every itemid in the reference's map, whatever its status there (2.2)."""
    ranges = _table("mapped_items.tsv").cast(pl.Int32)
    return [item for first, last in ranges.iter_rows() for item in range(first, last + 1)]


def categories(switches: Switches) -> pl.DataFrame:
    """What each text means: variable, text, score (0 = intubated) and category."""
    table = _table("categories.tsv")
    is_refill = pl.col("variable") == "Capillary refill rate"
    merged = is_refill if switches.refill == "metavision" else pl.lit(False)
    if switches.gcs_categories == "merged":
        merged |= ~is_refill
    category = pl.when(merged).then("category").otherwise("reference")
    return table.select(
        "variable", "text", pl.col("score").cast(pl.Float64), category=category
    ).filter(pl.col("category") != "")


def reference_statistics(switches: Switches) -> tuple[list[float], list[float]]:
    """Mean and deviation of each value column in the reference; (0, 1) where it has none.

    With the shifted header (Q1) neither FiO2 nor pH is normalised, and two category columns
    that are never set are divided by 1e-7.
    """
    mean, std = [0.0] * len(value_names()), [1.0] * len(value_names())
    for variable, *numbers in _table("reference_statistics.tsv").iter_rows():
        place = value_names().index(variable)
        mean[place], std[place] = map(float, numbers)
    if switches.statistics == "reference_shifted":
        for variable in ("Fraction inspired oxygen", "pH"):
            place = value_names().index(variable)
            mean[place], std[place] = 0.0, 1.0
        for place in (1, 48):
            std[place] = 1e-7
    return mean, std
