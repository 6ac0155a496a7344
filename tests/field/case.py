"""Inputs from the field, each with what is promised of it: the source of docs/inputs.md.

A module of this folder declares cases with `@case`; `test_cases.py` runs them all. The
function makes the input in an empty folder and returns what was seen of it.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from lanistr.errors import LanistrError
from preprocessing.__main__ import app
from preprocessing.errors import PipelineError

Promise = Literal["refused", "dropped", "noted", "read", "noticed"]

# Stands for a patient's value: no message may hold it.
SECRET = "Secretson"


@dataclass(frozen=True)
class Seen:
    """What was made of an input.

    Attributes:
        message: error or warning, None if there was none.
        dropped: rows that the ledger lost, by reason, of those that have any.
        noted: rows of the ledger's entries that lost none; a reason that did not occur has all.
    """

    message: str | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        kind: section of the catalogue.
        input: what it is, a phrase.
        promise: refused with a message; dropped, or kept and noted, under a reason of the ledger;
            read as it is meant; or noticed (a warning, or a step that runs again).
        says: first line of the message, or reason in the ledger, where "..." stands for what
            differs; of what is read, the words of the catalogue.
        see: makes the input in an empty folder and says what was seen; asserts what `says` cannot.
    """

    kind: str
    input: str
    promise: Promise
    says: str
    see: Callable[[Path], Seen]

    def is_said(self, text: str) -> bool:
        """Whether a line is the one that was promised."""
        pattern = ".*".join(map(re.escape, self.says.split("...")))
        return re.fullmatch(pattern, text) is not None


CASES: list[Case] = []


def case(
    kind: str, what: str, promise: Promise, says: str
) -> Callable[[Callable[[Path], Seen]], Callable[[Path], Seen]]:
    """Declare a function as a case."""

    def declared(see: Callable[[Path], Seen]) -> Callable[[Path], Seen]:
        CASES.append(Case(kind, what, promise, says, see))
        return see

    return declared


def run_step(folder: Path, arguments: Sequence[str | Path]) -> Seen:
    """Run a step of preprocessing; an exception other than its own fails the case."""
    words = list(map(str, arguments))
    try:
        app(words, standalone_mode=False)
    except (PipelineError, LanistrError) as error:
        return Seen(without_folder(str(error), folder))
    ledgers = [Path(word) for before, word in pairwise(words) if before == "--ledger"]
    seen = Seen()
    for entry in (entry for path in ledgers for entry in json.loads(path.read_text())["entries"]):
        lost = entry["rows_before"] - entry["rows_after"]
        told = seen.dropped if lost else seen.noted
        if rows := lost or entry["rows_after"]:
            told[entry["reason"]] = told.get(entry["reason"], 0) + rows
    return seen


def without_folder(message: str, folder: Path) -> str:
    """A message with the paths of a test's folder made relative to it."""
    return message.replace(f"{folder}/", "")
