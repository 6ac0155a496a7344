"""A killed run goes on as if nothing had happened; a foreign state is never mixed in."""

import json
import logging
import os
import signal
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from lanistr.errors import ConfigError, TrainingError, WeightsError
from lanistr.training import checkpoint, objective
from lanistr.training.loop import Trainer
from lanistr.training.run import train
from tests.lanistr.processes import exit_code, started
from tests.lanistr.shards import experiment, write_cache

EPOCHS, STEPS = 3, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    for stage in ("pretrain", "finetune"):
        run(folder, output / stage, stage)
    return output


def run(folder, output, stage="pretrain", seed=0, save_every=0, **settings):
    """Save a state after every step."""
    optim = {"lr": 1e-3, "epochs": EPOCHS, "batch_size": 16, **settings.pop("optim", {})}
    made = experiment(stage, optim=optim, **settings)
    train(made, seed, folder, output, device="cpu", threads=1, save_every=save_every)


def outputs(output):
    """Weights and losses; times differ between runs."""
    weights = safetensors.torch.load_file(output / "checkpoint.safetensors")
    records = [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]
    times = ("seconds", "samples_per_second")
    return weights, [{k: v for k, v in r.items() if k not in times} for r in records]


def assert_same(one, other):
    (weights, records), (other_weights, other_records) = outputs(one), outputs(other)
    assert records == other_records
    name = "checkpoint.safetensors"
    assert (one / name).read_bytes() == (other / name).read_bytes()
    assert weights.keys() == other_weights.keys()
    for name, value in weights.items():
        assert torch.equal(value, other_weights[name]), name


def killed(folder, output, stage, doom, **settings):
    """Train in a process that `doom` ends with SIGKILL."""
    process = started(run_to_death, folder, output, stage, doom, settings)
    assert exit_code(process) == -signal.SIGKILL


def run_to_death(folder, output, stage, doom, settings):
    where, *step = doom
    where(*step)
    run(folder, output, stage, **settings)


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(number):
    """Die in the middle of an optimiser step, counted over all epochs."""
    real = Trainer._check_finite

    def check(self, values, step, ids):
        real(self, values, step, ids)
        if step == number:
            die()

    Trainer._check_finite = check


def in_validation():
    objective.validate = die


def while_writing_a_state():
    real, calls = torch.save, []

    def save(content, path):
        real(content, path)
        calls.append(path)
        if len(calls) == 4:
            with path.open("r+b") as file:
                file.truncate(100)
            die()

    torch.save = save


def before_removing_the_state():
    checkpoint.remove_state = die


@pytest.mark.parametrize(
    ("stage", "doom"),
    [
        ("pretrain", (at_step, 1)),
        ("pretrain", (at_step, STEPS)),
        ("finetune", (at_step, 2 * STEPS - 1)),
        ("finetune", (in_validation,)),
        ("pretrain", (while_writing_a_state,)),
        ("finetune", (before_removing_the_state,)),
    ],
    ids=["step 1", "new epoch", "last step", "validation", "writing", "end"],
)
def test_a_killed_run_goes_on_bit_for_bit(folder, undisturbed, tmp_path, caplog, stage, doom):
    killed(folder, tmp_path, stage, doom)
    assert (tmp_path / "state/state.pt").exists()
    caplog.set_level(logging.INFO)
    run(folder, tmp_path, stage)
    assert [line for line in caplog.messages if line.startswith("going on from")]
    assert_same(tmp_path, undisturbed / stage)
    assert not (tmp_path / "state").exists()


def test_a_disk_that_is_full_at_the_last_step_loses_no_training(
    folder, tmp_path, monkeypatch, caplog
):
    """What is left is to answer for the test split; the state goes when all is on the disk."""
    made = experiment("finetune", optim={"lr": 1e-3, "epochs": EPOCHS, "batch_size": 16})
    answers = tmp_path / "answers.parquet"
    with monkeypatch.context() as small:
        small.setattr("polars.DataFrame.write_parquet", fill_disk)
        small.setattr(checkpoint, "is_full", lambda path: True)
        with pytest.raises(TrainingError, match=r"answers\.parquet: its disk is full"):
            train(made, 0, folder, tmp_path, predictions=answers, device="cpu", threads=1)
    assert [file.name for file in tmp_path.glob("answers*")] == []
    assert (tmp_path / "state/state.pt").exists()
    caplog.set_level(logging.INFO)
    train(made, 0, folder, tmp_path, predictions=answers, device="cpu", threads=1)
    assert any(f"epoch {EPOCHS + 1}, step 0" in line for line in caplog.messages)
    assert answers.exists() and not (tmp_path / "state").exists()


def fill_disk(self, path, **_):
    """As a library that tells the reason in words of its own."""
    path.write_bytes(b"PAR1")
    raise RuntimeError("unexpected pos 576 vs 534")


def test_plateaus_early_ends_views_and_moments_survive_death(folder, tmp_path):
    """The rate falls each epoch that is not better by far, and the run may end before its time."""
    optim = {
        "algorithm": "adam",
        "betas": (0.9, 0.9),
        "schedule": {"factor": 0.5, "patience": 0},
        "lr": 5e-2,
        "epochs": 12,
        "stop_after": 2,
    }
    settings = {"stage": "finetune", "optim": optim, "data": {"views": 2}}
    run(folder, tmp_path / "one", **settings)
    records = outputs(tmp_path / "one")[1]
    epochs = len(records)
    assert 3 <= epochs < 12
    assert records[-1]["lr"] < 5e-2
    del settings["stage"]
    for step in (4, 3 * epochs - 2):
        killed(folder, tmp_path / "two", "finetune", (at_step, step), **settings)
    run(folder, tmp_path / "two", "finetune", **settings)
    assert_same(tmp_path / "one", tmp_path / "two")


def test_a_run_that_dies_again_and_again_arrives(folder, undisturbed, tmp_path):
    for step in (0, 2, 4, 7):
        killed(folder, tmp_path, "finetune", (at_step, step))
    run(folder, tmp_path, "finetune")
    assert_same(tmp_path, undisturbed / "finetune")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"objectives": {"projector_hidden": 16, "predictor_hidden": 8, "mim": 0.5}}, "experiment"),
        ({"cache": True}, "cache"),
    ],
    ids=["seed", "experiment", "cache"],
)
def test_a_foreign_state_is_never_mixed_in(folder, tmp_path, caplog, other, named):
    killed(folder, tmp_path / "run", "pretrain", (at_step, 4))
    if other.pop("cache", False):
        folder = write_cache(tmp_path / "other")
        facts = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps({**facts, "digest": "another"}))
    run(folder, tmp_path / "run", **other)
    run(folder, tmp_path / "anew", **other)
    assert [m for m in caplog.messages if f"of a run with another {named}: starting anew" in m]
    assert_same(tmp_path / "run", tmp_path / "anew")


def test_every_process_finds_the_same_identity():
    """The order of a set depends on a seed that each process draws for its hashes."""
    code = (
        "from tests.lanistr.shards import experiment\n"
        "print(experiment(data={'require': ['text', 'image']}).model_dump_json())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(found) == 1


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04 cut off"])
def test_an_unreadable_state_is_not_used(tmp_path, caplog, content):
    (tmp_path / "state.pt").write_bytes(content)
    assert checkpoint.load_state(tmp_path, {}) is None
    assert "cannot be read: starting anew" in caplog.text


def test_saving_seldom_changes_nothing(folder, undisturbed, tmp_path):
    run(folder, tmp_path, save_every=None)
    assert_same(tmp_path, undisturbed / "pretrain")


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "file.json"
    checkpoint.write_json(path, {"a": 1})

    def broken(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoint.write_whole(path, broken)
    assert json.loads(path.read_text()) == {"a": 1}


def test_initial_weights_come_from_the_run_that_the_registry_names(undisturbed):
    path = undisturbed / "pretrain/checkpoint.safetensors"
    made = experiment(init="made-up-pretrain")
    assert checkpoint.initial_weights(made, 0, [path])
    assert checkpoint.initial_weights(experiment(), 0, []) == {}
    with pytest.raises(ConfigError, match="found initial checkpoints: made-up-pretrain"):
        checkpoint.initial_weights(made, 1, [path])
    with pytest.raises(ConfigError, match="Give --init runs/another/seed0/checkpoint"):
        checkpoint.initial_weights(experiment(init=["another"]), 0, [path])
    with pytest.raises(ConfigError, match=r"none\. Give --init runs/made-up-pretrain/seed0"):
        checkpoint.initial_weights(made, 0, [])
    with pytest.raises(ConfigError, match="has no `init` in the registry"):
        checkpoint.initial_weights(experiment(), 0, [path])


def test_other_files_are_no_checkpoints(tmp_path):
    with pytest.raises(WeightsError, match="is not there"):
        checkpoint.read_checkpoint(tmp_path / "checkpoint.safetensors")
    (tmp_path / "text").write_text("not safetensors")
    with pytest.raises(WeightsError, match="is not a checkpoint of"):
        checkpoint.read_checkpoint(tmp_path / "text")
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "foreign")
    with pytest.raises(WeightsError, match="is not a checkpoint of"):
        checkpoint.read_checkpoint(tmp_path / "foreign")


def test_tied_weights_are_written_whole(tmp_path):
    weight = torch.ones(2, 2)
    weights = checkpoint.detached({"a": weight, "b": weight.T})
    about = checkpoint.run_identity(experiment(), 3, "digest", [])
    checkpoint.write_checkpoint(tmp_path / "c", weights, about)
    loaded, made, seed = checkpoint.read_checkpoint(tmp_path / "c")
    assert loaded.keys() == {"a", "b"}
    assert (made, seed) == (experiment(), 3)
