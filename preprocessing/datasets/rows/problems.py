"""Problems of a person's files, gathered so that all are told at once, without any value."""

from dataclasses import dataclass, field

import polars as pl

from preprocessing.datasets.rows.source import Source
from preprocessing.errors import DataContractError


@dataclass
class Problems:
    """What is wrong with files, where it is first, and what to do."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, remedy: str) -> None:
        """Note a problem of a file or column."""
        self.lines.append(f"{where}: {what}. {remedy}")

    def add_rows(
        self, source: Source, column: str, wrong: pl.Series, what: str, remedy: str
    ) -> None:
        """Note a problem of the rows for which `wrong` is true, if there are any."""
        if places := wrong.fill_null(False).arg_true().to_list():
            rows = (
                "1 row" if len(places) == 1 else f"{len(places)} rows, of which this is the first"
            )
            self.add(f"{source.where(places[0])}, column {column}", f"{what}, in {rows}", remedy)

    def stop(self) -> None:
        """Refuse to go on if there are problems.

        Raises:
            DataContractError: with a line for each.
        """
        if len(self.lines) == 1:
            raise DataContractError(self.lines[0])
        if self.lines:
            raise DataContractError("\n".join(["The rows cannot be used yet:", *self.lines]))
