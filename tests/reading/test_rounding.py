"""A figure that is told admits every count that it could be about."""

from functools import partial

import numpy as np
import pytest

from reading.rounding import round_figure

FEWEST = 10


@pytest.mark.parametrize("samples", [20, 181, 510, 2000])
def test_an_auroc_admits_every_number_of_outcomes_that_may_be_told(samples):
    rng = np.random.default_rng(0)
    outcomes = np.arange(FEWEST, samples - FEWEST + 1)
    pairs = 2 * outcomes * (samples - outcomes)
    told = partial(round_figure, fewest=FEWEST, samples=samples, is_share=False)
    for figure in map(told, rng.random(50)):
        nearest = np.round(figure * pairs) / pairs
        assert {told(area) for area in nearest} == {figure}


@pytest.mark.parametrize("samples", [10, 50, 181, 5000])
def test_a_share_admits_ten_counts(samples):
    shares = np.arange(samples + 1) / samples
    told = [round_figure(share, FEWEST, samples, is_share=True) for share in shares]
    inner = [told.count(figure) for figure in set(told) - {min(told), max(told)}]
    assert all(n >= FEWEST - 1 for n in inner)
