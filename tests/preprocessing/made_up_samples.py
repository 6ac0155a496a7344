"""Made-up shards of MIMIC-IV, and the samples that are paired from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.schemas import Cohort, Images, Notes, Tabular, TimeSeries
from preprocessing.engine.duckdb import connect

INTIME = datetime(2180, 1, 10, 12)  # noqa: DTZ001
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def frame_of(schema: type, rows: Sequence[dict[str, Any]], **defaults: Any) -> pl.DataFrame:
    dtypes = {name: column.dtype.type for name, column in schema.to_schema().columns.items()}
    blank = dict.fromkeys(dtypes) | defaults
    return pl.DataFrame([blank | row for row in rows], schema=dtypes, orient="row")


@dataclass
class World:
    """Rows of each table, written as shards that keep the contracts."""

    stays: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    with_series: list[int] | None = None
    with_tabular: list[int] | None = None

    def write(self, folder: Path) -> tuple[Path, samples.Shards]:
        folder.mkdir(parents=True, exist_ok=True)
        cohort = frame_of(
            Cohort, self.stays, split="train", intime=INTIME, admittime=INTIME - 24 * HOUR,
            dischtime=INTIME + 200 * HOUR, outtime=INTIME + 100 * HOUR, los_hours=100.0, age=60,
            in_hospital_mortality=0, length_of_stay=100.0,
        )  # fmt: skip
        series = [
            {"stay_id": s["stay_id"], "subject_id": s["subject_id"],
             "split": s.get("split", "train"), "label": s.get("in_hospital_mortality", 0)}
            for s in self.stays
        ]  # fmt: skip
        tables = {
            "cohort": cohort,
            "timeseries": frame_of(
                TimeSeries,
                [s for s in series if self.with_series is None or s["stay_id"] in self.with_series],
                values=[0.0] * (48 * 59), observed=[0] * (48 * 17),
            ),
            "images": frame_of(
                Images, self.images, study_id=5, view="AP", study_time=INTIME, split="train",
                jpeg=b"",
            ),
            "notes": frame_of(Notes, self.notes, charttime=INTIME, split="train", text="t"),
            "tabular": frame_of(
                Tabular,
                [{k: s[k] for k in ("stay_id", "subject_id", "split")} for s in series
                 if self.with_tabular is None or s["stay_id"] in self.with_tabular],
                age=60, gender="F", admission_type="URGENT",
            ),
        }  # fmt: skip
        for name, table in tables.items():
            table.write_parquet(folder / f"{name}.parquet")
        names = ("timeseries", "images", "notes", "tabular")
        shards = samples.Shards(*([folder / f"{name}.parquet"] for name in names))
        return folder / "cohort.parquet", shards


def run(
    world: World,
    folder: Path,
    source: str = "radiology_48h",
    parts: int = 1,
    threads: int = 2,
    rounds: int = 16,
) -> pl.DataFrame:
    cohort, shards = world.write(folder)
    outputs = [folder / "samples" / f"part-{part}.parquet" for part in range(parts)]
    samples.pair_samples(
        cohort, shards, source_name=source, pairing_rounds=rounds, outputs=outputs,
        facts=folder / "samples.json", ledger_path=folder / "ledger.json",
        con=connect(memory_limit="300MB", threads=threads),
    )  # fmt: skip
    return pl.concat(pl.read_parquet(path) for path in outputs)


def only(frame: pl.DataFrame, stage: str) -> list[dict[str, Any]]:
    return frame.filter(stage=stage).sort("sample_id").to_dicts()


def patients(draws: list[tuple[int, int, int, str]]) -> World:
    """A world of patients with so many images, notes and stays, in a split."""
    world = World()
    for subject, (n_images, n_notes, n_stays, split) in enumerate(draws, start=1):
        of = {"subject_id": subject, "split": split}
        world.images += [of | {"dicom_id": f"{subject}/{n}"} for n in range(n_images)]
        world.notes += [of | {"note_id": f"{subject}-RR-{n}"} for n in range(n_notes)]
        ids = [100 * subject + n for n in range(n_stays)]
        world.stays += [of | {"hadm_id": n, "stay_id": n} for n in ids]
    return world
