"""What a loader is: a step that reads tables of people, and the tables that it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["integer", "number", "time", "category", "text", "path", "flag", "other"]


@dataclass(frozen=True)
class Table:
    """A csv file, or lines of JSON.

    Attributes:
        file: relative to the folder of the input.
        columns: what each is to the step, in the order of the file; those of JSON are keys. Other
            columns are not read, or like one that is tried.
        named: whether its first line names the columns.
        parquet: whether the step reads it as Parquet, too.
        optional: whether the step does without it, and says so in its ledger.
        names: what messages may call it, but for its file.
    """

    file: str
    columns: Mapping[str, Kind]
    named: bool = True
    parquet: bool = False
    optional: bool = False
    names: tuple[str, ...] = ()

    @property
    def called(self) -> tuple[str, ...]:
        """What messages may call it."""
        return (Path(self.file).stem, *self.names)

    @property
    def tried(self) -> set[str]:
        """The first column of each kind, which is tried with everything."""
        first: dict[Kind, str] = {}
        for name, kind in self.columns.items():
            first.setdefault(kind, name)
        first.pop("other", None)
        return set(first.values())

    @property
    def is_json(self) -> bool:
        """Whether it holds lines of JSON."""
        return self.file.endswith(".json")


@dataclass(frozen=True)
class Loader:
    """A step that reads tables.

    Attributes:
        name: the step's.
        write: makes valid input in an empty folder.
        tables: those of the input that may be changed.
        read: runs the step; the message, None if there is none. Own errors may pass.
        guesses: whether it only guesses what columns are.
    """

    name: str
    write: Callable[[Path], object]
    tables: tuple[Table, ...]
    read: Callable[[Path], str | None]
    guesses: bool = False
