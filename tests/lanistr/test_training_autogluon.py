"""AutoGluon itself, fed from our cache: what it sees, what it leaves, and that it stays at home."""

import importlib.util
import json
import sys
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import torch
from tokenizers import Tokenizer

from lanistr.analysis.presence import presence
from lanistr.data.cache import open_cache
from lanistr.data.caching import build_cache
from lanistr.data.card import Card
from lanistr.data.frames import frame, words
from lanistr.data.selection import select
from lanistr.errors import ConfigError, NotInstalledError, WeightsError
from lanistr.inference.export import export
from lanistr.training import autogluon
from lanistr.training.autogluon_terms import hyperparameters
from lanistr.training.predict import predict
from lanistr.training.seal import check_seal
from tests.lanistr.review_shards import CARD, RECIPE, on_beauty, write_reviews

pytestmark = pytest.mark.usefixtures("no_network")

needs_autogluon = pytest.mark.skipif(
    importlib.util.find_spec("autogluon") is None, reason="the extra autogluon is not installed"
)
STARS = Card.model_validate(CARD).task(None)
OPTIM = {"epochs": 2, "batch_size": 8, "lr": 1e-3, "stop_after": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("autogluon")
    write_reviews(folder / "shards", reviews=200)
    cache = folder / "cache"
    manifest = folder / "shards/manifest.json"
    build_cache(manifest, RECIPE, cache, threads=1, variant="All_Beauty")
    return cache


def made(**settings):
    return on_beauty(stage="finetune", method="autogluon", **{"optim": OPTIM, **settings})


def test_its_words_are_the_tokens_of_the_other_methods(folder):
    cache, tokenizer = (
        open_cache(folder),
        Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json")),
    )
    tokenizer.enable_truncation(cache.spec.max_tokens)
    tokens, begin = cache.tokens, cache.tokens_offsets
    assert len(begin) > 20
    for start, end in pairwise(begin):
        text = words(tokenizer, tokens[start:end])
        assert tokenizer.encode(text).ids == tokens[start:end].tolist()


def test_a_frame_has_a_row_per_sample_and_missing_is_missing(folder):
    samples = select(open_cache(folder), made(), "train")
    table = frame(samples, folder)
    spec = samples.cache.spec
    assert list(table) == ["label", "text", "image", *spec.category_names, *spec.number_names]
    assert (table["label"].to_numpy() == samples.targets[:, 0]).all()
    assert (table["image"].isna().to_numpy() == (samples.records["image_row"] < 0)).all()
    without_table = frame(select(open_cache(folder), made(modalities=["text"]), "train"), folder)
    assert list(without_table) == ["label", "text"]


def test_the_recipe_arrives_in_its_words():
    settings = hyperparameters(
        made(autogluon={"fusion": "transformer", "layer_decay": 0.7}), torch.device("cpu")
    )
    names = settings["model.names"]
    assert names[-1] == "fusion_transformer"
    assert set(names[:-1]) == {"categorical_mlp", "numerical_mlp", "timm_image", "hf_text"}
    assert (settings["optim.lr"], settings["optim.max_epochs"]) == (1e-3, 2)
    assert (settings["optim.lr_decay"], settings["optim.patience"]) == (0.7, 5)
    assert settings["model.hf_text.text_trivial_aug_maxscale"] == 0
    only_text = hyperparameters(made(modalities=["text"]), torch.device("cpu"))
    assert only_text["model.names"] == ["hf_text", "fusion_mlp"]


def test_classes_that_it_never_saw_get_no_probability():
    class Predictor:
        class_labels = np.array([1, 3])

        def predict_proba(self, rows, as_pandas):
            return np.array([[0.25, 0.75]])

    assert autogluon.answers(Predictor(), [0], STARS).tolist() == [[0, 0.25, 0, 0.75, 0]]


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "autogluon.multimodal", None)
    with (
        pytest.raises(NotInstalledError, match=r"pip install 'lanistr\[autogluon\]'"),
        autogluon.autogluon_class(),
    ):
        pass


@needs_autogluon
def test_a_run_leaves_what_every_run_leaves_and_predicts_the_same_when_loaded(folder, tmp_path):
    run, said, again = tmp_path / "run", tmp_path / "said.parquet", tmp_path / "again.parquet"
    experiment = made()
    autogluon.train(experiment, 3, folder, run, predictions=said, device="cpu", threads=1)
    story = json.loads((run / "experiment.json").read_text())
    assert story["seed"] == 3 and story["selection"]["splits"] == ["valid"]
    assert story["trainable_share"] == 1
    assert {"autogluon.multimodal", "timm", "torch"} <= story["machine"].keys()
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in history] == [1, 2]
    assert story["selected"] in history
    predict(run, folder, again, device="cpu", threads=1)
    check_seal(run / "autogluon/predictor")  # predicting leaves it as it was
    with (run / "autogluon/predictor/df_preprocessor.pkl").open("ab") as file:
        file.write(b".")
    with pytest.raises(WeightsError, match="no seal of this user and machine"):
        predict(run, folder, tmp_path / "elsewhere", device="cpu", threads=1)
    table = pl.read_parquet(said)
    assert table.equals(pl.read_parquet(again))
    test = select(open_cache(folder), experiment, "test")
    assert table["sample_id"].to_list() == test.records["sample_id"].tolist()
    assert np.allclose(table["answer"].to_numpy().sum(axis=1), 1)
    for elsewhere in (export, presence):
        with pytest.raises(ConfigError, match="autogluon builds and saves its models itself"):
            elsewhere(run, folder, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


@needs_autogluon
def test_an_untrained_model_has_as_many_parameters_as_a_run(folder, tmp_path):
    experiment = made(modalities=["text", "image"], optim={**OPTIM, "epochs": 1})
    autogluon.train(experiment, 0, folder, tmp_path, device="cpu", threads=1)
    story = json.loads((tmp_path / "experiment.json").read_text())
    model = autogluon.untrained(experiment, open_cache(folder).spec_for(experiment))
    assert sum(p.numel() for p in model.parameters()) == story["trainable_parameters"]


@needs_autogluon
@pytest.mark.parametrize("planted", [True, False])
def test_it_learns_what_the_text_says_and_nothing_from_shuffled_labels(
    planted, folder, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)

    def with_a_word(samples, cache_folder):
        table = frame(samples, cache_folder)
        read = table["label"] if planted else rng.permutation(table["label"])
        table["text"] = [("soap", "jaw", "good", "so", "a")[number] for number in read]
        return table

    monkeypatch.setattr(autogluon, "frame", with_a_word)
    output = tmp_path / "said.parquet"
    experiment = made(modalities=["text"], optim={**OPTIM, "epochs": 12, "lr": 5e-3})
    autogluon.train(experiment, 0, folder, tmp_path, predictions=output, device="cpu", threads=1)
    table = pl.read_parquet(output)
    label = table["label"].arr.first()
    right = table["answer"].to_numpy().argmax(axis=1) == label.to_numpy()
    error = 1.96 * (right.mean() * (1 - right.mean()) / len(right)) ** 0.5
    chance = label.value_counts()["count"].max() / len(right)
    assert (right.mean() - error > chance) == planted
