"""From a cell of a table back to the files behind it, and forth again to the same number."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.predictions import read_predictions
from lanistr.evaluation.runs import recomputed
from lanistr.evaluation.status import RunFiles

TOLERANCE = 1e-9  # percent points: the csv keeps full precision


def read_lines(path: Path, row: str) -> list[dict[str, str]]:
    """The lines of a table for one row, one per dataset.

    Raises:
        ConfigError: no such table or row.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is not there. Make the table: snakemake {path.stem}.")
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    if not (found := [line for line in lines if line["row"] == row]):
        known = list(dict.fromkeys(line["row"] for line in lines))
        raise ConfigError(f"{path} has no row {row!r}. Allowed: {known}.")
    return found


def trace(results: Path, table: str, row: str) -> Iterator[str]:
    """Tell what a row's number was made of, and make it again from the predictions.

    Args:
        results: holds tables/, runs/ and predictions/.
        table: such as `table3`.
        row: as in the table.

    Yields:
        Lines for a reader.

    Raises:
        ConfigError: no such table or row.
        DataContractError: a file is missing, or the number differs; raised after the last line.
    """
    path = results / "tables" / f"{table}.csv"
    for line in read_lines(path, row):
        yield f"{path}: {row}, {line['dataset']}, {line['metric']}: {line['status']}"
        if not line["mean"]:
            yield f"  no number to trace{': ' + line['reason'] if line['reason'] else ''}"
            continue
        values = []
        for seed in map(int, line["seeds"].split()):
            files = RunFiles(results, line["experiment"], seed)
            values.append(100 * value_of(files))
            yield from (f"  {told}" for told in origin(files, values[-1]))
        mean = float(np.mean(values))
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        yield f"  mean {mean!r}, in the table {line['mean']}"
        check(path, row, "mean", mean, line["mean"])
        check(path, row, "std", std, line["std"])
        yield "  equal"


def value_of(files: RunFiles) -> float:
    """The reported metric of a run, from its predictions, of 1.

    Raises:
        DataContractError: there are no predictions, or those of another run.
    """
    predictions = read_predictions(files.predictions)
    if (predictions.experiment.name, predictions.seed) != (files.experiment, files.seed):
        raise DataContractError(
            f"{files.predictions} holds {predictions.experiment.name}, seed {predictions.seed}. "
            "Predict again."
        )
    return recomputed(predictions)


def origin(files: RunFiles, value: float) -> Iterator[str]:
    """The files behind one run's number, and what made them."""
    yield f"seed {files.seed}: {value!r}"
    yield f"  predictions {files.predictions}"
    yield from made(files)
    for name in read_story(files)["experiment"]["init"]:
        before = RunFiles(files.results, name, files.seed)
        yield f"  starts from {name}"
        yield from (f"  {told}" for told in made(before))


def made(files: RunFiles) -> Iterator[str]:
    """A run's checkpoint, the resolved experiment, and code and data by their digests."""
    story = read_story(files)
    machine, data = story["machine"], story["data"]
    yield f"  checkpoint {files.checkpoint}{'' if files.checkpoint.is_file() else ' (removed)'}"
    yield f"  experiment, recipe resolved {files.story}"
    yield f"  commit {machine['commit']}, shards {data['digest']}, cache {data['cache']}"


def read_story(files: RunFiles) -> dict[str, Any]:
    """What a run tells of itself.

    Raises:
        DataContractError: it is not there.
    """
    if not files.story.is_file():
        raise DataContractError(f"{files.story} is not there. Train again: snakemake tables.")
    return json.loads(files.story.read_text())


def check(path: Path, row: str, column: str, again: float | None, cell: str) -> None:
    """Compare a recomputed number with its cell.

    Raises:
        DataContractError: they differ.
    """
    written = float(cell) if cell else None
    if again is None or written is None:
        equal = again is None and written is None
    else:
        equal = abs(again - written) <= TOLERANCE
    if not equal:
        raise DataContractError(
            f"{path}: {column} of {row!r} is {written}, the predictions give {again}. "
            f"Make the table again: snakemake {path.stem}."
        )
