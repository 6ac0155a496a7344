"""The loop: what it learns, what it leaves alone, and how it selects."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from lanistr.data.cache import open_cache, pattern_names
from lanistr.data.selection import select
from lanistr.errors import TrainingError
from lanistr.evaluation.finetuned import shown_patterns
from lanistr.methods.build import build, frozen_encoders
from lanistr.modality import Modality
from lanistr.training import objective
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.distributed import World
from lanistr.training.run import train
from tests.lanistr.runs import CALM, losses, optim, run, same
from tests.lanistr.shards import ENCODERS, experiment, write_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("training"))


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


def test_pretraining_records_how_far_embeddings_have_collapsed(folder, tmp_path):
    _, records = run(folder, tmp_path / "whole", stage="pretrain", optim=optim(epochs=2))
    for kind in ("fused", "projected"):
        assert all(1 <= record[f"valid/{kind} effective rank"] <= 12 for record in records)
        assert all(0 < record[f"valid/{kind} spread"] <= 1 for record in records)
    alone = {"objectives": {"mmm": 0}}
    _, records = run(folder, tmp_path / "alone", stage="pretrain", optim=optim(epochs=1), **alone)
    assert not [name for name in records[0] if "rank" in name]


def test_a_run_repeats_itself_and_seeds_differ(folder, tmp_path):
    one, first = run(folder, tmp_path / "one")
    two, second = run(folder, tmp_path / "two", workers=1)
    three, _ = run(folder, tmp_path / "three", seed=1)
    assert same(one, two)
    assert losses(first) == losses(second)
    assert not same(one, three)


def test_modality_dropout_is_of_training_alone_and_leaves_one_of_each_sample(folder):
    made = experiment(data={"modality_dropout": 0.6})
    cache = open_cache(folder)
    samples = select(cache, made, "train")
    whole, model = samples.batch(np.arange(len(samples))), build(made, cache.spec_for(made))
    seen = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].present))
    for _ in range(20):
        rng = torch.Generator().manual_seed(len(seen))
        objective.losses(model, whole, rng, made)
    dropped = torch.stack(seen)
    assert not (dropped & ~whole.present).any()
    assert (dropped.any(dim=2) == whole.present.any(dim=1)).all()
    expected = shown_patterns(Counter(pattern_names(samples.records, made.modalities)), 0.6)
    assert sum(expected.values()) == pytest.approx(len(samples))
    alone = dropped.sum(dim=2) == 1
    shown = sum(count for pattern, count in expected.items() if "+" not in pattern)
    assert alone.float().mean() == pytest.approx(shown / len(samples), abs=0.05)
    seen.clear()
    objective.validate(model, samples, made, World(torch.device("cpu")), len(samples))
    assert torch.equal(seen[0], whole.present)


def test_a_run_with_modality_dropout_repeats_itself_and_is_another(folder, tmp_path):
    dropped = {"data": {"modality_dropout": 0.5}}
    one, first = run(folder, tmp_path / "one", **dropped)
    two, second = run(folder, tmp_path / "two", workers=1, **dropped)
    whole, _ = run(folder, tmp_path / "whole")
    assert same(one, two) and losses(first) == losses(second)
    assert not same(one, whole)


def test_test_samples_do_not_touch_training(folder, tmp_path):
    """Other labels, texts, images and series in the test split change nothing."""
    other = tmp_path / "cache"
    other.mkdir()
    cache = open_cache(folder)
    samples = cache.samples.copy()
    test = samples["split"] == 2
    samples["timeseries_row"][test] = 0
    labels = cache.labels.copy()
    asked = samples["labels_row"][test & (samples["stage"] == 1)]
    labels[asked] = 1 - labels[asked]
    np.save(other / "samples.npy", samples)
    np.save(other / "labels.npy", labels)
    for file in folder.glob("*"):
        if file.name not in ("samples.npy", "labels.npy"):
            (other / file.name).symlink_to(file)
    for stage in ("pretrain", "finetune"):
        one, _ = run(folder, tmp_path / stage / "one", stage=stage)
        two, _ = run(other, tmp_path / stage / "two", stage=stage)
        assert same(one, two)


@pytest.mark.parametrize(("keep", "epoch"), [("best", 2), ("last", 3)])
def test_the_checkpoint_is_of_the_epoch_to_keep(folder, tmp_path, monkeypatch, keep, epoch):
    scores = iter([0.6, 0.9, 0.7])
    seen = []

    def validate(model, *rest):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"valid/loss": 0.5, "valid/auroc": next(scores)}

    monkeypatch.setattr(objective, "validate", validate)
    weights, _ = run(folder, tmp_path, optim=optim(epochs=3, keep=keep))
    assert [same(weights, each) for each in seen] == [number == epoch for number in (1, 2, 3)]
    assert json.loads((tmp_path / "experiment.json").read_text())["selected"]["epoch"] == epoch


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
