"""Estimates with intervals, and the files that hold them."""

from __future__ import annotations

import csv as tables
import json as documents
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.evaluation.predictions import LEVEL, interval
from reading.spreadsheets import escape_formula


def estimate(values: np.ndarray) -> dict[str, float | None]:
    """The first value, and the central 95 % of the others; None where undefined.

    >>> estimate(np.array([0.5, 0.4, 0.4, 0.6, 0.6]))
    {'value': 0.5, 'low': 0.4, 'high': 0.6}
    """
    low, high = interval(values[1:]) or (None, None)
    return {"value": None if np.isnan(values[0]) else float(values[0]), "low": low, "high": high}


def write_results(
    rows: list[dict[str, Any]], document: dict[str, Any], *, csv: Path, json: Path
) -> None:
    """Write rows as CSV, columns in the order in which they first occur, and a document as JSON."""
    for path in (csv, json):
        path.parent.mkdir(parents=True, exist_ok=True)
    with csv.open("w", newline="", encoding="utf-8") as file:
        writer = tables.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows({name: escape_formula(cell) for name, cell in row.items()} for row in rows)
    json.write_text(
        documents.dumps({"level": LEVEL, **document}, indent=2) + "\n", encoding="utf-8"
    )
