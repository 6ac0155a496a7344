"""From a cell of a table back to the files behind it, and forth again to the same number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Option

from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.predictions import read_predictions
from lanistr.evaluation.row import Row, read_csv
from lanistr.evaluation.status import RunFiles
from lanistr.options import ResultsDir, TableName

TOLERANCE = 1e-9  # of the metric's unit: the csv keeps full precision


def read_rows(path: Path, name: str) -> list[Row]:
    """The rows of a table with one name, one per dataset.

    Raises:
        ConfigError: no such table or row.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is not there. Make the table: snakemake {path.stem}.")
    rows, _ = read_csv(path)
    if not (found := [row for row in rows if row.row == name]):
        known = list(dict.fromkeys(row.row for row in rows))
        raise ConfigError(f"{path} has no row {name!r}. Allowed: {known}.")
    return found


def trace(
    results: ResultsDir,
    table: TableName,
    row: Annotated[str, Option(help="Row as in the table, such as 'w/o MIM'")],
) -> Iterator[str]:
    """Tell what a row's number was made of, and make it again from the predictions.

    Yields:
        Lines for a reader.

    Raises:
        ConfigError: no such table or row.
        DataContractError: a file is missing, or the number differs; raised after the last line.
    """
    path = results / "tables" / f"{table}.csv"
    for line in read_rows(path, row):
        yield f"{path}: {row}, {line.dataset}, {line.metric}: {line.status}"
        if line.mean is None or line.experiment is None:
            yield f"  no number to trace{': ' + line.reason if line.reason else ''}"
            continue
        values = []
        for seed in map(int, line.seeds.split()):
            files = RunFiles(results, line.experiment, seed)
            values.append(line.measure.factor * value_of(files))
            yield from (f"  {told}" for told in origin(files, values[-1]))
        mean = float(np.mean(values))
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        yield f"  mean {mean!r}, in the table {line.mean!r}"
        check(path, row, "mean", mean, line.mean)
        check(path, row, "std", std, line.std)
        yield "  equal"


def value_of(files: RunFiles) -> float:
    """The reported metric of a run, from its predictions; shares are of 1.

    Raises:
        DataContractError: there are no predictions, or those of another run.
    """
    predictions = read_predictions(files.predictions)
    if (predictions.experiment.name, predictions.seed) != (files.experiment, files.seed):
        raise DataContractError(
            f"{files.predictions} holds {predictions.experiment.name}, seed {predictions.seed}. "
            "Predict again."
        )
    return predictions.once(predictions.primary)


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
    return json.loads(files.story.read_text(encoding="utf-8"))


def check(path: Path, row: str, column: str, again: float | None, written: float | None) -> None:
    """Compare a recomputed number with its cell.

    Raises:
        DataContractError: they differ.
    """
    if again is None or written is None:
        equal = again is None and written is None
    else:
        equal = abs(again - written) <= TOLERANCE
    if not equal:
        raise DataContractError(
            f"{path}: {column} of {row!r} is {written}, the predictions give {again}. "
            f"Make the table again: snakemake {path.stem}."
        )
