"""What frozen encoders make of samples, computed once: the same run as without."""

import json
import logging
import os
import shutil
import signal
from functools import partial

import numpy as np
import pytest
import torch

from lanistr.data.cache import open_cache
from lanistr.data.selection import select
from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.training import features
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.distributed import World
from lanistr.training.features import encoded
from lanistr.training.loop import Trainer
from lanistr.training.run import train
from tests.lanistr.processes import exit_code, started, two_ranks
from tests.lanistr.shards import experiment, write_cache

VIEWS = 2
DROPOUT = {"views": VIEWS, "modality_dropout": 0.5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def init(folder, tmp_path_factory):
    """A pretraining run to start from, which freezes all encoders."""
    output = tmp_path_factory.mktemp("pretrain")
    made = experiment("pretrain", optim={"epochs": 1, "batch_size": 16})
    train(made, 0, folder, output, device="cpu", threads=1)
    return output / "checkpoint.safetensors"


def tuned(**changes):
    settings = {
        "init": "made-up-pretrain",
        "data": {"views": VIEWS},
        "optim": {"lr": 3e-3, "epochs": 3, "batch_size": 16},
    }
    return experiment(**{**settings, **changes})


def run(made, folder, init, output, **options):
    train(made, 0, folder, output, init=[init], device="cpu", threads=1, **options)
    lines = (output / "history.jsonl").read_text().splitlines()
    records = [{k: v for k, v in json.loads(line).items() if "loss" in k} for line in lines]
    return read_checkpoint(output / "checkpoint.safetensors")[0], records


def kept(made, folder, tmp_path, split="train", frozen=None, views=VIEWS):
    """Samples as they are read, the same with tokens, and the model."""
    cache = open_cache(folder)
    model = build(made, cache.spec_for(made))
    model.freeze(made.modalities if frozen is None else frozen)
    samples = select(cache, made, split)
    world = World(torch.device("cpu"))
    both = encoded(samples, model, tmp_path / "kept", {"a": "b"}, world, views=views, batch_size=7)
    return samples, both, model.eval()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method": "latefusion"},
        {"variants": {"absent": "zeros", "text_pooling": "cls", "normalise": "tokens"}},
        {"data": DROPOUT},
        {"data": DROPOUT, "method": "latefusion"},
        {"data": DROPOUT, "variants": {"absent": "zeros"}},
    ],
    ids=["lanistr", "latefusion", "variants", "dropout", "late dropout", "zeros for dropout"],
)
def test_tokens_kept_give_the_same_run(folder, init, tmp_path, changes):
    """Kept tokens come from batches of other sizes and paddings: only roundings differ."""
    made = tuned(**changes)
    one, first = run(made, folder, init, tmp_path / "kept", workers=1)
    two, second = run(made, folder, init, tmp_path / "not", features=False)
    for record, other in zip(first, second, strict=True):
        assert record == pytest.approx(other, rel=1e-5)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


def test_frozen_encoders_run_once(folder, init, tmp_path, monkeypatch):
    """Each view of each training sample and each validation sample passes exactly once."""
    encoder, seen = build(tuned(), open_cache(folder).spec).encoders[Modality.IMAGE], []
    real = type(encoder).forward

    def counted(self, batch, hidden=None):
        seen.append(len(batch))
        return real(self, batch, hidden)

    monkeypatch.setattr(type(encoder), "forward", counted)
    run(tuned(), folder, init, tmp_path)
    probes = 2
    assert sum(seen) == VIEWS * 36 + 12 + probes
    assert not (tmp_path / "state").exists()


def test_a_batch_holds_the_tokens_of_its_samples_and_view(folder, tmp_path):
    samples, both, model = kept(tuned(), folder, tmp_path)
    positions = np.array([5, 0, 17, 30])
    for view in range(VIEWS):
        batch = both.shown(view).batch(positions)
        raw = samples.shown(view).batch(positions)
        for modality, expected in model.encode(raw).items():
            found = batch.encoded[modality]
            assert torch.equal(found.is_token, expected.is_token[:, : found.is_token.shape[1]])
            there = expected.is_token
            assert there.sum() == found.is_token.sum()
            torch.testing.assert_close(
                found.states[found.is_token], expected.states[there], rtol=1e-5, atol=1e-6
            )
        assert torch.equal(batch.present, raw.present)
        assert batch.pixels.numel() == 0
        assert batch.tokens.shape[1] == 1
        torch.testing.assert_close(model(batch), model(raw), rtol=1e-5, atol=1e-6)


def test_views_differ_in_images_alone(folder, tmp_path):
    _, both, _ = kept(tuned(), folder, tmp_path)
    assert {m: len(each.states) for m, each in both.kept.items()} == {
        Modality.TEXT: 1,
        Modality.IMAGE: VIEWS,
        Modality.TIMESERIES: 1,
    }
    states = both.kept[Modality.IMAGE].states
    there = both.kept[Modality.IMAGE].counts[0] > 0
    assert np.abs(states[0, there] - states[1, there]).max() > 1e-3
    assert not states[:, ~there].any()


def test_encoders_that_learn_keep_reading(folder, tmp_path):
    samples, both, model = kept(tuned(), folder, tmp_path, frozen={Modality.TEXT})
    assert set(both.kept) == {Modality.TEXT}
    batch = both.batch(np.arange(8))
    assert torch.equal(batch.pixels, samples.batch(np.arange(8)).pixels)
    model.train()
    model(batch).sum().backward()
    grads = {
        name.split(".")[1] for name, w in model.encoders.named_parameters("x") if w.grad is not None
    }
    assert grads == {"image", "timeseries"}


def test_nothing_is_kept_where_nothing_is_frozen(folder, tmp_path):
    samples, same, _ = kept(tuned(), folder, tmp_path, frozen=set())
    assert same is samples
    assert not (tmp_path / "kept").exists()


def test_a_disk_that_is_too_small_is_left_alone(folder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1))
    samples, same, _ = kept(tuned(), folder, tmp_path)
    assert same is samples
    assert "the encoders run in every step" in caplog.text


def test_tokens_of_the_same_run_are_used_again_and_others_are_not(folder, tmp_path, monkeypatch):
    kept(tuned(), folder, tmp_path)
    calls, real = [], features._compute
    monkeypatch.setattr(features, "_compute", lambda *a: (calls.append(a), real(*a)))
    kept(tuned(), folder, tmp_path)
    assert not calls
    (tmp_path / "kept/complete.json").write_text(json.dumps({"a": "c"}))
    kept(tuned(), folder, tmp_path)
    assert len(calls) == 1


def test_what_no_token_fills_takes_no_space(folder, tmp_path):
    wide = tuned(
        encoders={
            **tuned().encoders.model_dump(),
            "text": {**tuned().encoders.text.model_dump(), "hidden": 512},
        }
    )
    _, both, _ = kept(wide, folder, tmp_path)
    file = tmp_path / "kept/text-states.npy"
    tokens = both.kept[Modality.TEXT].counts.sum()
    assert file.stat().st_size == pytest.approx(36 * 12 * 512 * 4, rel=0.01)
    assert file.stat().st_blocks * 512 < tokens * 512 * 4 + 36 * 2 * 4096


def die_at_step(number, made, folder, init, output):
    real = Trainer._check_finite

    def check(self, values, step, ids):
        real(self, values, step, ids)
        if step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Trainer._check_finite = check
    run(made, folder, init, output, save_every=0)


def test_a_killed_run_goes_on_with_its_tokens_bit_for_bit(folder, init, tmp_path, caplog):
    undisturbed, records = run(tuned(), folder, init, tmp_path / "one")
    assert exit_code(started(die_at_step, 4, tuned(), folder, init, tmp_path / "two")) == -9
    assert (tmp_path / "two/state/features/train/complete.json").exists()
    caplog.set_level(logging.INFO)
    weights, again = run(tuned(), folder, init, tmp_path / "two")
    assert not [line for line in caplog.messages if "encoded once" in line]
    assert again == records
    assert all(torch.equal(weights[name], undisturbed[name]) for name in weights)


def test_two_processes_compute_a_share_each(folder, init, tmp_path):
    output = tmp_path / "two"
    rank = partial(train, tuned(), 0, folder, output, init=[init], device="cpu", threads=1)
    assert two_ranks(rank) == [0, 0]
    _, one = run(tuned(), folder, init, tmp_path / "one")
    lines = (tmp_path / "two/history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses == pytest.approx([record["loss"] for record in one], rel=1e-4)
