"""Who is in two splits, what pretraining saw of the test split, and what validates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import Measure, learned, measured

if TYPE_CHECKING:
    from preprocessing.datasets.amazon.leakage import Reviews
    from preprocessing.datasets.mimic.leakage import Mimic


def divided(rows: pl.DataFrame, by: str) -> pl.Series:
    """The values that occur in more than one split.

    >>> rows = pl.DataFrame({"who": [1, 1, 2], "split": ["train", "test", "test"]})
    >>> divided(rows, "who").to_list()
    [1]
    """
    per_value = rows.select(by, "split").drop_nulls().unique().group_by(by).len()
    return per_value.filter(pl.col("len") > 1)[by]


def patients(shards: Mimic, resamples: int) -> Finding:
    """Patients in two splits of any table, and inputs that are another patient's."""
    samples = shards.labelled
    foreign = (pl.col("image_subject") != pl.col("subject")) | (
        pl.col("note_subject") != pl.col("subject")
    )
    subjects = shards.subjects()
    test = learned(shards.split("train"), shards.split("test"), ["subject"], classes=2)
    return Finding(
        "patients-in-two-splits",
        counts={
            "patients in two splits": len(divided(subjects, "subject_id")),
            "samples with the image or note of another patient": samples.filter(foreign).height,
        },
        context={"patients": subjects["subject_id"].n_unique()},
        parts={"patients": ["patients in two splits"]},
        measures=[
            measured(
                "outcome of the patient's training stays", test, classes=2, resamples=resamples
            )
        ],
    )


def pretraining_of_patients(shards: Mimic) -> Finding:
    """Test patients among the samples of pretraining."""
    test = shards.subjects().filter(pl.col("split") == "test")["subject_id"].unique()
    pretrained = shards.scan("samples").filter(pl.col("stage") == "pretrain").select("subject_id")
    seen = pretrained.unique().filter(pl.col("subject_id").is_in(test.implode()))
    return Finding(
        "test-in-pretraining",
        counts={"test patients in pretraining": seen.collect()["subject_id"].n_unique()},
        context={"test patients": len(test)},
        parts={"test patients": ["test patients in pretraining"]},
    )


def selection_of_patients(shards: Mimic) -> Finding:
    """Validation samples that are of a test patient, or share a stay, image or note with one."""
    valid, test = shards.split("valid"), shards.split("test")
    keys = ["subject_id", "stay_id", "dicom_id", "note_id"]
    what = "validation samples that share something with the test split"
    return Finding(
        "selection-on-test",
        counts={what: shared(valid, test, keys)},
        context={"validation samples": valid.height, "test samples": test.height},
        parts={"validation samples": [what]},
    )


def shared(valid: pl.DataFrame, test: pl.DataFrame, keys: list[str]) -> int:
    """How many rows of `valid` have a value of any of the keys that `test` has, too.

    >>> valid = pl.DataFrame({"stay": [1, 2, None]})
    >>> shared(valid, pl.DataFrame({"stay": [2, None]}), ["stay"])
    1
    """
    same = [pl.col(key).is_in(test[key].drop_nulls().unique().implode()) for key in keys]
    return valid.filter(pl.any_horizontal(same).fill_null(False)).height


def products(shards: Reviews, resamples: int) -> Finding:
    """Products in two splits of a category."""
    counts = {}
    for category in shards.categories:
        tabled = category.scan("tabular").select(subject="product", split="split").collect()
        rows = pl.concat([category.samples.select("subject", "split"), tabled])
        counts[f"products of {category.name} in two splits"] = len(divided(rows, "subject"))
    return Finding(
        "products-in-two-splits",
        counts=counts,
        measures=_measures(shards, "subject", "most frequent stars of the product", resamples),
    )


def pretraining_of_products(shards: Reviews) -> Finding:
    """Test reviews in pretraining, and test products that pretraining knows from its category."""
    before = [category.samples for category in shards.categories if category.pretrains]
    counts = {}
    for category in shards.finetuned:
        test = category.samples.filter(pl.col("split") == "test")["subject"].unique()
        known = {subject for rows in before for subject in rows["subject"].unique()}
        counts[f"test products of {category.name} in pretraining"] = len(known & set(test))
    tested = sum(rows.filter(pl.col("split") == "test").height for rows in before)
    counts["reviews of the test split in pretraining"] = tested
    return Finding("test-in-pretraining", counts=counts)


def selection_of_products(shards: Reviews) -> Finding:
    """Validation samples that are test samples, or of a test product."""
    counts = {}
    for category in shards.finetuned:
        rows = category.samples
        valid, test = (rows.filter(pl.col("split") == name) for name in ("valid", "test"))
        what = f"validation samples of {category.name} that share something with the test split"
        counts[what] = shared(valid, test, ["sample_id", "subject"])
    return Finding("selection-on-test", counts=counts)


def reviewers(shards: Reviews, resamples: int) -> Finding:
    """Reviewers who write in two splits."""
    return _divided_among(shards, "reviewers-in-two-splits", "reviewer", "reviewer", resamples)


def pictures(shards: Reviews, resamples: int) -> Finding:
    """Pictures that two splits show."""
    return _divided_among(shards, "pictures-in-two-splits", "picture", "image_id", resamples)


def _divided_among(shards: Reviews, gate: str, what: str, column: str, resamples: int) -> Finding:
    """Values of a column that two splits of a category have; `what` names one of them."""
    counts = {
        f"{what}s of {category.name} in two splits": len(divided(category.samples, column))
        for category in shards.finetuned
    }
    measures = _measures(shards, column, f"most frequent stars of the {what}", resamples)
    return Finding(gate, counts=counts, measures=measures)


def _measures(shards: Reviews, column: str, of: str, resamples: int) -> list[Measure]:
    """How well training's ratings of the same value of a column predict those of the test split."""
    found = []
    for category in shards.finetuned:
        rows = category.samples
        train, test = (rows.filter(pl.col("split") == name) for name in ("train", "test"))
        scored = learned(train, test, [column], classes=5)
        name = f"{of} in training, {category.name}"
        found.append(measured(name, scored, classes=5, resamples=resamples))
    return found
