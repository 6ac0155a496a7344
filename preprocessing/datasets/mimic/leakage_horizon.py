"""What lies after the horizon: images, notes and measurements, and stays that are over early."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.measure import Measure, divide, learned, measured
from preprocessing.datasets.mimic.leakage_stays import HORIZON, Stays
from preprocessing.datasets.mimic.schemas import HOURS, VARIABLES


def findings(stays: Stays, resamples: int) -> Iterator[Finding]:
    """What the gates of time find."""
    yield find_late_images(stays, resamples)
    yield find_late_series(stays)
    yield find_short_stays(stays, resamples)
    yield find_late_results(stays)
    yield find_late_notes(stays, resamples)
    yield find_other_admissions(stays, resamples)


def _giveaway(stays: Stays, of: str, flag: pl.Expr, resamples: int) -> Measure:
    """How well a property of the sample predicts death, as training saw it."""
    rows = stays.labelled.with_columns(flag=flag.fill_null(False))
    train, test = divide(rows)
    scored = learned(train, test, ["flag"], kind="binary")
    return measured(of, scored, stays.shards.among("test"), kind="binary", resamples=resamples)


def find_late_images(stays: Stays, resamples: int) -> Finding:
    """Radiographs from before the stay, or after its horizon."""
    rows = stays.labelled.drop_nulls("dicom_id")
    early, late = pl.col("image_time") < pl.col("intime"), pl.col("image_time") > pl.col("horizon")
    return Finding(
        "image-after-horizon",
        counts={
            "radiographs from before the stay": rows.filter(early).height,
            "radiographs from after 48 hours or discharge": rows.filter(late).height,
        },
        context={"samples with a radiograph": rows.height},
        parts=[
            Part(stays.shards.among(modality="image"), ["samples with a radiograph"]),
            Part(
                "samples with a radiograph",
                [
                    "radiographs from before the stay",
                    "radiographs from after 48 hours or discharge",
                ],
            ),
        ],
        measures=[
            _giveaway(stays, "the radiograph is from outside the window", early | late, resamples)
        ],
    )


def find_late_notes(stays: Stays, resamples: int) -> Finding:
    """Notes written, or filed, after the horizon."""
    rows = stays.labelled.drop_nulls("note_id")
    late = pl.max_horizontal("note_time", "note_filed") > pl.col("horizon")
    what = "notes written or filed after 48 hours or discharge"
    return Finding(
        "note-after-horizon",
        counts={what: rows.filter(late).height},
        context={"samples with a note": rows.height},
        parts=[
            Part(stays.shards.among(modality="text"), ["samples with a note"]),
            Part("samples with a note", [what]),
        ],
        measures=[_giveaway(stays, "the note is from after the horizon", late, resamples)],
    )


def find_other_admissions(stays: Stays, resamples: int) -> Finding:
    """Notes of another admission; those of none, such as an outpatient report, are no finding."""
    other = pl.col("note_admission") != pl.col("hadm_id")
    later = other & (pl.col("note_time") > pl.col("dischtime"))
    rows = stays.labelled.drop_nulls("note_id")
    return Finding(
        "note-of-other-admission",
        counts={
            "notes of a later admission": rows.filter(later).height,
            "notes of an earlier or parallel admission": rows.filter(other & ~later).height,
        },
        context={
            "samples with a note": rows.height,
            "notes of no admission": rows["note_admission"].null_count(),
        },
        parts=[
            Part(stays.shards.among(modality="text"), ["samples with a note"]),
            Part(
                "samples with a note",
                [
                    "notes of a later admission",
                    "notes of an earlier or parallel admission",
                    "notes of no admission",
                ],
            ),
        ],
        measures=[_giveaway(stays, "the note is of a later admission", later, resamples)],
    )


def find_short_stays(stays: Stays, resamples: int) -> Finding:
    """Stays that ended, by discharge or death, before their 48 hours were over."""
    over = pl.col("ended") < pl.col("intime") + HORIZON
    return Finding(
        "stay-over-early",
        counts={"stays that were over before hour 48": stays.labelled.filter(over).height},
        context={"stays": stays.labelled.height},
        parts=[
            Part(stays.shards.among(), ["stays"]),
            Part("stays", ["stays that were over before hour 48"]),
        ],
        measures=[_giveaway(stays, "the stay is over before hour 48", over, resamples)],
    )


def find_late_series(stays: Stays) -> Finding:
    """Time series with a measurement in an hour that begins after discharge.

    Hours beyond the 48th cannot be stored.
    """
    over = stays.labelled.filter(pl.col("ended") < pl.col("intime") + HORIZON)
    hours = (pl.col("ended") - pl.col("intime")).dt.total_seconds() / 3600
    ended = over.select("stay_id", ended=hours)
    every = stays.shards.scan("timeseries").select("stay_id", "observed")
    rows = every.join(ended.lazy(), on="stay_id").collect()
    observed = rows["observed"].to_numpy().reshape(-1, HOURS, VARIABLES).any(axis=2)
    after = np.arange(HOURS) > rows["ended"].to_numpy()[:, None]
    return Finding(
        "series-after-horizon",
        counts={
            "time series that go on after discharge": int((observed & after).any(axis=1).sum())
        },
        context={"time series": stays.labelled.height},
        parts=[
            Part(stays.shards.among(), ["time series"]),
            Part("time series", ["time series that go on after discharge"]),
        ],
    )


def find_late_results(stays: Stays) -> Finding:
    """Whether a value counts from when it was taken, or from when it could be read."""
    horizon = stays.shards.manifest["switches"]["horizon"]
    late = horizon == "charttime"
    return Finding("late-results", settings=[f"switch horizon={horizon}"] if late else [])
