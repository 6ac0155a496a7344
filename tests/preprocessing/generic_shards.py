"""Made-up shards of a data set that declares nothing but its card: tasks of every kind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from preprocessing.card import Card
from tests.preprocessing.leakage_shards import Tables, in_two_parts, text

STEPS, NAMES = 4, ["speed", "weight"]
SEASONS = ["Spring", "Summer", "Winter"]
SPLITS = ["train", "train", "train", "valid", "test"]
TASKS = {
    "sold": {"kind": "binary", "title": "sold", "classes": ["left", "bought"]},
    "season": {"kind": "multiclass", "title": "season", "classes": SEASONS},
    "tags": {"kind": "multilabel", "title": "tags", "classes": ["red", "blue"]},
    "cost": {"kind": "regression", "title": "cost", "unit": "euros"},
}
PLACES = {"text": "text", "image": "images", "tabular": "tabular", "timeseries": "timeseries"}


def make_card(*tasks: str, **changes: Any) -> dict[str, Any]:
    """A card with the tasks in this order, the first being the default."""
    return Card.model_validate(
        {
            "name": "rows", "title": "My products",
            "unit": {"singular": "customer", "plural": "customers", "column": "group"},
            "sample": {"singular": "row", "plural": "rows"},
            "modalities": {name: {"table": table, "key": "row_id"}
                           for name, table in PLACES.items()},
            "tasks": [{"name": name, **TASKS[name], **changes} for name in tasks],
        }
    ).facts()  # fmt: skip


def make_tables(rows: int = 400) -> Tables:
    """Tables of as many rows, two of each customer, whose inputs know nothing of the answers."""
    rng = np.random.default_rng(3)
    numbers = np.arange(rows)
    index = pl.DataFrame(
        {
            "row_id": numbers, "group": [f"g{i // 2}" for i in numbers],
            "split": [SPLITS[i // 2 % len(SPLITS)] for i in numbers],
        }
    )  # fmt: skip
    answers = pl.DataFrame(
        {
            "sold": rng.integers(0, 2, rows), "season": rng.integers(0, 3, rows),
            "tags": rng.integers(0, 2, (rows, 2)), "cost": rng.normal(9, 2, rows),
        },
        schema_overrides={"sold": pl.Int8, "season": pl.Int8, "tags": pl.Array(pl.Int8, 2),
                          "cost": pl.Float32},
    )  # fmt: skip
    values = rng.normal(5, 2, (rows, STEPS * len(NAMES))).astype(np.float32)
    observed = (rng.random((rows, STEPS * len(NAMES))) < 0.5).astype(np.uint8)
    flags = {f"has_{name}": pl.lit(True) for name in PLACES}
    samples = pl.concat([index, answers], how="horizontal").with_columns(
        sample_id=pl.col("row_id"), stage=pl.lit("finetune"), **flags,
        text_absence=pl.lit(None, pl.String),
    )  # fmt: skip
    hidden = samples.filter(pl.col("split") != "test").with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in answers.schema.items()
    )
    return {
        "samples": pl.concat([samples, hidden.with_columns(stage=pl.lit("pretrain"))]),
        "text": index.with_columns(text=pl.Series([text(rng) for _ in numbers])),
        "images": index.with_columns(jpeg=pl.Series([f"{i}".encode() for i in numbers])),
        "tabular": index.with_columns(
            color=pl.Series(rng.choice(["red", "blue"], rows)),
            price=pl.Series(rng.normal(20, 5, rows)),
        ),
        "timeseries": index.with_columns(values=pl.Series(values), observed=pl.Series(observed)),
    }


def make_manifest(
    tables: Tables, card: dict[str, Any], splits: tuple[str, ...] = ("train",)
) -> dict[str, Any]:
    """A manifest whose scales and vocabularies are of the given splits."""
    price, series = (
        tables[name].filter(pl.col("split").is_in(splits)) for name in ("tabular", "timeseries")
    )
    there = series["observed"].to_numpy().reshape(-1, len(NAMES)) == 1
    values = series["values"].to_numpy().reshape(-1, len(NAMES)).astype(float)
    columns = [values[there[:, c], c] for c in range(len(NAMES))]
    numbers = price["price"]
    return {
        "dataset": "rows", "scale": "own", "digest": "0", "card": card,
        "tables": {name: {} for name in tables},
        "tabular": {
            "identifiers": {},
            "categorical": {"color": ["<not recorded>", "<unseen>", "blue", "red"]},
            "numeric": {"price": {"mean": numbers.mean(), "std": numbers.std(ddof=0)}},
        },
        "timeseries": {
            "hours": STEPS, "variable_names": NAMES, "variable_of_value": [0, 1],
            "mean": [c.mean() for c in columns], "std": [c.std() for c in columns],
        },
    }  # fmt: skip


def write_generic(
    folder: Path,
    *tasks: str,
    plant: Callable[[Tables, dict[str, Any]], None] | None = None,
    **changes: Any,
) -> Path:
    """Write the shards, with what a test plants."""
    tables = make_tables()
    manifest = make_manifest(tables, make_card(*(tasks or TASKS), **changes))
    if plant:
        plant(tables, manifest)
    for name, table in tables.items():
        in_two_parts(table, folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
