"""The MIMIC shards as the gates see them, and all their gates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from preprocessing.audit.leakage import duplicates, fitted, shortcuts, splits, times, words
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.times import HORIZON

DAY, NO_TIME = timedelta(days=1), timedelta()
SUBJECTS = ("timeseries", "images", "notes", "tabular", "samples")


@dataclass(frozen=True)
class Mimic:
    """Shards of MIMIC.

    Attributes:
        folder: holds cohort.parquet and a folder per table.
        manifest: what the shards say of themselves.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, source: str | None = None) -> "Mimic":
        """The shards beside a manifest; where it has several text sources, those of one."""
        manifest = json.loads((folder / "manifest.json").read_text())
        if source is None:
            return cls(folder, manifest)
        prefix = f"{source}/"
        own = {
            "tables": {
                name.removeprefix(prefix): facts
                for name, facts in manifest["tables"].items()
                if name.startswith(prefix)
            },
            "tabular": manifest["tabular"][source],
        }
        return cls(folder / source, manifest | own)

    def parts(self, table: str) -> list[Path]:
        """The files of a table; one that other shards hold lies in their folder."""
        folder = self.folder / self.manifest["tables"][table].get("folder", ".")
        return sorted((folder / table).glob("part-*.parquet"))

    def scan(self, table: str) -> pl.LazyFrame:
        """A table."""
        return pl.scan_parquet(self.parts(table))

    @cached_property
    def cohort(self) -> pl.DataFrame:
        """The stays, with `horizon` and `ended`.

        The horizon of images and notes is 48 hours after `intime`, or discharge if that is before.
        A stay ended at discharge; of many deaths MIMIC has midnight before, the date alone, so it
        may have ended on all of that day.
        """
        folder = self.folder / self.manifest["tables"]["cohort"].get("folder", ".")
        cohort = pl.read_parquet(folder / "cohort.parquet")
        horizon = pl.min_horizontal(pl.col("intime") + HORIZON, "dischtime")
        is_date = pl.col("dischtime").dt.time() == time.min
        ended = pl.col("dischtime") + pl.when(is_date).then(DAY).otherwise(NO_TIME)
        return cohort.with_columns(horizon=horizon, ended=ended)

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """The samples of fine-tuning with the times of the stay, and the image and note they have.

        `subject` is the patient. Columns of the image begin with image_, of the note with note_.
        """
        samples = self.scan("samples").filter(pl.col("stage") == "finetune")
        stay = self.cohort.lazy().select(
            "stay_id", "hadm_id", "admittime", "intime", "dischtime", "horizon", "ended"
        )
        image = self.scan("images").select(
            "dicom_id", image_subject="subject_id", image_time="study_time"
        )
        note = self.scan("notes").select(
            "note_id",
            "text",
            note_subject="subject_id",
            note_admission="hadm_id",
            note_time="charttime",
            note_filed="storetime",
        )
        joined = samples.join(stay, on="stay_id", how="left").join(image, on="dicom_id", how="left")
        return (
            joined.join(note, on="note_id", how="left")
            .with_columns(subject=pl.col("subject_id"))
            .collect()
        )

    def split(self, name: str) -> pl.DataFrame:
        """The labelled samples of a split."""
        return self.labelled.filter(pl.col("split") == name)

    def subjects(self) -> pl.DataFrame:
        """Each patient with each split that any table gives."""
        tables = [self.scan(table).select("subject_id", "split").unique() for table in SUBJECTS]
        cohort = self.cohort.lazy().select("subject_id", "split")
        return pl.concat([cohort, *tables]).unique().collect()


def findings(shards: Mimic, resamples: int) -> Iterator[Finding]:
    """What every gate finds in the shards."""
    yield splits.patients(shards, resamples)
    yield splits.pretraining_of_patients(shards)
    yield splits.selection_of_patients(shards)
    yield from times.findings(shards, resamples)
    yield words.of_outcome(shards, resamples)
    yield fitted.of_series_and_columns(shards)
    yield fitted.borrowed(shards)
    yield duplicates.of_notes(shards, resamples)
    yield from shortcuts.of_mortality(shards, resamples)
