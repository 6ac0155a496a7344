"""Every method learns a number and labels that are planted in what it reads."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lanistr.evaluation.metrics import metrics_of
from lanistr.methods.build import build
from lanistr.models.losses import answered
from lanistr.task import Kind, Task
from tests.lanistr.planted import fitted, planted, shuffled
from tests.lanistr.tiny_albef import SIZES

pytestmark = pytest.mark.usefixtures("no_network")

HOURS = Task("stay", Kind.REGRESSION, "length of stay", unit="hours", mean=60.0, std=20.0)
LABELS = Task("found", Kind.MULTILABEL, "findings", classes=("a", "b"))
PAIR = {"text", "image"}
METHODS = {
    "lanistr": {"modalities": PAIR},
    "latefusion": {"modalities": PAIR},
    "albef": {
        "modalities": PAIR,
        "albef": {"embedding": 8, "queue": 5},
        "encoders": {"text": {**SIZES, "layers": 4}, "image": {**SIZES, "patch_px": 4}},
    },
    "flava": {"modalities": PAIR},
    "coca": {"modalities": PAIR, "coca": {"queries": 4}},
    "medfuse": {
        "modalities": {"image", "timeseries"},
        "medfuse": {"image": {"blocks": [1, 1, 1, 1], "width": 8}},
    },
}


@pytest.fixture(params=METHODS)
def method(request):
    if request.param == "coca":
        pytest.importorskip("open_clip", reason="open_clip is not installed")
    return request.param


@pytest.fixture
def make(experiment, spec):
    def model(method, task):
        torch.manual_seed(3)
        settings = {"method": method, "freeze": "none", **METHODS[method]}
        return build(experiment("finetune", **settings), replace(spec, task=task))

    return model


def hours(batch, number):
    """Samples that last 40 or 80 hours, which their image shows."""
    shown = planted(batch(*["text image timeseries"] * 32, seed=number), "image", number)
    return replace(shown, target=40 + 40 * shown.target)


def labels(batch, number):
    """Samples with a label that their image shows; of every second the other one is not known."""
    shown = planted(batch(*["text image timeseries"] * 32, seed=number), "image", number)
    other = 1 - shown.target
    other[::2] = torch.nan
    return replace(shown, target=torch.cat([shown.target, other], dim=1))


def measure(model, batches):
    """Metrics of what a model answers about batches, by name."""
    with torch.no_grad():
        said = torch.cat([answered(model.task, model.eval()(batch)) for batch in batches]).numpy()
    known = torch.cat([batch.target for batch in batches]).numpy()
    once = np.ones((1, len(known)))
    return {
        name: each.function(known, said, once)[0] for name, each in metrics_of(model.task).items()
    }


def test_a_number_is_learned_in_its_unit(make, batch, method):
    model = make(method, HOURS)
    fitted(model, [hours(batch, number) for number in range(4)], steps=60, lr=3e-3)
    found = measure(model, [hours(batch, 100 + number) for number in range(4)])
    assert found["mae"] < 8 and found["r2"] > 0.6  # the best constant is off by 20 hours


def test_nothing_is_learned_of_shuffled_numbers(make, batch):
    model = make("latefusion", HOURS)
    learned = [shuffled(hours(batch, number), number) for number in range(4)]
    fitted(model, learned, steps=40, lr=3e-3)
    found = measure(model, [shuffled(hours(batch, 100 + n), n) for n in range(4)])
    assert found["mae"] > 16 and found["r2"] < 0.1


def test_labels_are_learned_where_they_are_known(make, batch, method):
    model = make(method, LABELS)
    fitted(model, [labels(batch, number) for number in range(4)], steps=60, lr=3e-3)
    found = measure(model, [labels(batch, 100 + number) for number in range(4)])
    assert found["macro_auroc"] > 0.9 and found["micro_auroc"] > 0.9 and found["macro_auprc"] > 0.85
