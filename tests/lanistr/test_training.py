"""The loop: what it learns, what it leaves alone, how it selects, and many processes as one."""

import json
import logging
import os
import socket

import numpy as np
import pytest
import torch

from lanistr.data.cache import open_cache
from lanistr.data.samples import select
from lanistr.errors import ConfigError, TrainingError
from lanistr.experiments.config import Modality, Optim, Plateau
from lanistr.methods.build import build, frozen_encoders
from lanistr.models.tabnet import GhostNorm
from lanistr.training import objective
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.distributed import share_statistics
from lanistr.training.predict import predict
from lanistr.training.progress import Progress
from lanistr.training.run import train
from lanistr.training.schedule import optimiser, plateaus, rate_at
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


WHOLE = {"lr": 3e-3, "epochs": 2, "batch_size": 36}  # an epoch is one step


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


def test_a_constant_rate_stays_after_its_warm_up():
    constant = Optim(lr=2, epochs=1, batch_size=1, schedule="constant", warmup_share=0.1)
    assert [rate_at(step, 20, constant) for step in (0, 1, 2, 19)] == [1, 2, 2, 2]


@pytest.mark.parametrize("patience", [0, 1, 4])
def test_a_plateau_lowers_the_rate_as_torch_does(patience):
    losses = (1 + np.random.default_rng(patience).normal(0, 0.3, 60)).tolist()
    weight = torch.nn.Parameter(torch.zeros(1))
    moved = torch.optim.SGD([weight], lr=0.5)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(moved, factor=0.5, patience=patience, eps=0)
    optim = Optim(
        lr=0.5,
        warmup_share=0,
        epochs=99,
        batch_size=1,
        schedule=Plateau(factor=0.5, patience=patience),
    )
    for epoch, loss in enumerate(losses):
        theirs.step(loss)
        story = [{"valid/loss": each} for each in losses[: epoch + 1]]
        assert rate_at(9, 100, optim, story) == pytest.approx(moved.param_groups[0]["lr"])
    assert plateaus(losses, patience) > 0


def test_the_recipe_chooses_what_moves_the_weights():
    weights = [torch.nn.Parameter(torch.ones(1))]
    chosen = Optim(epochs=1, batch_size=1, algorithm="adam", betas=(0.9, 0.9), weight_decay=0.1)
    adam = optimiser(weights, chosen)
    assert type(adam) is torch.optim.Adam
    assert (adam.defaults["betas"], adam.defaults["weight_decay"]) == ((0.9, 0.9), 0.1)
    assert type(optimiser(weights, Optim(epochs=1, batch_size=1))) is torch.optim.AdamW


def test_a_run_stops_when_epochs_get_no_better(folder, tmp_path, monkeypatch):
    scores = [0.6, 0.9, 0.7, 0.9, 0.8, 0.99]
    given = iter(scores)
    monkeypatch.setattr(
        objective, "validate", lambda *_: {"valid/loss": 0.5, "valid/auroc": next(given)}
    )
    _, records = run(folder, tmp_path, optim=optim(epochs=6, stop_after=3))
    assert [record["valid/auroc"] for record in records] == scores[:5]
    assert json.loads((tmp_path / "experiment.json").read_text())["selected"]["epoch"] == 2


def test_every_view_has_its_epochs(folder, tmp_path, monkeypatch):
    seen, real = [], type(select(open_cache(folder), experiment(), "train")).batch

    def batch(self, positions):
        seen.append((len(self), self.view))
        return real(self, positions)

    monkeypatch.setattr(f"{real.__module__}.Samples.batch", batch)
    run(folder, tmp_path, optim=optim(epochs=3), data={"views": 2})
    train_views = [view for samples, view in seen if samples == 36]
    assert train_views == [0] * 3 + [1] * 3 + [0] * 3
    assert {view for samples, view in seen if samples == 12} == {0}


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


def test_what_is_trained_is_announced_and_written(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(folder, tmp_path)
    story = json.loads((tmp_path / "experiment.json").read_text())
    total = sum(story["parameters"].values())
    assert story["trainable_share"] == 1
    assert f"{total:,} of {total:,} parameters trained (100.0 %)" in caplog.text


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
    made = experiment(stage=stage, encoders=CALM, optim=WHOLE)
    train(made, 0, folder, output, device="cpu", threads=1)


@pytest.mark.parametrize(("stage", "tolerance"), [("pretrain", 0.05), ("finetune", 1e-4)])
def test_two_processes_train_as_one(folder, tmp_path, stage, tolerance):
    """Half the batch each: the same losses, those of the first step first of all.

    In fine-tuning only the order of additions differs. In pretraining each process draws what it
    hides, averages over what it has hidden itself and, on CPUs, has batch statistics of its own.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (port, folder, tmp_path / "two", stage)
    ranks = [started(as_rank, rank, *arguments) for rank in range(2)]
    assert [exit_code(process) for process in ranks] == [0, 0]
    _, one = run(folder, tmp_path / "one", stage=stage, encoders=CALM, optim=WHOLE)
    two = history(tmp_path / "two")
    terms = [name for name in one[0] if name.startswith("loss") and name != "loss/mmm"]
    for name in terms:
        assert two[0][name] == pytest.approx(one[0][name], rel=tolerance), name
    assert [r["loss"] for r in two] == pytest.approx([r["loss"] for r in one], rel=tolerance)
    assert json.loads((tmp_path / "two/experiment.json").read_text())["machine"]["processes"] == 2


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
