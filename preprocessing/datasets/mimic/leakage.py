"""All gates of MIMIC: the generic ones, and those of time, of words and of borrowed scales."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files

import polars as pl

from preprocessing.audit.leakage.columns import find_label_columns
from preprocessing.audit.leakage.duplicates import find_copies
from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.fitted import find_misfits
from preprocessing.audit.leakage.measure import divide, learned, measured
from preprocessing.audit.leakage.shortcuts import find_shortcuts, measure_shortcut
from preprocessing.audit.leakage.splits import (
    find_divided_units,
    find_shared_validation,
    find_tested_in_pretraining,
)
from preprocessing.audit.shards import Shards
from preprocessing.datasets.mimic import leakage_horizon
from preprocessing.datasets.mimic.leakage_stays import Stays


def findings(variants: Sequence[Shards], resamples: int) -> Iterator[Finding]:
    """What every gate finds in the shards."""
    (shards,) = variants
    stays = Stays(shards)
    statistics = shards.manifest["switches"]["statistics"]
    yield find_divided_units(variants, resamples, gate="patients-in-two-splits")
    yield find_tested_in_pretraining(variants)
    yield find_shared_validation(variants, modalities=shards.card.modalities)
    yield from leakage_horizon.findings(stays, resamples)
    yield find_outcome_words(stays, resamples)
    yield find_misfits(variants, series=statistics == "train")
    yield find_borrowed_statistics(statistics)
    yield find_label_columns(variants, resamples)
    yield find_copies(variants, resamples)
    yield from find_shortcuts(variants, resamples)
    yield find_image_times(stays, resamples)


def outcome_words() -> str:
    """A pattern for words on death or on care at the end of life, whatever their case.

    >>> texts = pl.Series(["The patient expired.", "Expiratory film.", "Comfort measures only"])
    >>> texts.str.contains(outcome_words()).to_list()
    [True, False, True]
    """
    text = (
        files("preprocessing.datasets.mimic")
        .joinpath("outcome_words.tsv")
        .read_text(encoding="utf-8")
    )
    words = pl.read_csv(text.encode(), separator="\t", comment_prefix="#")["words"]
    return rf"(?i)\b({'|'.join(map(re.escape, words))})\b"


def find_outcome_words(stays: Stays, resamples: int) -> Finding:
    """Labelled texts that speak of death."""
    speaks = pl.col("text").str.contains(outcome_words()).fill_null(False)
    rows = stays.labelled.with_columns(speaks=speaks)
    scored = learned(*divide(rows), ["speaks"], kind="binary")
    shards = stays.shards
    return Finding(
        "outcome-words",
        counts={"texts that speak of death or end-of-life care": rows.filter("speaks").height},
        context={
            "texts": rows["text"].count(),
            "such texts of patients who died": rows.filter("speaks", label=1).height,
        },
        parts=[
            Part(shards.among(modality="text"), ["texts"]),
            Part("texts", ["texts that speak of death or end-of-life care"]),
            Part(
                "texts that speak of death or end-of-life care", ["such texts of patients who died"]
            ),
            Part(
                replace(shards.among(modality="text"), outcome="with"),
                ["such texts of patients who died"],
            ),
        ],
        measures=[
            measured(
                "the text has such a word",
                scored,
                shards.among("test"),
                kind="binary",
                resamples=resamples,
            )
        ],
    )


def find_borrowed_statistics(source: str) -> Finding:
    """Whether the series are scaled by the statistics of the reference's own data."""
    settings = [] if source == "train" else [f"switch statistics={source}"]
    return Finding("borrowed-statistics", settings=settings)


def find_image_times(stays: Stays, resamples: int) -> Finding:
    """How well the hour of the radiograph predicts."""
    hours = (pl.col("image_time") - pl.col("intime")).dt.total_seconds() / 3600
    rows = stays.labelled.with_columns(hours=hours)
    among = stays.shards.among("test")
    measure = measure_shortcut(
        rows, "hour of the radiograph", ["hours"], among, "binary", resamples
    )
    return Finding("image-time", measures=[measure], shortcut=True)
