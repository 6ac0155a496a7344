"""What pretraining gains in a table, and what each part of it carries, as numbers for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from lanistr.errors import ConfigError
from lanistr.evaluation.claim import WITH, WITHOUT, grouped, one_of
from lanistr.evaluation.row import read_csv


def write_effects(
    table: Annotated[
        Path, Option(help="Table as csv, with rows of LANISTR and of LANISTR without parts")
    ],
    output: Annotated[Path, Option(help="JSON to write")],
) -> None:
    """Write the gain by pretraining of the table's first data set, and what ablations lose.

    `scratch`, `pretrained`, `gain` and its 95 % interval `low` to `high` are in the unit of the
    metric, AUROC in percent for instance; `ablations` has, by row, how far LANISTR
    without a part stays below LANISTR of the same data set. None where a run is missing.

    Raises:
        ConfigError: the table has no row of LANISTR with or without pretraining.
    """
    datasets = grouped(read_csv(table)[0], lambda row: row.dataset)
    first = next(iter(datasets.values()), [])
    full, scratch = one_of(first, WITH), one_of(first, WITHOUT)
    if full is None or scratch is None:
        raise ConfigError(
            f"{table}: needs rows {WITH[0]} and {WITHOUT[0]} of one data set. Make it of both."
        )
    effects = {
        "scratch": scratch.mean,
        "pretrained": full.mean,
        "gain": _negative(scratch.difference),
        "low": _negative(scratch.difference_high),
        "high": _negative(scratch.difference_low),
        "ablations": {
            row.row: _negative(row.difference)
            for rows in datasets.values()
            for row in rows
            if row.row.startswith("w/o ")
        },
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(effects, indent=1) + "\n", encoding="utf-8")


def _negative(difference: float | None) -> float | None:
    return None if difference is None else -difference
