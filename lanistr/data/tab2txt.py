"""Tab2Txt: the columns of a table as words, for models that read no tables.

A column becomes a phrase, `name: value`, and the phrases a text of at most so many characters.
What is unknown is left out, and so is a phrase that would not fit; none is cut in two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

BUDGET = 128
"""Characters; a quarter of what the paper takes of a review. Not published."""

SEPARATOR = "; "

Phrases = Mapping[str, tuple[str, Callable[[Any], str]]]
"""How each column is named and its value written; the order is that of the text."""


def yes_or_no(value: bool) -> str:
    """A flag in words.

    >>> yes_or_no(True)
    'yes'
    """
    return "yes" if value else "no"


def day(seconds: int) -> str:
    """A Unix time as a date.

    >>> day(1472688000)
    '2016-09-01'
    """
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


# What tells most comes first, as a small budget leaves out the end.
REVIEW: Phrases = {
    "verified": ("verified purchase", yes_or_no),
    "votes": ("votes", str),
    "year": ("year", str),
    "time": ("date", day),
    "product": ("product", str),
    "reviewer": ("reviewer", str),
}
"""The six features of a review."""


def described(columns: Mapping[str, Any], phrases: Phrases, budget: int = BUDGET) -> str:
    """Columns in words.

    Args:
        columns: value of each column; None = unknown.
        phrases: which columns, in which order, and how.
        budget: longest text, in characters.

    >>> row = {"verified": True, "votes": None, "year": 2016, "product": "B0000530HU"}
    >>> described(row, REVIEW)
    'verified purchase: yes; year: 2016; product: B0000530HU'
    >>> described(row, REVIEW, budget=46)
    'verified purchase: yes; year: 2016'
    """
    text = ""
    for column, (name, written) in phrases.items():
        if columns.get(column) is None:
            continue
        longer = f"{text}{SEPARATOR if text else ''}{name}: {written(columns[column])}"
        if len(longer) <= budget:
            text = longer
    return text


def in_front(columns: str, text: str) -> str:
    """Columns in words, then the text.

    >>> in_front("votes: 3", "Five Stars.")
    'votes: 3. Five Stars.'
    >>> in_front("", "Five Stars.")
    'Five Stars.'
    """
    return f"{columns}. {text}" if columns else text
