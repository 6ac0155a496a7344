"""Figures of many sets of weights at once are those of scikit-learn, one at a time."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.figures import accuracy, auroc, explained, macro_auroc
from preprocessing.audit.leakage.measure import learned, measured

RNG = np.random.default_rng(0)
N = 300
WEIGHTS = RNG.integers(0, 4, (5, N)).astype(float)
BINARY = RNG.integers(0, 2, N)
SCORE = RNG.integers(0, 9, N) / 9  # with ties


@pytest.mark.parametrize(
    ("ours", "theirs", "label", "score"),
    [
        (auroc, roc_auc_score, BINARY, SCORE),
        (accuracy, accuracy_score, RNG.integers(0, 4, N), RNG.integers(0, 4, N)),
        (explained, r2_score, RNG.normal(size=N), SCORE),
        (macro_auroc, roc_auc_score, RNG.integers(0, 2, (N, 3)), RNG.random((N, 3))),
    ],
)
def test_as_scikit_learn_has_it(ours, theirs, label, score):
    expected = [theirs(label, score, sample_weight=weight) for weight in WEIGHTS]
    assert ours(label.astype(float), score, WEIGHTS) == pytest.approx(expected)


def test_unknown_and_rare_labels_do_not_count():
    label = np.stack([BINARY, BINARY, np.zeros(N)], axis=1).astype(float)
    label[:20, 1] = np.nan
    label[:9, 2] = 1
    score = np.stack([SCORE, SCORE, SCORE], axis=1)
    expected = np.mean([roc_auc_score(BINARY, SCORE), roc_auc_score(BINARY[20:], SCORE[20:])])
    assert macro_auroc(label, score, np.ones((1, N)))[0] == pytest.approx(expected)
    assert np.isnan(macro_auroc(label[:, 2:], score[:, 2:], np.ones((1, N)))).all()


def test_several_labels_are_learned_each():
    label = pl.Series([[1, 0], [1, None], [0, 1]] * 20, dtype=pl.Array(pl.Int8, 2))
    rows = pl.DataFrame({"label": label, "by": ["a", "a", "b"] * 20, "subject": range(60)})
    scored = learned(rows, rows, ["by"], kind="multilabel")
    assert scored["score"].to_list()[:3] == [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    measure = measured("by", scored, Among("rows"), kind="multilabel", resamples=20)
    assert (measure.metric, measure.value, measure.chance) == ("macro AUROC", 1.0, 0.5)
    assert measure.knowledge == 1.0
