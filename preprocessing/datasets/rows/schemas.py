"""Contracts of the canonical rows and of the shards; their columns follow from the contents."""

from typing import Any, cast

import pandera.polars as pa
import polars as pl

from preprocessing.card import Task
from preprocessing.contracts import Table
from preprocessing.datasets.rows.contents import Contents

SPLITS = ["train", "valid", "test"]


def modalities(contents: Contents) -> list[str]:
    """The modalities that the rows have, in the order of names of patterns."""
    there = {
        "text": contents.text,
        "image": contents.image_px is not None,
        "tabular": bool(contents.columns),
        "timeseries": contents.series is not None,
    }
    return [name for name, has in there.items() if has]


def category_names(contents: Contents) -> list[str]:
    """Names of the table's categories."""
    return [name for name, column in contents.columns.items() if column.type == "category"]


def number_names(contents: Contents) -> list[str]:
    """Names of the table's numbers and dates."""
    return [name for name, column in contents.columns.items() if column.type != "category"]


def rows_schema(contents: Contents) -> type[Table]:
    """Contract of the canonical rows but for pictures and series, which their shards check.

    >>> from preprocessing.card import Noun
    >>> noun, task = Noun(singular="row", plural="rows"), {"kind": "regression", "title": "price"}
    >>> contents = Contents(
    ...     title="", unit=noun, sample=noun, tasks=[Task(name="price", **task)], text=True
    ... )
    >>> list(rows_schema(contents).to_schema().columns)
    ['row_id', 'group', 'split', 'price', 'text']
    """
    columns = {"row_id": _column(pl.String, unique=True), "group": _column(pl.String)}
    columns |= _split() | _answers(contents.tasks)
    if contents.text:
        columns["text"] = _column(pl.String, nullable=True)
    return _contract("Rows", columns | _plain(contents))


def text_schema(_: Contents) -> type[Table]:
    """Contract of the texts: rows that have words."""
    return _contract("Text", _keyed() | {"text": _column(pl.String)})


def images_schema(_: Contents) -> type[Table]:
    """Contract of the pictures: rows whose picture could be decoded."""
    jpeg = _column(pl.Binary, description="RGB, square, `image.px` wide, already resized.")
    return _contract("Images", _keyed() | {"jpeg": jpeg})


def tabular_schema(contents: Contents) -> type[Table]:
    """Contract of the table: rows with any value, as they are and encoded for the model."""
    codes = {
        f"{name}_code": _column(pl.Int32, ge=0, description="Place of the 1 in a one-hot vector.")
        for name in category_names(contents)
    }
    scaled = {
        f"{name}_scaled": _column(pl.Float32, description="Standardised; 0 = mean = missing.")
        for name in number_names(contents)
    }
    return _contract("Tabular", _keyed() | _plain(contents) | codes | scaled)


def series_schema(contents: Contents) -> type[Table]:
    """Contract of the series: rows with any value on the grid."""
    grid = contents.series
    size = grid.steps * len(grid.variables) if grid else 0
    return _contract(
        "TimeSeries",
        _keyed()
        | {
            "values": _column(
                pl.Array(pl.Float32, size),
                description="Row-major step x variable, not normalised, NaN = not observed.",
            ),
            "observed": _column(pl.Array(pl.UInt8, size), description="1 = observed."),
        },
    )


def samples_schema(contents: Contents) -> type[Table]:
    """Contract of the samples: which rows of the other tables a stage sees."""
    columns = {
        "sample_id": _column(pl.Int64, ge=0, description="63 bits of a digest of `row_id`."),
        "row_id": _column(pl.String, description="Name of the row in its file."),
        "stage": _column(pl.String, isin=["pretrain", "finetune"]),
        "group": _column(pl.String, description="Unit of splits and intervals."),
    }
    columns |= _split() | _answers(contents.tasks)
    for name in modalities(contents):
        columns[f"has_{name}"] = _column(pl.Boolean)
    for name in modalities(contents):
        columns[f"{name}_absence"] = _column(
            pl.String, nullable=True, description="Why not; null = present."
        )
    return _contract("Samples", columns)


def _contract(name: str, columns: dict[str, tuple[Any, Any]]) -> type[Table]:
    body: dict[str, Any] = {key: field for key, (_, field) in columns.items()}
    body["__annotations__"] = {key: dtype for key, (dtype, _) in columns.items()}
    body["__module__"] = __name__
    return cast(type[Table], type(name, (Table,), body))


def _column(dtype: Any, **checks: Any) -> tuple[Any, Any]:
    return dtype, pa.Field(**checks)


def _split() -> dict[str, tuple[Any, Any]]:
    return {"split": _column(pl.String, isin=SPLITS)}


def _keyed() -> dict[str, tuple[Any, Any]]:
    return {"sample_id": _column(pl.Int64, unique=True, ge=0), **_split()}


def _answers(tasks: tuple[Task, ...]) -> dict[str, tuple[Any, Any]]:
    """A column per task, null where the answer is not known."""
    found = {}
    for task in tasks:
        if task.kind == "regression":
            found[task.name] = _column(pl.Float32, nullable=True, description=task.unit)
        elif task.kind == "multilabel":
            labels = pl.Array(pl.Int8, len(task.classes))
            found[task.name] = _column(labels, nullable=True, description="1 = has the label.")
        else:
            numbers = list(range(len(task.classes)))
            found[task.name] = _column(pl.Int8, nullable=True, isin=numbers)
    return found


def _plain(contents: Contents) -> dict[str, tuple[Any, Any]]:
    return {
        name: _column(pl.String if column.type == "category" else pl.Float64, nullable=True)
        for name, column in contents.columns.items()
    }
