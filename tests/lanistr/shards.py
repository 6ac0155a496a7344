"""Made-up shards, as `preprocessing` writes them: small, seeded, without any patient."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from lanistr.data.caching import build_cache
from lanistr.experiments.architecture import Encoders
from lanistr.experiments.config import Experiment

HOURS, VALUES, VARIABLES, PX = 48, 59, 17, 16
SPLITS = ["train", "train", "train", "valid", "test"]
WORDS = ["lungs", "clear", "effusion", "small", "edema", "no", "acute", "process", "heart", "large"]
VARIABLE_OF_VALUE = [min(column // 3, VARIABLES - 1) for column in range(VALUES)]
FINDINGS = [f"finding {i}" for i in range(14)]
SEEN_AT = datetime.fromisoformat("2150-01-01")

TASKS = {
    "in_hospital_mortality": {"kind": "binary", "classes": ["survived", "died"]},
    "length_of_stay": {"kind": "regression", "unit": "hours", "mean": 96.0, "std": 34.0},
    "readmission_30d": {"kind": "binary", "classes": ["not readmitted", "readmitted"]},
    "phenotypes": {"kind": "multilabel", "classes": [f"phenotype {i}" for i in range(25)]},
}
CARD = {
    "name": "mimic",
    "title": "made-up stays",
    "unit": {"singular": "patient", "plural": "patients", "column": "subject_id"},
    "sample": {"singular": "stay", "plural": "stays"},
    "modalities": {
        "text": {"table": "notes", "key": "note_id"},
        "image": {"table": "images", "key": "dicom_id"},
        "timeseries": {"table": "timeseries", "key": "stay_id"},
    },
    "tasks": [
        {"name": name, "title": name.replace("_", " "), **facts} for name, facts in TASKS.items()
    ],
    "mirror": False,
}

TINY = {"hidden": 16, "layers": 1, "heads": 2, "intermediate": 16}
ENCODERS = {
    "text": {**TINY, "max_tokens": 12, "vocab_size": 80},
    "image": {**TINY, "patch_px": 8},
    "timeseries": TINY,
}


@dataclass(frozen=True)
class Shards:
    """Where the shards lie, and the frames that were written."""

    manifest: Path
    tables: dict[str, pl.DataFrame]


def write_shards(folder: Path, stays: int = 60, parts: int = 2) -> Shards:
    """Shards of as many stays, one patient each; every second has an image, two in three a note."""
    rng = np.random.default_rng(7)
    person = pl.DataFrame(
        {
            "stay_id": np.arange(stays, dtype=np.int32) + 3000,
            "subject_id": np.arange(stays, dtype=np.int32) + 1000,
            "split": [SPLITS[i % len(SPLITS)] for i in range(stays)],
            "in_hospital_mortality": (rng.random(stays) < 0.4).astype(np.int8),
        }
    ).with_columns(
        length_of_stay=lengths(stays),
        readmission_30d=pl.Series([i % 3 == 0 for i in range(stays)]).cast(pl.Int8),
        phenotypes=phenotypes(stays),
    )
    tables = {
        "timeseries": series(person, rng),
        "images": images(person[::2], rng),
        "notes": notes(person.filter(pl.int_range(pl.len()) % 3 > 0), rng),
    }
    tables["samples"] = samples(person, tables)
    for name, table in tables.items():
        (folder / name).mkdir(parents=True)
        for part in range(parts):
            path = folder / name / f"part-{part:05d}.parquet"
            table.filter(pl.col("subject_id") % parts == part).write_parquet(path)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(facts(tables, parts)))
    return Shards(manifest, tables)


def lengths(stays: int) -> pl.Series:
    """Hours of each stay; every seventh is not known."""
    hours = [None if i % 7 == 6 else 48.0 + 24 * (i % 4) for i in range(stays)]
    return pl.Series(hours, dtype=pl.Float32)


def phenotypes(stays: int) -> pl.Series:
    """Which of the labels each stay has; nothing is known of every eleventh."""
    rows = [None if i % 11 == 3 else [(i + k) % 3 == 0 for k in range(25)] for i in range(stays)]
    return pl.Series(rows, dtype=pl.List(pl.Int8))


def series(person: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    observed = rng.random((len(person), HOURS, VARIABLES)) < 0.3
    values = (
        rng.normal(5, 2, (len(person), HOURS, VALUES))
        + 2 * person["in_hospital_mortality"].to_numpy()[:, None, None]
    )
    own = person.select("stay_id", "subject_id", "split", label="in_hospital_mortality")
    return own.with_columns(
        pl.Series(
            "values",
            values.astype(np.float32).reshape(len(person), -1),
            dtype=pl.Array(pl.Float32, HOURS * VALUES),
        ),
        pl.Series(
            "observed",
            observed.astype(np.uint8).reshape(len(person), -1),
            dtype=pl.Array(pl.UInt8, HOURS * VARIABLES),
        ),
    )


def images(person: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return person.select(
        dicom_id=pl.format("image-{}", "subject_id"),
        subject_id="subject_id",
        study_id=pl.col("subject_id") + 50000,
        study_time=pl.lit(SEEN_AT),
        view=pl.lit("AP"),
        split="split",
        labelled=pl.col("subject_id") % 3 > 0,
        findings=findings(len(person)),
        jpeg=pl.Series([jpeg(rng, PX) for _ in range(len(person))]),
    )


def findings(images: int) -> pl.Series:
    """Of the n-th image the finding n is stated, n + 1 uncertain, n + 2 denied."""
    rows = [[None] * len(FINDINGS) for _ in range(images)]
    for number, row in enumerate(rows):
        for further, label in enumerate((1, -1, 0)):
            row[(number + further) % len(FINDINGS)] = label
    return pl.Series(rows, dtype=pl.Array(pl.Int8, len(FINDINGS)))


def jpeg(rng: np.random.Generator, px: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (px, px), np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def notes(person: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    texts = [" ".join(rng.choice(WORDS, rng.integers(2, 20))) for _ in range(len(person))]
    return person.select(
        note_id=pl.format("note-{}", "subject_id"),
        subject_id="subject_id",
        hadm_id=pl.col("subject_id") + 70000,
        charttime=pl.lit(SEEN_AT),
        storetime=pl.lit(SEEN_AT),
        split="split",
        # A word that only the test split uses, to see whether a vocabulary learned it.
        text=pl.Series(texts)
        + pl.when(split="test").then(pl.lit(" zyzzyva")).otherwise(pl.lit("")),
    )


def samples(person: pl.DataFrame, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    aligned = (
        person.join(tables["images"].select("subject_id", "dicom_id"), on="subject_id", how="left")
        .join(tables["notes"].select("subject_id", "note_id"), on="subject_id", how="left")
        .with_columns(stage=pl.lit("finetune"), sample_id=pl.col("stay_id").cast(pl.Int64))
    )
    unlabeled = aligned.filter(pl.col("split") != "test").with_columns(
        stage=pl.lit("pretrain"),
        sample_id=pl.int_range(pl.len(), dtype=pl.Int64),
        **{name: pl.lit(None, aligned.schema[name]) for name in TASKS},
    )
    both = pl.concat([aligned, unlabeled])
    keys = {"image": "dicom_id", "text": "note_id", "timeseries": "stay_id"}
    both = both.with_columns(
        *[pl.col(key).is_not_null().alias(f"has_{name}") for name, key in keys.items()],
        has_tabular=pl.lit(False),
    ).with_columns(
        *[
            pl.when(pl.col(f"has_{name}").not_())
            .then(pl.lit("made up so"))
            .alias(f"{name}_absence")
            for name in [*keys, "tabular"]
        ]
    )
    first = ["sample_id", "stage", "subject_id", "stay_id", "dicom_id", "note_id", "split", *TASKS]
    flags = [f"has_{name}" for name in [*keys, "tabular"]]
    return both.select(*first, *flags, *[f"{name}_absence" for name in [*keys, "tabular"]])


def facts(tables: dict[str, pl.DataFrame], parts: int) -> dict:
    """What the manifest says."""
    return {
        "schema_version": 1,
        "dataset": "mimic",
        "card": CARD,
        "scale": "smoke",
        "profile": "corrected",
        "switches": {"age": "at_admission"},
        "text_source": "radiology_48h",
        "leaky_text": False,
        "digest": "0123456789abcdef",
        "tables": {
            name: {"rows": table.height, "columns": {}, "parts": parts}
            for name, table in tables.items()
        },
        "timeseries": {
            "value_names": [f"value {i}" for i in range(VALUES)],
            "variable_names": [f"variable {i}" for i in range(VARIABLES)],
            "variable_of_value": VARIABLE_OF_VALUE,
            "mean": [5.0] * VALUES,
            "std": [2.0] * (VALUES - 1) + [0.0],
            "hours": HOURS,
        },
        "image": {"px": PX, "findings": FINDINGS},
    }


def write_cache(folder: Path, stays: int = 60) -> Path:
    """A cache of made-up shards."""
    shards = write_shards(folder / "shards", stays)
    build_cache(shards.manifest, Encoders.model_validate(ENCODERS), folder / "cache", threads=1)
    return folder / "cache"


def experiment(stage: str = "finetune", **changes: object) -> Experiment:
    """A tiny experiment on the made-up shards."""
    settings = {
        "name": f"made-up-{stage}",
        "stage": stage,
        "dataset": "mimic",
        "modalities": ["text", "image", "timeseries"],
        "encoders": ENCODERS,
        "fusion": TINY,
        "objectives": {"projector_hidden": 16, "predictor_hidden": 8},
        "optim": {"lr": 1e-3, "epochs": 2, "batch_size": 16},
        **changes,
    }
    return Experiment.model_validate(settings)
