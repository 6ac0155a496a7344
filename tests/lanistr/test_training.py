"""The loop: what it learns, what it leaves alone, how it selects, and many processes as one."""

import json
import logging
import os
import socket

import numpy as np
import pytest
import torch

from lanistr.cache import open_cache
from lanistr.config import Modality, Optim
from lanistr.errors import ConfigError, TrainingError
from lanistr.models.build import build
from lanistr.training import objective
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.loop import rate_at
from lanistr.training.predict import predict
from lanistr.training.progress import Progress
from lanistr.training.run import frozen_encoders, train
from tests.lanistr.processes import exit_code, started
from tests.lanistr.shards import ENCODERS, experiment, write_cache

CALM = {part: {**sizes, "dropout": 0.0} for part, sizes in ENCODERS.items()}  # no randomness


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("training"))


def run(folder, output, seed=0, workers=0, **settings):
    made = experiment(**settings)
    train(made, seed, folder, output, device="cpu", threads=1, workers=workers)
    return read_checkpoint(output / "checkpoint.safetensors")[0], history(output)


def history(output):
    return [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]


def losses(records):
    return [{k: v for k, v in record.items() if "loss" in k} for record in records]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def optim(**changes):
    return {"lr": 3e-3, "epochs": 2, "batch_size": 16, **changes}


def test_fine_tuning_learns_what_the_label_shows(folder, tmp_path):
    _, records = run(folder, tmp_path, optim=optim(epochs=6))
    assert records[-1]["loss"] < records[0]["loss"]
    assert records[-1]["valid/auroc"] > 0.9


def test_pretraining_records_every_term(folder, tmp_path):
    _, records = run(folder, tmp_path, stage="pretrain", optim=optim(epochs=6))
    for name in ("mlm", "mim", "mtm", "mmm"):
        assert f"valid/loss/{name}" in records[0]
    weights = {"mlm": 1.0, "mim": 1.0, "mtm": 0.1, "mmm": 0.5}
    for record in records:
        total = sum(weight * record[f"loss/{name}"] for name, weight in weights.items())
        assert record["loss"] == pytest.approx(total, rel=1e-4)
    assert records[-1]["loss/mlm"] < records[0]["loss/mlm"]


def test_a_run_repeats_itself_and_seeds_differ(folder, tmp_path):
    one, first = run(folder, tmp_path / "one")
    two, second = run(folder, tmp_path / "two", workers=1)
    three, _ = run(folder, tmp_path / "three", seed=1)
    assert same(one, two)
    assert losses(first) == losses(second)
    assert not same(one, three)


def test_test_samples_do_not_touch_training(folder, tmp_path):
    """Other labels, texts, images and series in the test split change nothing."""
    other = tmp_path / "cache"
    other.mkdir()
    cache = open_cache(folder)
    samples = cache.samples.copy()
    test = samples["split"] == 2
    samples["label"][test] = 1 - samples["label"][test]
    samples["timeseries_row"][test] = 0
    np.save(other / "samples.npy", samples)
    for file in folder.glob("*"):
        if file.name != "samples.npy":
            (other / file.name).symlink_to(file)
    for stage in ("pretrain", "finetune"):
        one, _ = run(folder, tmp_path / stage / "one", stage=stage)
        two, _ = run(other, tmp_path / stage / "two", stage=stage)
        assert same(one, two)


def test_the_checkpoint_is_of_the_epoch_that_validation_selects(folder, tmp_path, monkeypatch):
    scores = iter([0.6, 0.9, 0.7])
    seen = []

    def validate(model, *rest):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"valid/loss": 0.5, "valid/auroc": next(scores)}

    monkeypatch.setattr(objective, "validate", validate)
    weights, _ = run(folder, tmp_path, optim=optim(epochs=3))
    assert same(weights, seen[1])
    assert not same(weights, seen[2])
    assert json.loads((tmp_path / "experiment.json").read_text())["selected"]["epoch"] == 2


def test_encoders_with_trained_weights_are_frozen_and_random_ones_are_not(folder, tmp_path):
    run(folder, tmp_path / "pre", stage="pretrain")
    init = tmp_path / "pre/checkpoint.safetensors"
    before, _, _ = read_checkpoint(init)
    after = fine_tuned(folder, tmp_path / "fine", init)
    shared = [name for name in after if name in before]
    assert any(name.startswith("encoders.") for name in shared)
    for name in shared:
        moved = not torch.equal(after[name], before[name])
        assert moved == name.startswith("fusion."), name
    counts = json.loads((tmp_path / "fine/experiment.json").read_text())
    encoders = sum(n for part, n in counts["parameters"].items() if part.startswith("encoders"))
    assert counts["trainable_parameters"] == sum(counts["parameters"].values()) - encoders

    torch.manual_seed(0)
    start = build(experiment(), open_cache(folder).spec).state_dict()
    scratch, _ = run(folder, tmp_path / "scratch")
    for part in ("encoders.text", "encoders.image", "encoders.timeseries", "fusion", "head"):
        assert any(
            not torch.equal(scratch[name], start[name]) for name in start if name.startswith(part)
        )


def fine_tuned(folder, output, init):
    made = experiment(init="made-up-pretrain")
    train(made, 0, folder, output, init=[init], device="cpu", threads=1)
    return read_checkpoint(output / "checkpoint.safetensors")[0]


def test_only_encoders_from_a_hub_or_an_initial_run_are_frozen():
    hub = experiment(encoders={**ENCODERS, "text": {**ENCODERS["text"], "pretrained": "bert"}})
    assert frozen_encoders(hub) == {Modality.TEXT}
    assert frozen_encoders(experiment()) == set()
    assert frozen_encoders(experiment(init="x")) == experiment().modalities
    assert frozen_encoders(experiment(init="x", freeze="none")) == set()
    assert frozen_encoders(experiment("pretrain")) == set()


def test_micro_batches_add_up_to_the_batch(folder, tmp_path):
    settings = {"encoders": CALM}
    whole, one = run(folder, tmp_path / "one", optim=optim(), **settings)
    parts, two = run(folder, tmp_path / "two", optim=optim(accumulate=4), **settings)
    assert [r["loss"] for r in one] == pytest.approx([r["loss"] for r in two], rel=1e-4)
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-3, atol=2e-4)


def test_warm_up_then_cosine():
    rates = [rate_at(step, 100, Optim(lr=2, epochs=1, batch_size=1)) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)  # the first step already learns
    assert max(rates) == rates[9] == 2
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_a_loss_that_is_not_finite_stops_with_step_and_term(folder, tmp_path, monkeypatch):
    real, calls = objective.losses, []

    def broken(model, batch, rng, made):
        calls.append(batch)
        terms = real(model, batch, rng, made)
        return {**terms, "mim": terms["mim"] * float("nan")} if len(calls) == 3 else terms

    monkeypatch.setattr(objective, "losses", broken)
    with pytest.raises(TrainingError, match="loss/mim is not finite at step 2 of 6") as caught:
        run(folder, tmp_path, stage="pretrain")
    ids = json.loads((tmp_path / "state/not-finite-rank0.json").read_text())["sample_ids"]
    assert ids == calls[2].sample_id.tolist()
    assert "not-finite-rank0.json" in str(caught.value)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_what_does_not_fit_is_refused_before_training(folder, tmp_path):
    with pytest.raises(ConfigError, match="16 samples cannot be divided evenly into 3"):
        run(folder, tmp_path, optim=optim(accumulate=3))
    with pytest.raises(ConfigError, match="is an experiment on beauty"):
        run(folder, tmp_path, dataset="beauty")
    longer = {**ENCODERS, "text": {**ENCODERS["text"], "max_tokens": 20}}
    with pytest.raises(ConfigError, match="max_tokens: made-up-finetune has 20, the cache 12"):
        run(folder, tmp_path, encoders=longer)
    assert not (tmp_path / "state").exists()


def test_predictions_hold_every_test_sample_once(folder, tmp_path):
    import polars as pl

    run(folder, tmp_path, optim=optim(batch_size=8))
    predict(tmp_path, folder, tmp_path / "p.parquet", device="cpu", threads=1)
    table = pl.read_parquet(tmp_path / "p.parquet")
    cache = open_cache(folder)
    test = cache.samples[(cache.samples["stage"] == 1) & (cache.samples["split"] == 2)]
    assert table["sample_id"].to_list() == test["sample_id"].tolist()
    assert table["label"].to_list() == test["label"].tolist()
    assert table.schema["probabilities"] == pl.Array(pl.Float64, 2)
    np.testing.assert_allclose(table["probabilities"].to_numpy().sum(axis=1), 1)


def test_a_log_gets_one_line_per_epoch_and_a_terminal_a_bar(caplog, monkeypatch, capsys):
    record = {"epoch": 1, "loss": 0.5, "loss/mlm": 0.4, "valid/auroc": None, "loss/mim": 0.1}
    caplog.set_level(logging.INFO)
    Progress(3, 10, shown=True).finished({**record, "samples_per_second": 12.3})
    assert caplog.messages == [
        "epoch 1/3: loss/mlm 0.4000, loss/mim 0.1000, loss 0.5000, 12 samples/s"
    ]
    Progress(3, 10, shown=False).finished({**record, "samples_per_second": 12.3})
    assert len(caplog.messages) == 1
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(3, 10, shown=True).epoch(0, 4) as bar:
        bar.set_postfix(loss="0.5")
    assert "epoch 1/3:  40%" in capsys.readouterr().err


def as_rank(rank, port, folder, output, stage):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    made = experiment(stage=stage, encoders=CALM, optim=optim())
    train(made, 0, folder, output, device="cpu", threads=1)


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_two_processes_train_as_one(folder, tmp_path, stage):
    """Half the batch each; masks and batch statistics differ per process, so pretraining is near.

    Without masks and dropout, as in fine-tuning here, only the order of additions differs.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (port, folder, tmp_path / "two", stage)
    ranks = [started(as_rank, rank, *arguments) for rank in range(2)]
    assert [exit_code(process) for process in ranks] == [0, 0]
    _, one = run(folder, tmp_path / "one", stage=stage, encoders=CALM, optim=optim())
    two = history(tmp_path / "two")
    tolerance = 1e-4 if stage == "finetune" else 0.1
    assert [r["loss"] for r in two] == pytest.approx([r["loss"] for r in one], rel=tolerance)
    assert two[0]["valid/loss"] == pytest.approx(one[0]["valid/loss"], rel=tolerance)
    assert json.loads((tmp_path / "two/experiment.json").read_text())["machine"]["processes"] == 2
