"""The learning curve over unlabeled data: Table 4's rows as points."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from lanistr.errors import DataContractError


@dataclass(frozen=True)
class Point:
    """One share of the unlabeled data; metrics in percent, None where there is none.

    Attributes:
        percent: of the unlabeled data used in pretraining.
        mean: over runs.
        low: lower end of the 95 % interval of the mean.
        high: upper end.
        n_runs: that the mean is over.
        paper: published mean.
        status: `ok`, or why there is no mean.
    """

    percent: float
    mean: float | None
    low: float | None
    high: float | None
    n_runs: int
    paper: float | None
    status: str


def learning_curve(table4: Path) -> list[Point]:
    """The points in ascending order.

    Args:
        table4: tables/table4.csv, whose rows are called "0 %" to "100 %".

    Raises:
        DataContractError: not such a table.
    """
    try:
        with table4.open(newline="") as file:
            points = [_point(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise DataContractError(
            f"{table4} is not a Table 4 of `python -m lanistr table` ({type(error).__name__}: "
            f"{error}). Make it: snakemake table4."
        ) from None
    return sorted(points, key=lambda point: point.percent)


def _point(row: dict[str, str]) -> Point:
    """A row of the table."""

    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return Point(
        float(row["row"].removesuffix("%")),
        number("mean"),
        number("low"),
        number("high"),
        int(row["n_runs"] or 0),
        number("paper"),
        row["status"],
    )
