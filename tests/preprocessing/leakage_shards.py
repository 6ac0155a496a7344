"""Made-up shards without any leak, and a door through which a test plants one."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from preprocessing.datasets.amazon.card import describe_reviews
from preprocessing.datasets.mimic.card import describe_mimic

HOURS, VALUES, VARIABLES = 48, 59, 17
ADMITTED = datetime(2150, 1, 1, 8)  # noqa: DTZ001
HOUR = timedelta(hours=1)
DIED, STARS = "in_hospital_mortality", "stars"
SPLITS = ["train", "train", "valid", "test"]
WORDS = [f"word{number}" for number in range(400)]

Tables = dict[str, pl.DataFrame]
Plant = Callable[[Tables, dict[str, Any]], None]


def text(rng: np.random.Generator, words: int = 20) -> str:
    return " ".join(rng.choice(WORDS, words))


def of_stage(rows: pl.DataFrame, stage: str) -> pl.DataFrame:
    """Samples of fine-tuning; in pretraining unlabeled and without the test split."""
    if stage == "finetune":
        return rows.with_columns(stage=pl.lit(stage))
    tasks = [task for task in (DIED, STARS) if task in rows.columns]
    unlabeled = rows.with_columns(pl.lit(None, pl.Int8).alias(task) for task in tasks)
    return unlabeled.with_columns(stage=pl.lit(stage)).filter(pl.col("split") != "test")


def mimic_tables(stays: int = 160) -> Tables:
    """Tables of as many patients, one stay each, all modalities present."""
    rng = np.random.default_rng(1)
    numbers = np.arange(stays)
    intime = [ADMITTED + 24 * HOUR] * stays
    who = pl.DataFrame(
        {
            "subject_id": numbers + 1000,
            "stay_id": numbers + 3000,
            "split": [SPLITS[i % 4] for i in numbers],
            DIED: (numbers // 4) % 2,
        }
    ).cast({"subject_id": pl.Int32, "stay_id": pl.Int32, DIED: pl.Int8})
    cohort = who.with_columns(
        hadm_id=pl.col("stay_id") + 6000,
        admittime=pl.lit(ADMITTED),
        dischtime=pl.lit(ADMITTED + 200 * HOUR),
        intime=pl.Series(intime),
    )
    values = rng.normal(60, 10, (stays, HOURS, VALUES)).astype(np.float32)
    series = who.with_columns(
        values=pl.Series(values.reshape(stays, -1)),
        observed=pl.Series((rng.random((stays, HOURS * VARIABLES)) < 0.5).astype(np.uint8)),
    )
    images = who.select(
        "subject_id", "split", dicom_id=pl.format("d{}", "stay_id"),
        study_time=pl.lit(ADMITTED + 25 * HOUR),
    )  # fmt: skip
    notes = cohort.select(
        "subject_id", "split", "hadm_id", note_id=pl.format("n{}", "stay_id"),
        charttime=pl.lit(ADMITTED + 26 * HOUR), storetime=pl.lit(ADMITTED + 27 * HOUR),
        text=pl.Series([text(rng) for _ in numbers]),
    )  # fmt: skip
    tabular = who.select("stay_id", "subject_id", "split", age=50 + pl.col("stay_id") % 7,
                         gender=pl.lit("F"))  # fmt: skip
    flags = {f"has_{name}": pl.lit(True) for name in ("image", "text", "timeseries", "tabular")}
    rows = who.with_columns(
        sample_id=pl.col("stay_id"), dicom_id=pl.format("d{}", "stay_id"),
        note_id=pl.format("n{}", "stay_id"), **flags,
    )  # fmt: skip
    samples = pl.concat([of_stage(rows, "finetune"), of_stage(rows, "pretrain")])
    return {"cohort": cohort, "timeseries": series, "images": images, "notes": notes,
            "tabular": tabular, "samples": samples}  # fmt: skip


def mimic_manifest(tables: Tables, splits: tuple[str, ...] = ("train",)) -> dict[str, Any]:
    """A manifest whose statistics are of the given splits."""
    series = tables["timeseries"].filter(pl.col("split").is_in(splits))
    age = tables["tabular"].filter(pl.col("split").is_in(splits))["age"].to_numpy()
    variable_of = [min(column // 3, VARIABLES - 1) for column in range(VALUES)]
    observed = series["observed"].to_numpy().reshape(-1, HOURS, VARIABLES)[:, :, variable_of] == 1
    values = series["values"].to_numpy().reshape(-1, HOURS, VALUES).astype(float)
    columns = [values[:, :, c][observed[:, :, c]] for c in range(VALUES)]
    return {
        "dataset": "mimic", "scale": "smoke", "text_source": "radiology_48h", "digest": "0",
        "switches": {"horizon": "storetime", "statistics": "train"},
        "card": describe_mimic({DIED: {}}).facts(),
        "tables": {name: {} for name in tables},
        "timeseries": {
            "hours": HOURS, "variable_names": [f"variable {v}" for v in range(VARIABLES)],
            "value_names": [f"value {c}" for c in range(VALUES)],
            "variable_of_value": variable_of,
            # The first column is a category: it stays as it is.
            "mean": [0.0, *(float(c.mean()) for c in columns[1:])],
            "std": [1.0, *(float(c.std()) for c in columns[1:])],
        },
        "tabular": {
            "categorical": {"gender": ["<not recorded>", "<unseen>", "F"]},
            "numeric": {"age": {"mean": float(age.mean()), "std": float(age.std())}},
        },
    }  # fmt: skip


def mimic_shards(folder: Path, plant: Plant | None = None) -> Path:
    """Write the shards, with what a test plants, in two parts."""
    tables = mimic_tables()
    manifest = mimic_manifest(tables)
    if plant:
        plant(tables, manifest)
    for name, table in tables.items():
        if name == "cohort":
            folder.mkdir(parents=True, exist_ok=True)
            table.write_parquet(folder / "cohort.parquet")
        else:
            in_two_parts(table, folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def in_two_parts(table: pl.DataFrame, folder: Path) -> None:
    folder.mkdir(parents=True)
    half = table.height // 2
    for part, rows in enumerate((table[:half], table[half:])):
        rows.write_parquet(folder / f"part-{part:05}.parquet")


def amazon_tables(reviews: int = 200) -> Tables:
    """Tables of two categories, keyed as in the manifest: one pretrains, one is fine-tuned."""
    rng = np.random.default_rng(2)
    tables: Tables = {}
    for category, stage in (("Office", "pretrain"), ("Beauty", "finetune")):
        first = 10_000 if category == "Beauty" else 0
        numbers = np.arange(reviews) + first
        rows = pl.DataFrame(
            {
                "sample_id": numbers,
                "asin": [f"{category}{i}" for i in numbers],
                "image_id": [f"p{i}" for i in numbers],
                "split": [SPLITS[i % 4] for i in numbers],
                STARS: [4 if i % 3 else 2 for i in numbers],
                "text": [text(rng) for _ in numbers],
                "reviewer": [f"{category}-r{i}" for i in numbers],
                "votes": rng.integers(0, 9, reviews),
                "has_image": True, "has_text": True, "has_tabular": True,
            },
            schema_overrides={STARS: pl.Int8},
        )  # fmt: skip
        tables[f"{category}/samples"] = of_stage(rows.drop("text", "reviewer", "votes"), stage)
        tables[f"{category}/text"] = rows.select("sample_id", "split", "text")
        tables[f"{category}/images"] = rows.select("image_id", jpeg=pl.lit(b"0"))
        tables[f"{category}/tabular"] = rows.select(
            "sample_id", "split", "reviewer", "votes", product="asin", verified=pl.lit(True)
        )
    return tables


def amazon_manifest(tables: Tables, splits: tuple[str, ...] = ("train",)) -> dict[str, Any]:
    """A manifest whose scales are of the given splits of the pretraining category."""
    votes = tables["Office/tabular"].filter(pl.col("split").is_in(splits))["votes"].to_numpy()
    facts = {
        "categorical": {"verified": ["<not recorded>", "<unseen>", "true"]},
        "numeric": {"votes": {"mean": float(votes.mean()), "std": float(votes.std())}},
    }
    return {
        "dataset": "amazon", "scale": "smoke", "text_source": "summary+review", "digest": "0",
        "card": describe_reviews().facts(), "tables": {name: {} for name in tables},
        "tabular": {"Office": facts, "Beauty": facts},
    }  # fmt: skip


def amazon_shards(folder: Path, plant: Plant | None = None) -> Path:
    """Write the shards, with what a test plants."""
    tables = amazon_tables()
    manifest = amazon_manifest(tables)
    train = tables["Office/tabular"].filter(split="train")
    identifiers = [
        train.select(feature=pl.lit(name), value=name) for name in ("product", "reviewer")
    ]
    for category in manifest["tabular"]:
        tables[f"{category}/identifiers"] = pl.concat(identifiers)
    if plant:
        plant(tables, manifest)
    for name, table in tables.items():
        if name.endswith("identifiers"):
            table.write_parquet(folder / f"{name}.parquet")
        else:
            in_two_parts(table, folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for category, facts in manifest["tabular"].items():
        own = {name.split("/")[1]: {} for name in tables if name.startswith(category)}
        told = manifest | {"dataset": f"amazon/{category}", "tables": own, "tabular": facts}
        (folder / category / "manifest.json").write_text(json.dumps(told))
    return folder
