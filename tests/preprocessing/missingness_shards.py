"""Shards of a population whose modalities are planted one by one, for the missingness audit."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from preprocessing.audit.missingness.counts import Unit, members
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.card import describe_mimic
from preprocessing.datasets.mimic.manifest import index_facts
from preprocessing.datasets.mimic.schemas import HOURS, VARIABLES
from preprocessing.engine.duckdb import connect
from tests.preprocessing.made_up_samples import HOUR, INTIME, World

MICU, SICU = "Medical Intensive Care Unit (MICU)", "Surgical Intensive Care Unit (SICU)"

IMAGES, NOTES = 3, 2
TABLES = ("timeseries", "images", "notes", "tabular")

# Patients with one stay each: modalities of the stay, split, care unit, died; and how many.
PLANTED = {
    ("image+text+timeseries+tabular", "train", MICU, 1): 12,
    ("image+text+timeseries+tabular", "train", SICU, 0): 40,
    ("image+text+timeseries+tabular", "test", MICU, 0): 30,
    ("text+timeseries+tabular", "train", MICU, 0): 25,
    ("text+timeseries+tabular", "valid", MICU, 1): 3,
    ("image+timeseries+tabular", "test", SICU, 0): 7,
    ("timeseries+tabular", "train", SICU, 1): 11,
    ("timeseries+tabular", "valid", SICU, 0): 20,
    ("text+tabular", "train", MICU, 0): 14,
    ("tabular", "train", MICU, 1): 2,
}
# Patients outside of the cohort.
ELSEWHERE = {"image": 15, "image+text": 4, "text": 21}


def planted(stays: Mapping[tuple[str, str, str, int], int] = PLANTED) -> World:
    """The shards of such stays and of `ELSEWHERE`."""
    world = World(with_series=[])
    subject = 0
    for (pattern, split, careunit, died), n in stays.items():
        for _ in range(n):
            subject += 1
            long = "timeseries" in pattern
            world.stays.append(
                {"subject_id": subject, "hadm_id": subject, "stay_id": subject, "split": split,
                 "careunit": careunit, "period": "2011 - 2013" if subject % 2 else None,
                 "in_hospital_mortality": died, "los_hours": 60.0 if long else 20.0}
            )  # fmt: skip
            if long:
                world.with_series.append(subject)
            give(world, subject, pattern, split, hadm_id=subject)
    for pattern, n in ELSEWHERE.items():
        for _ in range(n):
            subject += 1
            give(world, subject, pattern, "train", hadm_id=None)
    return world


def give(world: World, subject: int, pattern: str, split: str, hadm_id: int | None) -> None:
    if "image" in members(pattern):
        world.images += [
            {"dicom_id": f"{subject}-{n}", "subject_id": subject, "study_id": IMAGES * subject + n,
             "study_time": INTIME + n * HOUR, "split": split}
            for n in range(IMAGES)
        ]  # fmt: skip
    if "text" in members(pattern):
        world.notes += [
            {"note_id": f"{subject}-RR-{n}", "subject_id": subject, "hadm_id": hadm_id,
             "split": split}
            for n in range(NOTES)
        ]  # fmt: skip


def write_shards(
    world: World, folder: Path, seen: np.ndarray | None = None, rounds: int = 16
) -> Path:
    """A folder of shards as the workflow makes it, with the little of the manifest that is read."""
    loose = folder / "loose"
    cohort, _ = world.write(loose)
    shards = folder / "shards"
    for name in TABLES:
        (shards / name).mkdir(parents=True)
        (loose / f"{name}.parquet").rename(shards / name / "part-00000.parquet")
    if seen is not None:
        path = shards / "timeseries" / "part-00000.parquet"
        kind = pl.Array(pl.UInt8, HOURS * VARIABLES)
        flags = pl.Series("observed", seen.reshape(len(seen), -1).astype(np.uint8)).cast(kind)
        pl.read_parquet(path).with_columns(flags).write_parquet(path)
    cohort.rename(shards / "cohort.parquet")
    samples.pair_samples(
        shards / "cohort.parquet",
        samples.Shards(*([shards / name / "part-00000.parquet"] for name in TABLES)),
        source_name="radiology_48h",
        pairing_rounds=rounds,
        outputs=[shards / "samples" / "part-00000.parquet"],
        facts=folder / "samples.json",
        ledger_path=folder / "ledger.json",
        con=connect(memory_limit="300MB"),
    )  # fmt: skip
    told = {
        **index_facts(json.loads((folder / "samples.json").read_text())),
        "timeseries": {"hours": HOURS, "variable_names": [f"v{n}" for n in range(VARIABLES)]},
        "card": describe_mimic({"in_hospital_mortality": {}}).facts(),
        "tables": {name: {} for name in ("cohort", "samples", *TABLES)},
        **{"digest": "abc", "scale": "smoke", "profile": "corrected", "switches": {}},
        **{"text_source": "radiology_48h", "leaky_text": False, "dataset": "mimic"},
    }
    (shards / "manifest.json").write_text(json.dumps(told))
    return shards


def unit_of(counts: Counts, name: str) -> Unit:
    return next(unit for unit in counts.units if unit.name == name)
