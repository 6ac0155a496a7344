"""The sample index at the paper's size: made-up ids, the real step, one JSON line.

377,110 images of 65,379 patients, 331,794 notes of 145,915 patients and 25,071 stays, whose
outer join by patient has about as many rows as the paper's 3,680,784. With `--source
radiology_48h` 2,321,355 reports of 237,427 patients in place of the notes. Only the columns
that the step reads are made: no text, no pixels, no series.
"""

import argparse
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from preprocessing.datasets.mimic.outcomes import PHENOTYPES

IMAGES, IMAGE_PATIENTS = 377_110, 65_379
STAYS = 25_071
# Notes, their patients, and those of them with images, chosen to meet the size; of reports all
# but a few, as a radiograph has one.
NOTES = {"discharge": (331_794, 145_915, 52_000), "radiology_48h": (2_321_355, 237_427, 64_000)}
# How unequal patients are; chosen to meet the size.
SPREAD = 1.43
FIRST_SUBJECT = 10_000_000
START = datetime(2150, 1, 1)  # noqa: DTZ001 (MIMIC's times are shifted and have no zone)
PARTS = 8


def spread(
    rng: np.random.Generator, total: int, patients: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """The subject of each of `total` rows: one for every patient, the rest by weight."""
    share = weight / weight.sum()
    return np.concatenate([patients, rng.choice(patients, total - len(patients), p=share)])


def times(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series(rng.integers(0, 3_000 * 86_400, n) * 1_000_000).cast(pl.Duration("us")) + START


def write(folder: Path, source: str = "discharge") -> None:
    """Write the shards that mimic-samples reads."""
    rng = np.random.default_rng(0)
    notes, note_patients, both = NOTES[source]
    everyone = FIRST_SUBJECT + np.arange(IMAGE_PATIENTS + note_patients - both)
    # How often a patient comes to hospital makes for images and notes alike.
    weight = rng.lognormal(0, SPREAD, len(everyone))
    with_images, with_notes = slice(IMAGE_PATIENTS), slice(IMAGE_PATIENTS - both, None)
    split = rng.choice(["train", "valid"], len(everyone), p=[0.9, 0.1])
    split_of = pl.DataFrame({"subject_id": everyone.astype(np.int32), "split": split})

    def table(subjects: np.ndarray, **columns: object) -> pl.DataFrame:
        frame = pl.DataFrame({"subject_id": subjects.astype(np.int32), **columns})
        return frame.join(split_of, on="subject_id", how="left", maintain_order="left")

    subjects = spread(rng, IMAGES, everyone[with_images], weight[with_images])
    table(
        subjects,
        dicom_id=[f"{n:08x}-00000000-00000000-00000000-00000000" for n in range(IMAGES)],
        study_time=times(rng, IMAGES),
        view=rng.choice(["AP", "PA", "LATERAL"], IMAGES),
    ).write_parquet(folder / "images.parquet")
    subjects = spread(rng, notes, everyone[with_notes], weight[with_notes])
    table(
        subjects,
        note_id=[f"{s}-DS-{n}" for n, s in enumerate(subjects)],
        hadm_id=pl.Series(range(notes), dtype=pl.Int32),
        charttime=times(rng, notes),
        storetime=times(rng, notes),
    ).write_parquet(folder / "notes.parquet")
    stays = rng.choice(everyone[with_notes], STAYS)
    intime = times(rng, STAYS)
    cohort = table(
        stays,
        hadm_id=pl.Series(range(STAYS), dtype=pl.Int32),
        stay_id=pl.Series(range(STAYS), dtype=pl.Int32),
        admittime=intime,
        dischtime=intime + timedelta(hours=96),
        intime=intime,
        outtime=intime + timedelta(hours=72),
        los_hours=pl.repeat(72.0, STAYS, eager=True),
        age=pl.repeat(60, STAYS, dtype=pl.Int32, eager=True),
        careunit=pl.repeat(None, STAYS, dtype=pl.String, eager=True),
        period=pl.repeat(None, STAYS, dtype=pl.String, eager=True),
        in_hospital_mortality=pl.Series(rng.integers(0, 2, STAYS), dtype=pl.Int8),
        length_of_stay=pl.repeat(72.0, STAYS, dtype=pl.Float32, eager=True),
        readmission_30d=pl.repeat(None, STAYS, dtype=pl.Int8, eager=True),
        phenotypes=pl.repeat(None, STAYS, dtype=PHENOTYPES, eager=True),
    )
    cohort.write_parquet(folder / "cohort.parquet")
    series = cohort.select("stay_id", "subject_id", "split", label="in_hospital_mortality")
    series.write_parquet(folder / "timeseries.parquet")
    series.write_parquet(folder / "tabular.parquet")


def measure(
    folder: Path, threads: int, memory_limit: str, source: str = "discharge"
) -> dict[str, float]:
    """Run the step on what `write` made."""
    from preprocessing.datasets.mimic import samples
    from preprocessing.engine.duckdb import connect

    outputs = [folder / "samples" / f"part-{part:05d}.parquet" for part in range(PARTS)]
    shards = samples.Shards(*([folder / f"{name}.parquet"] for name in
                              ("timeseries", "images", "notes", "tabular")))  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    samples.pair_samples(
        folder / "cohort.parquet",
        shards,
        source_name=source,
        outputs=outputs,
        facts=folder / "samples.json",
        ledger_path=folder / "ledger.json",
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=folder / "tmp"),
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pairs = pl.scan_parquet(outputs).filter(pl.col("stage") == "pretrain")
    return {
        "rows": pairs.select(pl.len()).collect().item(),
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="500MB", help="of DuckDB")
    parser.add_argument("--source", choices=NOTES, default="discharge")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        # In processes of their own: the peak is to be that of the step.
        fresh = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            process.submit(write, folder, options.source).result()
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            given = (folder, options.threads, options.memory_limit, options.source)
            job = process.submit(measure, *given)
            print(json.dumps(job.result()))


if __name__ == "__main__":
    main()
