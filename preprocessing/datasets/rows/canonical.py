"""Step 1: from files and their description to canonical rows, for training and for new rows.

`contents` says what canonical rows are. New rows take the same way but for what only training
has: answers, units, splits, and checks of columns as a whole.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from preprocessing.card import Noun
from preprocessing.datasets.rows.answers import card_tasks, read_answers
from preprocessing.datasets.rows.checks import (
    check_columns,
    check_ids,
    check_names,
    check_splits,
    check_types,
)
from preprocessing.datasets.rows.contents import Contents, Grid, TableColumn
from preprocessing.datasets.rows.description import CLASSED, Description
from preprocessing.datasets.rows.inputs import pictures_named, read_inputs
from preprocessing.datasets.rows.partition import split_rows
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.series import bin_cells, measurements, series_columns
from preprocessing.datasets.rows.source import Source, read_source
from preprocessing.datasets.rows.values import parse_category, parse_time
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger
from preprocessing.manifest import digests_of
from preprocessing.sightings import write_sightings

# Rows whose series are in memory at a time.
ROWS_AT_ONCE = 4096

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Values on the grid of the series, and its variables."""

    cells: pl.DataFrame
    variables: tuple[str, ...]


def read_rows(
    description: Description,
    *,
    output: Path,
    contents: Path,
    ledger_path: Path,
    sightings: Path | None = None,
) -> None:
    """Write the canonical rows of training, what they hold, and what was dropped.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: every problem of the files, in one message.
    """
    problems, ledger = Problems(), Ledger("rows-read")
    source, labelled = _labelled_source(description, problems)
    problems.stop()
    inputs = read_inputs(description, source, ledger, problems)
    answers, classes = read_answers(description, source, problems)
    ids = _row_ids(description, source, problems)
    units = _units(description, source, ids, ledger)
    split = split_rows(description, source, units, answers, problems)
    check_columns(description, inputs, source, problems)
    problems.stop()
    check_splits(description, answers, split, source, problems)
    measured = _measured(description, source, ids, ids.filter(split == "train"), ledger, problems)
    problems.stop()
    named = pl.DataFrame({"row_id": ids, "group": units, "split": split})
    rows = pl.concat([named, answers, inputs], how="horizontal")
    rows = _useful(rows, list(inputs.columns), answers.columns, measured, ledger)
    # Deterministic from names: the order of lines has no part in what follows.
    rows = rows.sort("row_id") if description.id else rows
    _write(_slices(rows, measured, description), output)
    ledger.note("rows", "unlabeled: for pretraining alone", int((~labelled).sum()))
    ledger.write(ledger_path)
    if sightings:
        write_sightings(*pictures_named(description, source), sightings)
    facts = _contents(description, inputs, classes, measured)
    series = description.series.source if description.series else ()
    files = (*source.files, *(description.folder / name for name in series))
    digests = digests_of({path.name: path for path in files})
    facts.model_copy(update={"inputs": digests}).write(contents)
    log.info("%d rows", rows.height)


def read_new(
    description: Description,
    files: Sequence[Path],
    series_files: Sequence[Path],
    *,
    output: Path,
    ledger_path: Path,
) -> None:
    """Write new rows as a trained model reads them, in their order, and what was dropped.

    Args:
        description: of the rows that the model was trained on, as their manifest holds it.
        files: new rows; they need no answers, groups and splits.
        series_files: their measurements; () = none.
        output: Parquet with `sample_id` and the columns of the inputs.
        ledger_path: what was dropped of them.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: every problem of the files, in one message.
    """
    problems, ledger = Problems(), Ledger("rows-read")
    source = read_source(files, description.nulls)
    start = {description.series.start} - {""} if description.series and series_files else set()
    known = description.columns.keys() | description.roles()
    named_id = {description.id} if series_files else set()
    inputs_of = {name for name, c in description.columns.items() if c.type != "ignore"}
    check_names(source, known, inputs_of | start | named_id, problems)
    check_types(source, description.plain(), problems)
    problems.stop()
    inputs = read_inputs(description, source, ledger, problems)
    ids = _row_ids(description, source, problems)
    measured = None
    if description.series:
        series = description.series.model_copy(update={"source": tuple(map(str, series_files))})
        told = description.model_copy(update={"series": series, "folder": Path()})
        measured = _measured(told, source, ids, ids, ledger, problems)
    problems.stop()
    rows = pl.concat([ids.alias("sample_id").to_frame(), inputs], how="horizontal")
    _write(_slices(rows, measured, description), output)
    ledger.write(ledger_path)


def _labelled_source(description: Description, problems: Problems) -> tuple[Source, pl.Series]:
    """All rows, of unlabeled ones without answers; and whether a row is of a labelled file."""
    paths = [description.folder / name for name in (*description.source, *description.unlabeled)]
    source = read_source(paths, description.nulls)
    answers = {column for columns in description.answers().values() for column in columns}
    known = description.columns.keys() | description.roles()
    optional = answers | {description.split.column, description.split.time}
    count = len(description.source)
    check_names(source, known, known, problems, range(count))
    check_names(source, known, known - optional, problems, range(count, len(paths)))
    check_types(source, description.plain(), problems)
    labelled = source.places["file"] < count
    kept = [pl.when(labelled).then(name).alias(name) for name in answers & {*source.frame.columns}]
    # A column that no file of labelled rows has is among the problems already.
    frame = source.frame.with_columns(kept)
    return Source(frame, source.places, source.files, source.columns), labelled


def _row_ids(description: Description, source: Source, problems: Problems) -> pl.Series:
    """The id of each row, else its number from 1."""
    if description.id not in source.frame.columns:
        return pl.int_range(1, source.frame.height + 1, eager=True).cast(pl.String).alias("row_id")
    ids = parse_category(source.frame[description.id]).alias("row_id")
    check_ids(ids, description.id, source, problems)
    return ids


def _units(description: Description, source: Source, ids: pl.Series, ledger: Ledger) -> pl.Series:
    """The unit of each row; one that names none is a unit of its own."""
    if not description.group:
        return ids.alias("group")
    group = parse_category(source.frame[description.group])
    ledger.note("rows", f"no {description.group}: a group of its own", group.null_count())
    return pl.select(pl.coalesce(group, pl.format("row {}", ids)).alias("group")).to_series()


def _measured(
    description: Description,
    source: Source,
    ids: pl.Series,
    shown: pl.Series,
    ledger: Ledger,
    problems: Problems,
) -> Measured | None:
    """Values on the grid; its variables are those stated, else those of the rows `shown`."""
    series = description.series
    if not series:
        return None
    empty = {"row_id": pl.String, "variable": pl.String, "step": pl.Int32, "value": pl.Float64}
    cells = pl.DataFrame(schema=empty)
    if series.source:
        table = read_source([description.folder / f for f in series.source], description.nulls)
        if not series_columns(series, table, problems):
            return None
        starts = pl.DataFrame({"row_id": ids}).with_columns(start=pl.lit(None, pl.Float64))
        if series.start:
            column = description.columns.get(series.start)
            times = parse_time(source.frame[series.start], column.format if column else "")
            starts = starts.with_columns(start=times)
        cells = measurements(series, table, starts, ledger, problems)
    train = cells.filter(pl.col("row_id").is_in(shown.implode()))["variable"].drop_nulls()
    variables = series.variables or tuple(train.unique().sort())
    if not variables:
        where = ", ".join(Path(name).name for name in series.source)
        remedy = "Check rows.series: id, time, step_hours and steps."
        problems.add(where, "no value of a row of train falls on the grid", remedy)
    of_grid = pl.col("variable").is_in(list(variables))
    cells = ledger.keep("series", cells, of_grid, reason="variable that train never shows")
    return Measured(cells, variables)


def _useful(
    rows: pl.DataFrame,
    inputs: Sequence[str],
    answers: Sequence[str],
    measured: Measured | None,
    ledger: Ledger,
) -> pl.DataFrame:
    """The rows that have any input, and whose unit may be learned from or asked."""
    anything = pl.any_horizontal(pl.col(name).is_not_null() for name in inputs)
    anything = anything if inputs else pl.lit(False)
    if measured:
        anything |= pl.col("row_id").is_in(measured.cells["row_id"].unique().implode())
    rows = ledger.keep("rows", rows, anything, reason="nothing but empty cells")
    labelled = pl.any_horizontal(pl.col(name).is_not_null() for name in answers)
    useful = labelled | (pl.col("split") != "test")
    return ledger.keep("rows", rows, useful, reason="unlabeled, and its group is in the test split")


def _slices(
    rows: pl.DataFrame, measured: Measured | None, description: Description
) -> Iterator[pl.DataFrame]:
    """The rows with their series, some at a time."""
    for part in rows.iter_slices(ROWS_AT_ONCE):
        if measured and description.series:
            cells, steps = measured.cells, description.series.steps
            grid = bin_cells(cells, part.to_series(0), measured.variables, steps)
            part = pl.concat([part, grid], how="horizontal")
        yield part


def _write(slices: Iterator[pl.DataFrame], path: Path) -> None:
    first = next(slices, None)
    if first is None:
        raise DataContractError("The files hold no row. Give at least one below the names.")
    path.parent.mkdir(parents=True, exist_ok=True)
    table = first.to_arrow()
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        for part in slices:
            writer.write_table(part.to_arrow().cast(table.schema))


def _contents(
    description: Description,
    inputs: pl.DataFrame,
    classes: dict[str, tuple[str, ...]],
    measured: Measured | None,
) -> Contents:
    unit = description.unit or _words(description.group).lower() or description.sample
    series = description.series
    grid = None
    if series and measured:
        grid = Grid(steps=series.steps, step_hours=series.step_hours, variables=measured.variables)
        series = series.model_copy(update={"variables": measured.variables})
    tasks = {
        name: task.model_copy(update={"classes": classes[name]}) if task.kind in CLASSED else task
        for name, task in description.tasks.items()
    }
    resolved = description.model_copy(update={"tasks": tasks, "series": series})
    columns = {
        name: TableColumn(type=kind, title=description.columns[name].title or _words(name))
        for name, kind in description.table.items()
    }
    return Contents(
        title=description.title,
        unit=Noun(singular=unit, plural=f"{unit}s"),
        sample=Noun(singular=description.sample, plural=f"{description.sample}s"),
        tasks=tuple(card_tasks(description, classes)),
        text="text" in inputs.columns,
        image_px=description.image_px if "image" in inputs.columns else None,
        columns=columns,
        series=grid,
        subgroups=description.subgroups,
        mirror=description.mirror,
        description=resolved.model_dump(mode="json"),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
