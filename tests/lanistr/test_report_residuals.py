"""Residuals of a regression: by tenths, in their unit, and never of a few samples."""

import numpy as np

from lanistr.report.page import Section, page
from lanistr.report.predicted import drawing
from lanistr.report.residuals import tenths
from tests.lanistr.made_predictions import STAY, predictions
from tests.lanistr.pages import check


def shrunk(samples, seed=0):
    """Predictions half as far from 100 as the truth, and 6 too high."""
    true = np.linspace(0, 200, samples)
    return predictions(STAY, true, (106 + (true - 100) / 2)[:, None], seed=seed)


def test_tenths_hold_the_quartiles_of_their_samples():
    order = np.arange(100.0)[::-1]
    found = tenths(order, -order)
    assert found.at.tolist() == [4.5 + 10 * part for part in range(10)]
    assert found.middle.tolist() == (-found.at).tolist()
    assert found.low.tolist() == [-6.75 - 10 * part for part in range(10)]
    assert found.high.tolist() == [-2.25 - 10 * part for part in range(10)]


def test_few_samples_are_not_drawn():
    assert tenths(np.arange(99.0), np.arange(99.0)) is None
    html = drawing("Stays", "LANISTR", [shrunk(99)])
    assert "Not drawn: a tenth is fewer than 10 samples. MAE" in html


def test_a_figure_says_in_words_how_far_answers_are_off():
    html = drawing("Stays", "LANISTR, made-up stays", [shrunk(201, seed) for seed in range(2)])
    outline = check(page("T", [Section("a", "A", html)]))
    assert len(outline.all("svg")) == 1
    assert "2 seeds" in html
    # The first of the tenths has 21 samples around 10, which are answered by 61.
    assert "where the true number is 10, 61; where the true number is 190, 151" in html
    assert "-51 (-53.5 to -48.5) in the tenth of the lowest predictions" in html
    for words in ("true, hours", "predicted, hours", "true - predicted, hours"):
        assert f">{words}</text>" in html
