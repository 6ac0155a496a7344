"""Text in csv files that people open in a spreadsheet, which runs what begins like a formula."""

import re
from typing import TypeVar

FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Value = TypeVar("Value")


def escape_formula(value: Value) -> Value | str:
    """A value as a cell that no spreadsheet runs: a text that begins like a formula is quoted.

    A text that is a number stays, so that ids and classes such as -1 are found again.

    >>> escape_formula("=HYPERLINK(1)"), escape_formula("train"), escape_formula("-1")
    ("'=HYPERLINK(1)", 'train', '-1')
    """
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def read_escaped(cell: str) -> str:
    """The text that `escape_formula` was given.

    >>> read_escaped("'=HYPERLINK(1)"), read_escaped("'tis")
    ('=HYPERLINK(1)', "'tis")
    """
    return cell[1:] if cell[:1] == "'" and FORMULA.match(cell[1:]) else cell
