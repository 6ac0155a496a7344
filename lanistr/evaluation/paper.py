"""The published numbers, which live once, as data, in config/paper_results.tsv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PaperResult:
    """A published number, in percent or in its unit.

    Attributes:
        row: method or ablation.
        dataset: as the paper calls it.
        metric: as in `lanistr.evaluation.metrics`.
        value: mean over runs.
        spread: standard deviation, if published.
        n_runs: if published.
    """

    row: str
    dataset: str
    metric: str
    value: float
    spread: float | None
    n_runs: int | None


def paper_results(path: Path, table: str) -> dict[tuple[str, str], PaperResult]:
    """The published numbers of a table by row and dataset, in the file's order."""
    with path.open(newline="", encoding="utf-8") as lines:
        return {
            (line["row"], line["dataset"]): PaperResult(
                line["row"],
                line["dataset"],
                line["metric"],
                float(line["value"]),
                float(line["spread"]) if line["spread"] else None,
                int(line["n_runs"]) if line["n_runs"] else None,
            )
            for line in csv.DictReader(lines, delimiter="\t")
            if line["table"] == table
        }


def paper_columns(result: PaperResult | None) -> dict[str, Any]:
    """The published number as columns of a row."""
    if result is None:
        return {}
    return {
        "metric": result.metric,
        "paper": result.value,
        "paper_std": result.spread,
        "paper_n_runs": result.n_runs,
    }
