"""A run as a whole: what it says, what it refuses, what it writes."""

import json
import logging

import numpy as np
import pytest
import torch

from commandline.retries import AGAIN
from lanistr.data.cache import open_cache
from lanistr.errors import ConfigError, TrainingError
from lanistr.training.distributed import World
from lanistr.training.folder import hold_folder
from lanistr.training.loop import Trainer
from lanistr.training.predict import predict
from tests.lanistr.runs import optim, run
from tests.lanistr.shards import ENCODERS, write_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("training"))


def test_what_is_trained_is_announced_and_written(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(folder, tmp_path)
    story = json.loads((tmp_path / "experiment.json").read_text())
    total = sum(story["parameters"].values())
    assert story["trainable_share"] == 1
    assert f"{total:,} of {total:,} parameters trained (100.0 %)" in caplog.text


def test_what_does_not_fit_is_refused_before_training(folder, tmp_path):
    with pytest.raises(ConfigError, match="16 samples cannot be divided evenly into 3"):
        run(folder, tmp_path, optim=optim(accumulate=3))
    with pytest.raises(ConfigError, match="is an experiment on beauty"):
        run(folder, tmp_path, dataset="beauty")
    longer = {**ENCODERS, "text": {**ENCODERS["text"], "max_tokens": 20}}
    with pytest.raises(ConfigError, match="max_tokens: made-up-finetune has 20, the cache 12"):
        run(folder, tmp_path, encoders=longer)
    assert not (tmp_path / "state").exists()


def test_want_of_memory_is_told_with_the_keys_that_help(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "_step", lambda *_: torch.empty(10**15))
    with pytest.raises(TrainingError, match="cpu has no memory left") as told:
        run(folder, tmp_path, optim=optim(accumulate=2))
    for key in ("8 samples at once", "optim.accumulate", "optim.batch_size 16", "max_tokens (now"):
        assert key in str(told.value)


def test_another_error_stays_what_it_is(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "_step", lambda *_: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        run(folder, tmp_path)


def test_a_folder_has_one_run_at_a_time(tmp_path):
    alone = World(torch.device("cpu"))
    with hold_folder(tmp_path, alone):
        with (
            pytest.raises(TrainingError, match=f"another process trains into this folder.*{AGAIN}"),
            hold_folder(tmp_path, alone, patience=0),
        ):
            pass
        with hold_folder(tmp_path, World(torch.device("cpu"), rank=1, size=2), patience=0):
            pass
    with hold_folder(tmp_path, alone, patience=0):
        pass


def test_predictions_hold_every_test_sample_once(folder, tmp_path):
    import polars as pl

    run(folder, tmp_path, optim=optim(batch_size=8))
    predict(tmp_path, folder, tmp_path / "p.parquet", device="cpu", threads=1)
    table = pl.read_parquet(tmp_path / "p.parquet")
    cache = open_cache(folder)
    test = cache.samples[(cache.samples["stage"] == 1) & (cache.samples["split"] == 2)]
    assert table["sample_id"].to_list() == test["sample_id"].tolist()
    died = cache.targets(test, cache.card.task(None))
    assert table["label"].to_list() == died.tolist()
    assert table.schema["answer"] == pl.Array(pl.Float64, 2)
    np.testing.assert_allclose(table["answer"].to_numpy().sum(axis=1), 1)
