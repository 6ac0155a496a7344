"""Training steps through `torch.compile`."""

import os

import pytest
import torch

from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.run import train
from tests.lanistr.runs import CALM, history, optim
from tests.lanistr.shards import experiment, write_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("training"))


COMPILERS = [
    "eager",
    pytest.param(
        "inductor",
        marks=pytest.mark.skipif(
            "LANISTR_COMPILE" not in os.environ,
            reason="the C++ compiler takes a minute or more: set LANISTR_COMPILE=1",
        ),
    ),
]


@pytest.mark.parametrize("backend", COMPILERS)
def test_compiled_steps_are_the_same_steps(folder, tmp_path, monkeypatch, backend):
    """One graph for texts of any length; what is fused rounds otherwise, hence the tolerance."""
    plain = torch.compile
    monkeypatch.setattr(torch, "compile", lambda m, **how: plain(m, backend=backend, **how))
    made = experiment(modalities=["text", "timeseries"], encoders=CALM, optim=optim())
    torch._dynamo.utils.counters.clear()
    for compiled in (False, True):
        output = tmp_path / str(compiled)
        train(made, 0, folder, output, device="cpu", threads=1, compiled=compiled)
    stats = torch._dynamo.utils.counters["stats"]
    assert stats["unique_graphs"] == 1
    one, two = (history(tmp_path / str(compiled)) for compiled in (False, True))
    assert [r["loss"] for r in two] == pytest.approx([r["loss"] for r in one], rel=1e-4)
    names = [
        read_checkpoint(tmp_path / str(compiled) / "checkpoint.safetensors")[0].keys()
        for compiled in (False, True)
    ]
    assert names[0] == names[1]
