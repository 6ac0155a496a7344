"""Tab2Txt: the columns of a table as words, for models that read no tables.

A column becomes a phrase, `name: value`, and the phrases a text of at most so many characters.
What is unknown is left out, and so is a phrase that would not fit; none is cut in two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lanistr.data.card import Phrase

BUDGET = 128
"""Characters; a quarter of what the paper takes of a review. Not published."""

SEPARATOR = "; "


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


FORMS: dict[str, Callable[[Any], str]] = {"plain": str, "flag": yes_or_no, "date": day}
"""How the values of a column are written, by the form of its phrase."""


def described(columns: Mapping[str, Any], phrases: Sequence[Phrase], budget: int = BUDGET) -> str:
    """Columns in words.

    Args:
        columns: value of each column; None = unknown.
        phrases: which columns, in which order, and how; the most telling first, as a small budget
            leaves out the end.
        budget: longest text, in characters.

    >>> verified = Phrase(column="verified", name="verified purchase", form="flag")
    >>> phrases = [verified, *(Phrase(column=name, name=name) for name in ("votes", "year", "id"))]
    >>> row = {"verified": True, "votes": None, "year": 2016, "id": "B0000530HU"}
    >>> described(row, phrases)
    'verified purchase: yes; year: 2016; id: B0000530HU'
    >>> described(row, phrases, budget=46)
    'verified purchase: yes; year: 2016'
    """
    text = ""
    for phrase in phrases:
        if (value := columns.get(phrase.column)) is None:
            continue
        written = FORMS[phrase.form](value)
        longer = f"{text}{SEPARATOR if text else ''}{phrase.name}: {written}"
        if len(longer) <= budget:
            text = longer
    return text


def prepend_words(columns: str, text: str) -> str:
    """Columns in words, then the text.

    >>> prepend_words("votes: 3", "Five Stars.")
    'votes: 3. Five Stars.'
    >>> prepend_words("", "Five Stars.")
    'Five Stars.'
    """
    return f"{columns}. {text}" if columns else text
