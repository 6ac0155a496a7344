"""Regression and boosted trees of scikit-learn, for each kind of task.

All that a model needs to be made again, the same to the last bit, is its setting and what it was
learned from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

import numpy as np

from lanistr.task import Kind, Task

Setting = dict[str, float]

GRIDS: dict[str, tuple[Setting, ...]] = {
    "logistic": tuple({"penalty": 1 / c} for c in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)),
    "boosting": tuple({"leaves": leaves, "trees": 200} for leaves in (4, 8, 16)),
}
"""Settings that are tried; of boosted trees also fewer trees, see `candidates`."""
TREES_AT_ONCE = 10


@dataclass(frozen=True)
class Rows:
    """What is learned from: features, NaN = not known, (N, F), and target, (N, targets)."""

    features: np.ndarray
    target: np.ndarray


def candidates(
    kind: str, task: Task, train: Rows, asked: np.ndarray, seed: int
) -> Iterator[tuple[Setting, np.ndarray]]:
    """Every setting and what the model that it makes says, (N, outputs).

    Boosted trees are asked after every ten of them.

    Args:
        kind: `logistic` or `boosting`.
        task: what is learned.
        train: what it is learned from.
        asked: features of those asked about, (N, F).
        seed: decides which columns a tree may choose from.
    """
    for setting in GRIDS[kind]:
        said = answers(task, fit(kind, task, setting, train, seed), asked)
        if kind == "logistic":
            yield setting, next(said)
            continue
        for trees, answer in enumerate(islice(said, int(setting["trees"])), start=1):
            if trees % TREES_AT_ONCE == 0:
                yield {**setting, "trees": trees}, answer


def answer(
    kind: str, task: Task, setting: Setting, train: Rows, asked: np.ndarray, seed: int
) -> np.ndarray:
    """What the model of a setting says, (N, outputs); arguments as of `candidates`."""
    said = answers(task, fit(kind, task, setting, train, seed), asked)
    return [next(said) for _ in range(int(setting.get("trees", 1)))][-1]


def fit(kind: str, task: Task, setting: Setting, train: Rows, seed: int) -> list[Any]:
    """The fitted estimator, or one for each label of a multilabel task."""
    from sklearn.dummy import DummyClassifier

    fitted = []
    for target in train.target.T:
        known = ~np.isnan(target)
        label = target[known]
        constant = task.kind != Kind.REGRESSION and len(np.unique(label)) == 1
        model = DummyClassifier() if constant else estimator(kind, task, setting, seed)
        fitted.append(model.fit(train.features[known], label))
    return fitted


def estimator(kind: str, task: Task, setting: Setting, seed: int) -> Any:
    """The estimator of scikit-learn that a setting means."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    number = task.kind == Kind.REGRESSION
    if kind == "logistic":
        penalty = setting["penalty"]
        last = Ridge(alpha=penalty) if number else LogisticRegression(C=1 / penalty, max_iter=5000)
        filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
        return make_pipeline(filled, StandardScaler(), last)
    sizes: dict[str, Any] = {
        "max_iter": int(setting["trees"]),
        "max_leaf_nodes": int(setting["leaves"]),
        "max_features": 0.3,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": seed,
    }
    if number:
        return HistGradientBoostingRegressor(loss="absolute_error", **sizes)
    return HistGradientBoostingClassifier(**sizes)


def answers(task: Task, fitted: list[Any], asked: np.ndarray) -> Iterator[np.ndarray]:
    """What estimators say, (N, outputs), after each of their trees; without trees the same again.

    Probabilities of classes or labels, 0 for a class that was not learned from; or the number in
    its unit.
    """
    for said in zip(*(_stages(task, model, asked) for model in fitted), strict=False):
        if task.kind == Kind.REGRESSION:
            yield said[0][:, None]
        elif task.kind == Kind.MULTILABEL:
            each = zip(fitted, said, strict=True)
            yield np.stack([_spread(model, p, 2)[:, 1] for model, p in each], axis=1)
        else:
            yield _spread(fitted[0], said[0], task.outputs)


def _stages(task: Task, model: Any, asked: np.ndarray) -> Iterator[np.ndarray]:
    name = "predict" if task.kind == Kind.REGRESSION else "predict_proba"
    if not len(asked):  # scikit-learn refuses to be asked about nothing
        return repeat(np.empty((0, *[len(getattr(model, "classes_", ()))] * (name != "predict"))))
    if staged := getattr(model, f"staged_{name}", None):
        return staged(asked)
    return repeat(getattr(model, name)(asked))


def _spread(model: Any, probabilities: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities of all classes from those of the classes that a model has seen."""
    spread = np.zeros((len(probabilities), classes))
    spread[:, model.classes_.astype(int)] = probabilities
    return spread
