"""A small data set of somebody's own, made up: every modality, two tasks, things missing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from PIL import Image

from preprocessing.datasets.rows.canonical import read_new, read_rows
from preprocessing.datasets.rows.description import Description

ROWS = 60
STEPS = 4


def rows_section() -> dict[str, Any]:
    """The section `rows` that describes them."""
    return {
        "title": "Parcels",
        "source": "parcels.csv",
        "id": "parcel",
        "group": "sender",
        "split": {"seed": 1, "valid": 0.25, "test": 0.25},
        "tasks": {
            "late": {"kind": "binary", "classes": ["no", "yes"]},
            "weight": {"kind": "regression", "unit": "kg"},
        },
        "columns": {
            "note": "text",
            "remark": "text",
            "picture": {"type": "image", "root": "pictures"},
            "colour": "category",
            "size": "number",
            "sent": "date",
            "memo": "ignore",
            "sender": "ignore",
        },
        "image_px": 16,
        "series": {
            "source": "readings.csv",
            "id": "parcel",
            "time": "hour",
            "variable": "name",
            "value": "value",
            "steps": STEPS,
        },
    }


def parcels(rows: int = ROWS) -> dict[str, list[Any]]:
    """Columns of the rows; every fifth note, every third picture and every seventh size is null."""
    numbers = range(rows)
    return {
        "parcel": [f"p{n:03}" for n in numbers],
        "sender": [f"s{n // 2}" for n in numbers],
        "late": ["yes" if n % 3 else "no" for n in numbers],
        "weight": [n * 0.5 + 1 for n in numbers],
        "note": [None if n % 5 == 0 else f"handle {n}, with care" for n in numbers],
        "remark": [None if n % 2 else f"shelf {n % 4}" for n in numbers],
        "picture": [None if n % 3 == 0 else f"{n % 6}.jpg" for n in numbers],
        "colour": [["red", "green", None, "blue"][n % 4] for n in numbers],
        "size": [None if n % 7 == 0 else n * 2.0 for n in numbers],
        "sent": [f"2024-01-{n % 28 + 1:02}" for n in numbers],
        "memo": ["x"] * rows,
    }


def readings(rows: int = ROWS) -> dict[str, list[Any]]:
    """Measurements of every other row: two in hour 1, one in hour 3, one after the end."""
    long = [
        (f"p{n:03}", hour, name, n + value)
        for n in range(0, rows, 2)
        for hour, name, value in (
            (1.0, "heat", 10.0),
            (1.5, "heat", 20.0),
            (3.0, "shock", 1.0),
            (9.0, "heat", 99.0),
        )
    ]
    return dict(
        zip(("parcel", "hour", "name", "value"), map(list, zip(*long, strict=True)), strict=True)
    )


def write_own(
    folder: Path,
    columns: dict[str, list[Any]] | None = None,
    ending: str = "csv",
    **changes: Any,
) -> Path:
    """Write rows, series, pictures and own.yaml, which is returned.

    `changes` are of its section rows.
    """
    table = pl.DataFrame(columns or parcels(), strict=False)
    series = pl.DataFrame(readings())
    for name, frame in (("parcels", table), ("readings", series)):
        path = folder / f"{name}.{ending}"
        frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
    (folder / "pictures").mkdir(exist_ok=True)
    for number in range(6):
        pixels = np.full((20, 24, 3), number * 40, np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{number}.jpg")
    section = rows_section() | {"source": f"parcels.{ending}"}
    section["series"]["source"] = f"readings.{ending}"
    section |= changes
    section = {key: value for key, value in section.items() if value is not None}
    config = {"name": "own", "scale": "own", "rows": section}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def read_own(path: Path) -> tuple[pl.DataFrame, dict[str, Any], list[dict[str, Any]]]:
    """Canonical rows of a configuration, what they hold, and the ledger's entries."""
    folder = path.parent / "read"
    read_rows(
        Description.read(path),
        output=folder / "rows.parquet",
        contents=folder / "contents.json",
        ledger_path=folder / "ledger.json",
    )
    contents = json.loads((folder / "contents.json").read_text())
    entries = json.loads((folder / "ledger.json").read_text())["entries"]
    return pl.read_parquet(folder / "rows.parquet"), contents, entries


def read_as_new(path: Path, description: dict[str, Any], *, series: bool = True) -> pl.DataFrame:
    """The files of a configuration as new rows of a model with this description."""
    section = yaml.safe_load(path.read_text())["rows"]
    files = [path.parent / section["series"]["source"]] if series else []
    output = path.parent / "new.parquet"
    read_new(
        Description.read(json.dumps(description), path.parent),
        [path.parent / section["source"]],
        files,
        output=output,
        ledger_path=path.parent / "new.json",
    )
    return pl.read_parquet(output)
