"""Guesses at what the columns of a file are, each with its reason; a person corrects them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from preprocessing.datasets.rows.checks import ID_ROWS, ID_SHARE
from preprocessing.datasets.rows.description import RESERVED
from preprocessing.datasets.rows.partition import NAMES
from preprocessing.datasets.rows.source import Source
from preprocessing.datasets.rows.values import parse_category, parse_number, parse_text, parse_time
from reading.columns import type_name

PICTURES = r"(?i)\.(jpe?g|png|gif|webp|bmp|tiff?)$"
NAMES_ROWS = re.compile(r"(^|[_\W])(id|uuid|key|code|nr)$|[a-z](Id|ID)$")
# Values from which a number is taken for an amount rather than for one of some classes.
AMOUNTS = 20
# Words, or letters, from which strings are taken for text rather than for names of groups.
TEXT_WORDS, TEXT_LETTERS = 3, 40
PLACES_LOOKED_AT = 50


@dataclass(frozen=True)
class Guess:
    """What a column seems to be.

    Attributes:
        type: one of the types of the description, or `id`, `group` or `split`.
        reason: what speaks for it.
        root: of pictures, the folder that their paths are below.
    """

    type: str
    reason: str
    root: str = ""


def guess_column(source: Source, name: str, folder: Path) -> Guess:
    """What a column seems to be.

    Args:
        source: the rows.
        name: of the column.
        folder: what paths of pictures may be relative to.
    """
    raw = source.frame[name]
    if raw.dtype == pl.Binary:
        return Guess("image", "bytes; taken for those of picture files")
    if raw.dtype.is_nested() or raw.dtype in (pl.Time, pl.Duration):
        return Guess("ignore", f"{type_name(raw.dtype)}: no column of a table")
    words = parse_category(raw).drop_nulls()
    if words.n_unique() < 2:
        return Guess("ignore", "the same in every row" if len(words) else "empty")
    if name.lower() in {"split", "fold", "set"} and words.str.to_lowercase().is_in([*NAMES]).all():
        return Guess("split", "says train, valid and test")
    if _mean(words.str.contains(PICTURES)) > ID_SHARE:
        return _guess_pictures(words, folder)
    if name in RESERVED and not _is_text(parse_text(raw).drop_nulls()):
        return Guess("ignore", "its name is used by the shards: rename it in the file to use it")
    return _guess_values(raw, words, name)


def guess_kind(label: pl.Series) -> str:
    """The kind of task that a column of answers seems to be.

    >>> guess_kind(pl.Series(["no", "yes", "no"]))
    'binary'
    >>> guess_kind(pl.Series([n / 3 for n in range(60)]))
    'regression'
    """
    known = parse_category(label).drop_nulls()
    number = parse_number(label).drop_nulls()
    if known.n_unique() <= 2:
        return "binary"
    amounts = known.n_unique() > AMOUNTS or (number != number.round()).any()
    return "regression" if len(number) == len(known) and amounts else "multiclass"


def _guess_values(raw: pl.Series, words: pl.Series, name: str) -> Guess:
    distinct = words.n_unique()
    once, told = distinct == len(raw), f"{distinct} values"
    by_name = bool(NAMES_ROWS.search(name))
    fraction = raw.dtype.is_float() or words.str.contains(r"\.\d*[1-9]").any()
    if once and not fraction and by_name:
        return Guess("id", "every value stands once, and the name says so")
    if parse_number(raw).count() == len(words):
        if by_name and not fraction:
            return Guess("group", f"{told}; its name says that they name something")
        return Guess("category" if distinct == 2 else "number", f"numbers, {told}")
    if parse_time(raw).count() == len(words):
        return Guess("date", f"dates, {told}")
    if _is_text(words):
        pieces = _mean(words.str.count_matches(r"\S+"))
        return Guess("text", f"{pieces:.0f} words on average, {told}")
    if distinct >= max(ID_ROWS, ID_SHARE * len(words)):
        return Guess("id" if once else "ignore", f"{told} in {len(words)} rows: they name the rows")
    if by_name:
        return Guess("group", f"{told}; its name says that they name something")
    return Guess("category", told)


def _is_text(words: pl.Series) -> bool:
    pieces, letters = _mean(words.str.count_matches(r"\S+")), _mean(words.str.len_chars())
    return (pieces >= TEXT_WORDS or letters >= TEXT_LETTERS) and words.n_unique() > AMOUNTS


def _mean(numbers: pl.Series) -> float:
    return float(numbers.cast(pl.Float64).to_numpy().mean()) if len(numbers) else 0.0


def _guess_pictures(words: pl.Series, folder: Path) -> Guess:
    """Pictures, and the folder below which the most of the first ones are."""
    some = words.head(PLACES_LOOKED_AT).to_list()
    found = {
        # Unlike `Path.is_file` it also answers of a text that is too long for a path.
        root: sum(os.path.isfile(folder / root / path) for path in some)
        for root in _folders(folder)
    }
    root = max(found, key=lambda name: found[name])
    if not found[root]:
        return Guess("image", "paths of pictures, but none of the first is there: set root", ".")
    return Guess(
        "image", f"paths of pictures; of the first {len(some)}, {found[root]} are there", root
    )


def _folders(folder: Path) -> Sequence[str]:
    return [".", *sorted(path.name for path in folder.iterdir() if path.is_dir())]
