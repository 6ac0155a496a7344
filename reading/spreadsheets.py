"""Text in csv files that people open in a spreadsheet, which runs what begins like a formula."""

from typing import TypeVar

FORMULA = ("=", "+", "-", "@", "\t", "\r")

Value = TypeVar("Value")


def escape_formula(value: Value) -> Value | str:
    """A value as a cell that no spreadsheet runs: a text that begins like a formula is quoted.

    >>> escape_formula("=HYPERLINK(1)"), escape_formula("train"), escape_formula(-0.5)
    ("'=HYPERLINK(1)", 'train', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
