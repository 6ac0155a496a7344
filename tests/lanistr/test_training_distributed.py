"""Many processes as one."""

import json
import os
import select
import time
from functools import partial

import pytest
import torch

from lanistr.data.cache import open_cache
from lanistr.errors import ConfigError
from lanistr.methods.build import build
from lanistr.models.tabnet import GhostNorm
from lanistr.training.distributed import (
    die_with_launcher,
    go_alone,
    own_gpu,
    read_place,
    share_statistics,
)
from lanistr.training.run import train
from tests.lanistr.processes import started, two_ranks
from tests.lanistr.runs import CALM, history, run
from tests.lanistr.shards import experiment, write_cache

WHOLE = {"lr": 3e-3, "epochs": 2, "batch_size": 36}  # an epoch is one step


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("training"))


@pytest.mark.parametrize(
    ("stage", "tolerance", "started_by"),
    [("pretrain", 0.05, "torchrun"), ("finetune", 1e-4, "srun")],
)
def test_two_processes_train_as_one(folder, tmp_path, stage, tolerance, started_by):
    """Half the batch each: the same losses, those of the first step first of all.

    In fine-tuning only the order of additions differs. In pretraining each process draws what it
    hides, averages over what it has hidden itself and, on CPUs, has batch statistics of its own.
    """
    made = experiment(stage, encoders=CALM, optim=WHOLE)
    body = partial(train, made, 0, folder, tmp_path / "two", device="cpu", threads=1)
    assert two_ranks(body, started_by) == [0, 0]
    _, one = run(folder, tmp_path / "one", stage=stage, encoders=CALM, optim=WHOLE)
    two = history(tmp_path / "two")
    terms = [name for name in one[0] if name.startswith("loss") and name != "loss/mmm"]
    for name in terms:
        assert two[0][name] == pytest.approx(one[0][name], rel=tolerance), name
    assert [r["loss"] for r in two] == pytest.approx([r["loss"] for r in one], rel=tolerance)
    assert json.loads((tmp_path / "two/experiment.json").read_text())["machine"]["processes"] == 2


def test_processes_end_with_their_launcher(tmp_path):
    os.mkfifo(tmp_path / "worker")
    launcher = started(launch, tmp_path / "worker")
    with (tmp_path / "worker").open("rb", buffering=0) as worker:
        assert worker.read(1) == b"r"
        launcher.kill()
        assert select.select([worker], [], [], 30)[0] and worker.read(1) == b""


def launch(told):
    """Start a process that says when it is ready, and wait for it."""
    if not os.fork():
        die_with_launcher()
        with told.open("wb", buffering=0) as file:
            file.write(b"r")
            time.sleep(60)
    os.wait()


def test_more_processes_than_gpus_are_refused():
    with pytest.raises(ConfigError, match=r"Process 3 of this node finds 1 GPUs.*engine\.gpus"):
        own_gpu(read_place({"RANK": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "2"}), 1)


def test_what_cannot_be_shared_is_done_by_the_first_process_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert not go_alone()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert go_alone()
    assert read_place(os.environ).size == 1


def test_batch_statistics_are_shared_between_gpus_but_not_ghosts(folder):
    model = build(experiment("pretrain"), open_cache(folder).spec)
    names = model.state_dict().keys()
    share_statistics(model)
    kinds = {type(module) for module in model.similarity.modules()}
    assert torch.nn.SyncBatchNorm in kinds
    assert torch.nn.BatchNorm1d not in kinds
    assert model.state_dict().keys() == names
    ghost = torch.nn.Sequential(GhostNorm(3, 0.1, 4))
    share_statistics(ghost)
    assert type(ghost[0]) is GhostNorm
