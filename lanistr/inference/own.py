"""New rows of own data, read by the very step that read the training rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from lanistr.inference.rows import NewRows, make_table
from lanistr.process import preprocess


def read_own(
    rows: NewRows | Path,
    description: Mapping[str, Any],
    base: Path,
    series: NewRows | Path | None = None,
) -> pl.DataFrame:
    """Rows as they stood in the files of the training data, as `lanistr.inference.rows` has them.

    Args:
        rows: csv or Parquet file, table, or one mapping per row.
        description: how the training rows were read.
        base: folder that the roots of pictures in the description are relative to.
        series: measurements of the rows, where the training rows had them.

    Raises:
        ProcessError: the rows are not as the description says.
    """
    with TemporaryDirectory(prefix="lanistr-") as folder:
        work = Path(folder)
        told, output = work / "description.json", work / "rows.parquet"
        told.write_text(json.dumps(description), encoding="utf-8")
        measured: list[str | Path] = []
        if series is not None:
            measured = ["--series", _file(series, work / "series.parquet")]
        preprocess(
            "rows-read",
            *("--description", told, "--base", base.resolve()),
            *("--new", _file(rows, work / "new.parquet"), *measured),
            *("--output", output, "--ledger", work / "ledger.json"),
        )
        return pl.read_parquet(output, glob=False)


def _file(rows: NewRows | Path, path: Path) -> Path:
    """The file of rows; a table is written to `path`."""
    if isinstance(rows, Path):
        return rows.resolve()
    make_table(rows).write_parquet(path)
    return path
