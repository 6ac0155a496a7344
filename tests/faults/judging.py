"""What a loader made of a bad input, held against what was promised."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from commandline import tell_known
from lanistr.errors import LanistrError
from preprocessing.errors import PipelineError
from tests.faults.bad_input import BadInput, Outcome
from tests.faults.cells import DIGITS
from tests.field.case import SECRET
from tests.field.loader import Loader, Table

Verdict = Literal["right", "wrong", "ugly"]

# One of these says what to do or what is allowed.
ADVICE = re.compile(
    r"\b(Add|allowed|Allowed|Check|Compare|Correct|Expected|Fetch|Get|Give|Keep|Leave|Name|Put|"
    r"Rename|Say|Save|Set|Unpack|Write|correct|Is it|must|predict another|see how)\b"
)


@dataclass(frozen=True)
class Made:
    """What a run of a loader left.

    Attributes:
        message: of a refusal.
        flaw: what is bad about how it was said; None if nothing.
        tables: that were written, by name, or the text of a description.
        ledgers: texts of the ledgers, by name.
    """

    message: str | None
    flaw: str | None
    tables: dict[str, pl.DataFrame | str]
    ledgers: dict[str, str]


class Bench:
    """Valid input of every loader, made once, and a folder in which it is changed and read.

    The folder of a loader is always the same, as paths stand in what is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._valid: dict[str, Made] = {}

    def place(self, loader: Loader) -> Path:
        """The folder of a loader, with valid input."""
        place = self.folder / re.sub(r"\W+", "-", loader.name)
        whole = place.with_suffix(".whole")
        if not whole.exists():
            whole.mkdir()
            loader.write(whole)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(whole, place)
        return place

    def valid(self, loader: Loader) -> Made:
        """What the valid input becomes."""
        if loader.name not in self._valid:
            made = self.read(loader, self.place(loader))
            assert made.message is None and made.flaw is None, made
            self._valid[loader.name] = made
        return self._valid[loader.name]

    def read(self, loader: Loader, place: Path, table: Table | None = None) -> Made:
        """Run a loader; a message must name the table."""
        before = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}
        try:
            message, flaw = loader.read(place), None
        except (PipelineError, LanistrError) as error:
            message, flaw = str(error), None
        except Exception as error:
            message = tell_known(error, ())
            flaw = None if message else f"traceback: {type(error).__name__}"
        if message and table:
            flaw = flaw or unclear(message, table.called)
        made = [
            path
            for path in place.rglob("*")
            if path.is_file() and before.get(path) != path.stat().st_mtime_ns
        ]
        if message or flaw:
            made = [path for path in made if path.suffix == ".json"]  # others may be half written
        tables: dict[str, pl.DataFrame | str] = {}
        for path in made:
            name = str(path.relative_to(place))
            if path.suffix == ".parquet":
                tables[name] = pl.read_parquet(path, glob=False)
            elif path.name == "made.yaml":
                tables[name] = path.read_text(encoding="utf-8")
        texts = {
            path: path.read_text("utf-8", "replace") for path in made if path.suffix == ".json"
        }
        ledgers = {p.name: text for p, text in texts.items() if "entries" in text[:500]}
        return Made(message, flaw, tables, ledgers)


def unclear(message: str, names: Iterable[str]) -> str | None:
    """What a message lacks: where it is, or what to do."""
    if not any(name in message for name in names):
        return "says not where"
    return None if ADVICE.search(message) else "says not what to do"


def told(text: str) -> str | None:
    """Whether a cell of the input stands in a text."""
    return "shows a cell" if SECRET in text or DIGITS in text else None


def outcomes(made: Made, valid: Made, bad: BadInput) -> set[Outcome]:
    """All that can be said of what was made."""
    if made.message is not None:
        return {"refused"}
    seen: set[Outcome] = {"taken"}
    if made.ledgers != valid.ledgers:
        seen.add("counted")
    if same(made, valid):
        seen.add("read")
    if bad.change.text is not None and any(
        holds(table, bad.change.text) for table in made.tables.values()
    ):
        seen.add("kept")
    return seen


def same(made: Made, valid: Made) -> bool:
    """Whether two runs made the same tables, with their columns in any order."""
    return made.tables.keys() == valid.tables.keys() and all(
        _is_same(table, valid.tables[name]) for name, table in made.tables.items()
    )


def _is_same(one: pl.DataFrame | str, other: pl.DataFrame | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    one, other = (table.select(sorted(table.columns)) for table in (one, other))
    if "sample_id" not in one.columns:
        return one.equals(other)
    # The ids of reviews are of their words, and rows are in the order of ids.
    rows = [sorted(map(repr, table.drop("sample_id").rows())) for table in (one, other)]
    return rows[0] == rows[1]


def holds(table: pl.DataFrame | str, text: str) -> bool:
    """Whether a text stands in a table as it was written."""
    if isinstance(table, str):
        return text in table
    words = table.select(pl.col(pl.String).str.contains(text, literal=True).any())
    return any(words.row(0)) if words.width else False
