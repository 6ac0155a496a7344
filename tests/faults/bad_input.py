"""One bad input: what is done to a table, what is promised of it, and what was seen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.field.loader import Loader, Table

Outcome = Literal["refused", "counted", "read", "kept", "taken"]
Promise = frozenset[Outcome]

REFUSED: Promise = frozenset({"refused"})
# Not taken for what it is not: neither a value that is not there nor a row less without a word.
HONEST: Promise = frozenset({"refused", "counted"})
READ: Promise = frozenset({"read"})
READ_OR_REFUSED: Promise = READ | REFUSED
READ_OR_HONEST: Promise = READ | HONEST
KEPT: Promise = frozenset({"kept", "refused", "counted"})
# Whatever stands there is allowed; no more is promised than that no cell is told.
ANY: Promise = frozenset({"refused", "taken"})


@dataclass(frozen=True)
class Change:
    """What is done to a table.

    Attributes:
        family: line of the table of results.
        what: a phrase.
        promise: outcomes of which one is right, declared before anything ran: refused with one
            clear message; counted in the ledger; read, with all that is made as of the input that
            was meant; kept, as the text that it is; taken, whatever is made of it.
        apply: changes the file at a path.
        meant: makes the input that was meant, where that is not the unchanged one.
        text: that is kept.
    """

    family: str
    what: str
    promise: Promise
    apply: Callable[[Path], object]
    meant: Callable[[Path], object] | None = None
    text: str | None = None


@dataclass(frozen=True)
class BadInput:
    """A change of one table of a loader."""

    loader: Loader
    table: Table
    change: Change

    @property
    def name(self) -> str:
        """Of the test."""
        return f"{self.loader.name}, {Path(self.table.file).name}: {self.change.what}"


def rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """A change of the bytes of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes()))
