"""Which rows of a raw table go on: named conditions in stages, each a reason to drop a row.

Source: timeseries-reference.md 2.2, 2.3, 2.4.1 and 2.4.2, in the reference's order, because a
row is counted under the first condition that it fails.
"""

from collections import Counter
from collections.abc import Mapping

import polars as pl

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.series.database import Wanted

# What pandas 1.x takes for a missing value; 'None' it does not, pandas 2 does (Q8).
PANDAS_NULLS = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
)


def conditions(wanted: Wanted, *, by_admission: bool) -> dict[str, dict[str, pl.Expr]]:
    """Each reason to drop a row, with the condition that a kept row meets, by stage.

    The rows that pass the stages `written` and `validated` are those of the reference's files.

    Args:
        wanted: stays, items and switches.
        by_admission: whether hadm_id links a row to its stay. Otherwise the time will, once
            the rows of a patient are together.
    """
    stays, items, switches = wanted.stays, wanted.items, wanted.switches
    mapped = pl.Series(variables.mapped_items() + items["itemid"].to_list(), dtype=pl.Int32)
    written = {
        "patient not in the cohort": _among("subject_id", stays["subject_id"]),
        "item not mapped": _among("itemid", mapped),
    }
    validated = {}
    if by_admission:
        admissions, given = _pair("subject_id", "hadm_id"), _pair("hadm_id", "stay_id")
        validated = {
            "no admission given": pl.col("hadm_id").is_not_null(),
            "admission not in the cohort": admissions.is_in(_values(stays, admissions)),
            "another stay of the admission": pl.col("stay_id").is_null()
            | given.is_in(_values(stays, given)),
        }
    value, nulls = pl.col("value"), PANDAS_NULLS if switches.nulls == "pandas" else ()
    used = {
        "no value": value.is_not_null() & ~value.is_in(nulls),
        "item of no variable": _among("itemid", items["itemid"]),
        "no time given": pl.col("charttime").is_not_null(),
    }
    if switches.window == "own_stay":
        having = stays.filter("has_series")["subject_id"]
        used["patient without a series"] = _among("subject_id", having)
    return {"written": written, "validated": validated, "used": used}


def _among(column: str, values: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(values.unique().implode())


def _pair(first: str, second: str) -> pl.Expr:
    """Two 32-bit identifiers as one number."""
    return pl.col(first).cast(pl.Int64) * 2**32 + pl.col(second)


def _values(stays: pl.DataFrame, pair: pl.Expr) -> pl.Series:
    return stays.select(pair.alias("pair"))["pair"].implode()


def judged(block: pl.DataFrame, checks: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, Counter[str]]:
    """The rows that meet all conditions, and how many fail each one first.

    >>> checks = {"not positive": pl.col("x") > 0, "too large": pl.col("x") < 9}
    >>> kept, dropped = judged(pl.DataFrame({"x": [-5, 5, None, 50]}), checks)
    >>> kept["x"].to_list(), dict(dropped)
    ([5], {'not positive': 2, 'too large': 1})
    """
    met = block.select(check.fill_null(False).alias(reason) for reason, check in checks.items())
    dropped: Counter[str] = Counter()
    keep, left = pl.repeat(True, block.height, eager=True), block.height
    for reason in checks:
        keep &= met[reason]
        still = int(keep.sum())
        dropped[reason], left = left - still, still
    return block.filter(keep), dropped
