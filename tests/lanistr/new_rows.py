"""Caches of stays and of reviews, their test splits as new rows, and exported models to ask."""

from pathlib import Path

import polars as pl
import torch

from lanistr.data.cache import open_cache
from lanistr.data.caching import build_cache
from lanistr.experiments.architecture import Encoders
from lanistr.inference.export import export
from lanistr.methods.build import build
from lanistr.training import checkpoint
from tests.lanistr.review_shards import RECIPE, write_reviews
from tests.lanistr.shards import ENCODERS, experiment, write_shards

COLUMNS = ["product", "reviewer", "verified", "year", "votes", "time"]


def of_stays(folder: Path) -> tuple[Path, pl.DataFrame]:
    """Fill a folder with a cache of stays, and its test split as new rows."""
    shards = write_shards(folder / "shards")
    build_cache(shards.manifest, Encoders.model_validate(ENCODERS), folder / "cache", threads=1)
    tables = shards.tables
    samples = tables["samples"].filter(stage="finetune", split="test").sort("sample_id")
    rows = (
        samples.join(tables["notes"].select("note_id", "text"), on="note_id", how="left")
        .join(tables["images"].select("dicom_id", image="jpeg"), on="dicom_id", how="left")
        .join(tables["timeseries"].drop("subject_id", "split", "label"), on="stay_id", how="left")
        .sort("sample_id")
        .select("sample_id", "text", "image", "observed", timeseries="values")
    )
    return folder, rows


def of_reviews(folder: Path) -> tuple[Path, pl.DataFrame]:
    """Fill a folder with a cache of reviews, and its test split as new rows."""
    tables = write_reviews(folder / "shards")["All_Beauty"]
    build_cache(folder / "shards/manifest.json", RECIPE, folder / "cache", 1, variant="All_Beauty")
    rows = (
        tables["samples"]
        .filter(split="test")
        .join(tables["images"].rename({"jpeg": "image"}), on="image_id", how="left")
        .join(tables["text"].select("sample_id", "text"), on="sample_id")
        .join(tables["tabular"].select("sample_id", *COLUMNS), on="sample_id")
        .sort("sample_id")
        .select("sample_id", "text", "image", *COLUMNS)
    )
    return folder, rows


def exported(folder: Path, to: Path, **settings: object) -> tuple[Path, Path]:
    """A run with random weights, exported; returns the run's folder and the model's."""
    made, cache = experiment(**settings), open_cache(folder / "cache")
    torch.manual_seed(6)
    model = build(made, cache.spec_for(made))
    identity = checkpoint.run_identity(made, 0, cache.digest, [])
    weights = checkpoint.detached(model.state_dict())
    checkpoint.write_checkpoint(to / "run/checkpoint.safetensors", weights, identity)
    export(to / "run", folder / "cache", to / "model")
    return to / "run", to / "model"
