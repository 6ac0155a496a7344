"""Predictions made up by hand, as objects and as the files of `lanistr predict`."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl

from lanistr.data.card import Card
from lanistr.evaluation.predictions import Predictions, population
from lanistr.task import Kind, Task
from tests.lanistr.shards import CARD, experiment

MORTALITY, STAY, PHENOTYPES = (
    Card.model_validate(CARD).task(name)
    for name in ("in_hospital_mortality", "length_of_stay", "phenotypes")
)
SIGNS = Task("signs", Kind.MULTILABEL, "signs", classes=("sepsis", "shock", "stroke"))
STARS = Task("stars", Kind.MULTICLASS, "stars", classes=tuple(f"{n} star" for n in range(1, 6)))


def predictions(task, label, answer, subjects=None, seed=0, **settings):
    """One run; of two classes the answer may be the positive one's score alone."""
    label, answer = np.asarray(label, np.float64), np.asarray(answer, np.float64)
    if answer.ndim == 1:
        answer = np.stack([1 - answer, answer], axis=1)
    ids = np.arange(len(label))
    return Predictions(
        experiment(task=task.name, **settings),
        seed,
        task,
        ids,
        ids if subjects is None else np.asarray(subjects),
        label.reshape(len(ids), task.targets),
        answer,
    )


def of_cache(cache, task, seed=0, **settings):
    """What a run near the truth predicts for the test split of a cache."""
    made = experiment(**{"task": task.name, **settings})
    test = population(cache, made)
    label = cache.targets(test, task).astype(np.float64)
    answer = ANSWERS[task.kind](label, np.random.default_rng([seed, len(made.name)]))
    return Predictions(made, seed, task, test["sample_id"], test["subject_id"], label, answer)


def _scores(label, rng):
    return np.clip(0.3 * np.nan_to_num(label) + 0.7 * rng.random(label.shape), 0, 1)


def _of_two_classes(label, rng):
    score = _scores(label, rng)
    return np.concatenate([1 - score, score], axis=1)


ANSWERS = {
    Kind.BINARY: _of_two_classes,
    Kind.MULTILABEL: _scores,
    Kind.REGRESSION: lambda label, rng: label + 10 * rng.standard_normal(label.shape),
}


def write(path, made, change=lambda table: table, finetuned=None):
    """The file of a run, as `lanistr predict` writes it."""
    table = pl.DataFrame(
        {
            "experiment": made.experiment.name,
            "seed": made.seed,
            "sample_id": made.sample_id,
            "subject_id": made.subject_id,
            "label": pl.Series(made.label, dtype=pl.Array(pl.Float32, made.task.targets)),
            "answer": pl.Series(made.answer, dtype=pl.Array(pl.Float64, made.task.outputs)),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "experiment": made.experiment.model_dump_json(),
        "task": json.dumps(asdict(made.task)),
    }
    if finetuned:
        about["finetuned"] = finetuned.model_dump_json()
    change(table).write_parquet(path, metadata=about)
    return path
