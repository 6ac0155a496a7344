"""Columns of the table that tell the answer on their own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import Measure, divide, learned, measured
from preprocessing.audit.leakage.shortcuts import told
from preprocessing.audit.shards import Shards
from preprocessing.card import Task

# Of the way from chance to always right: an AUROC of 0.99, an R2 of 0.98, a fiftieth of the
# majority's errors. The best honest column, such as the age of a patient or the kind of a product,
# stays far below; the label under another name, with one typing error in a hundred, is above.
TELLING = 0.98

# Samples in a leaf: a number that orders classes is to rank them, a copied number to be copied.
LEAF = {"regression": 1}
SMOOTH = 5


def find_label_columns(variants: Sequence[Shards], resamples: int) -> Finding:
    """Columns that tell the answer almost without an error, and the best one of each task.

    Columns that are never inputs of a task do not reach its model and are not looked at. Of
    several labels their mean counts, so that a column that tells a single one is not found.
    """
    settings, measures = [], []
    for shards in variants:
        for task in shards.card.tasks if not shards.finetuned.is_empty() else ():
            figures = dict(_figures(shards, task))
            known = {name: figure for name, figure in figures.items() if figure.value is not None}
            if not known:
                continue
            best = max(known, key=lambda name: known[name].knowledge)
            of = shards.tagged(f"best single column of the table, {best}{told(task, shards)}")
            measures.append(_measured(shards, task, best, of, resamples))
            settings += [
                shards.tagged(
                    f"{name} tells {task.title}: {figure.metric} {figure.rounded(figure.value)}"
                )
                for name, figure in known.items()
                if figure.knowledge >= TELLING
            ]
    return Finding("label-columns", settings=settings, measures=measures)


def _figures(shards: Shards, task: Task) -> Iterator[tuple[str, Measure]]:
    """How well each column does alone."""
    facts: Mapping[str, Any] = shards.manifest.get("tabular", {})
    for group in ("identifiers", "categorical", "numeric"):
        for name in facts.get(group, {}):
            if name not in task.never_inputs:
                yield name, _measured(shards, task, name, name, 0)


def _measured(shards: Shards, task: Task, column: str, of: str, resamples: int) -> Measure:
    rows = shards.add_columns(shards.labelled(task), [column])
    train, test = divide(rows)
    if train.is_empty() or test.is_empty():
        scored = test.with_columns(score=pl.lit(None))
    elif column in shards.manifest["tabular"].get("numeric", {}):
        scored = test.with_columns(score=_read_number(train, test, column, task.kind))
    else:
        scored = learned(train, test, [column], kind=task.kind)
    among = shards.among("test", task=task)
    return measured(of, scored, among, kind=task.kind, resamples=resamples)


def _read_number(train: pl.DataFrame, test: pl.DataFrame, column: str, kind: str) -> pl.Series:
    """What a tree that was grown on training alone makes of a number; a missing one may tell."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    grow = DecisionTreeClassifier if kind == "multiclass" else DecisionTreeRegressor
    label = np.array(train["label"].to_list(), dtype=np.float64)
    known = ~np.isnan(label).reshape(len(label), -1).any(axis=1)
    tree = grow(min_samples_leaf=LEAF.get(kind, SMOOTH), random_state=0)
    tree.fit(_numbers(train, column)[known], label[known])
    return pl.Series(tree.predict(_numbers(test, column)).tolist())


def _numbers(rows: pl.DataFrame, column: str) -> np.ndarray:
    """The column as (N, 1), NaN = not recorded."""
    return rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(-1, 1)
