"""The positive control in seconds: each loss teaches what can be known, and no more than that.

A loss that stays above what is asked for learns nothing: its gradient is broken. One that falls
below what the noise allows has seen what it is asked for: its mask is broken.
"""

import math

import pytest
import torch

from lanistr.models.collapse import spread
from synthetic import control
from tests.lanistr.small_control import (
    CLASSES,
    EASIER,
    SERIES_NOISE,
    losses_of,
    make_rows,
    pretrained,
)

MASKING = {"mlm": 1, "mim": 1, "mtm": 1, "mmm": 0, "text_ratio": 0.3, "timeseries_ratio": 0.3}
SIMILARITY = {
    "mlm": 0,
    "mim": 0,
    "mtm": 0,
    "mmm": 1,
    "modality_ratio": 0.5,
    "projector_hidden": 64,
    "predictor_hidden": 16,
}


@pytest.fixture(scope="module", autouse=True)
def _easier():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in EASIER.items():
            patch.setattr(control, name, value)
        yield


@pytest.fixture(scope="module")
def new():
    return make_rows(300, seed=2)


@pytest.fixture(scope="module")
def masking(new):
    """Losses of new rows: after a pretraining on such rows, and on scrambled ones."""
    shown, scrambled = (make_rows(1500, seed=1, scrambled=each) for each in (False, True))
    return [
        losses_of(pretrained(rows, MASKING, steps=steps), new)
        for rows, steps in ((shown, 260), (scrambled, 80))
    ]


def bounds(name: str) -> tuple[float, float]:
    """The loss of who knows class, phase and height, and of who knows what all rows share."""
    if name == "mlm":  # half of the words are of the class, of its own or of any
        shared = math.log(2) + math.log(control.COMMON) / 2 + math.log(control.WORDS) / 2
        return shared, shared + math.log(CLASSES) / 2
    if name == "mtm":  # variance of the noise, and with it that of waves 0.5 to 1.5 high
        return SERIES_NOISE**2, SERIES_NOISE**2 + 13 / 24
    # Mean size of the noise of pixels of -1 to 1, and with it that of the waves, as measured.
    return 2 * control.PICTURE_NOISE * math.sqrt(2 / math.pi), 0.314


@pytest.mark.parametrize(("name", "learned"), [("mlm", 0.6), ("mim", 0.12), ("mtm", 0.75)])
def test_masking_teaches_what_can_be_known_and_scrambled_rows_teach_nothing(masking, name, learned):
    """`learned`: the share of what can be known that must be."""
    best, blank = bounds(name)
    told, placebo = (losses[name] for losses in masking)
    assert 0.9 * best < told < blank - learned * (blank - best)
    assert placebo > 0.95 * blank


@pytest.mark.parametrize(
    ("statistics", "agreement", "spreads"),
    [("each", -1.6, (0.6, 1.0)), ("joint", -2.0, (0.0, 0.2))],
)
def test_similarity_finds_views_that_lack_a_modality_and_collapses_only_if_it_may(
    new, statistics, agreement, spreads
):
    """`agreement`: the least loss; of views that lack no modality it is lower."""
    objectives = {**SIMILARITY, "view_statistics": statistics}
    model = pretrained(make_rows(1500, seed=1), objectives, steps=100)
    assert agreement < losses_of(model, new)["mmm"] < -1.0
    with torch.no_grad():
        projected = model.embeddings(new)["projected"]
    assert spreads[0] < spread(projected) < spreads[1]
