"""A model asked about the test split under every subset of its modalities."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from lanistr.__main__ import app
from lanistr.analysis.presence import answer_subsets, presence
from lanistr.data.cache import open_cache
from lanistr.data.selection import select
from lanistr.methods.build import build
from lanistr.modality import Modality, sort_modalities
from lanistr.training import checkpoint
from lanistr.training.predict import answers, predict
from tests.lanistr.shards import experiment, write_cache

ALL = sort_modalities([Modality.TEXT, Modality.IMAGE, Modality.TIMESERIES])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("stays"))


def made_run(folder, to, **settings):
    made, cache = experiment(**settings), open_cache(folder)
    torch.manual_seed(6)
    model = build(made, cache.spec_for(made)).eval()
    identity = checkpoint.run_identity(made, 3, cache.digest, [])
    weights = checkpoint.detached(model.state_dict())
    checkpoint.write_checkpoint(to / "checkpoint.safetensors", weights, identity)
    return model, select(cache, made, "test")


@pytest.mark.parametrize(
    "settings", [{}, {"method": "latefusion"}, {"variants": {"absent": "zeros"}}], ids=str
)
def test_each_subset_gets_what_the_model_says_of_a_batch_with_it_alone(folder, tmp_path, settings):
    model, samples = made_run(folder, tmp_path, **settings)
    presence(tmp_path, folder, tmp_path / "a.parquet", device="cpu", threads=1)
    table = pl.read_parquet(tmp_path / "a.parquet")
    batch = samples.batch(np.arange(len(samples)))
    names = ["none", "text", "image", "text+image", "timeseries", "text+timeseries"]
    assert table.columns[5:] == [*names, "image+timeseries", "text+image+timeseries"]
    for name in table.columns[5:]:
        kept = frozenset(Modality(part) for part in name.split("+") if part != "none")
        with torch.no_grad():
            expected = model(batch.only(kept)).double().softmax(dim=1)
        np.testing.assert_allclose(table[name].to_numpy(), expected, atol=1e-6)
    assert len(np.unique(table["none"].to_numpy(), axis=0)) == 1


def test_everything_is_what_predict_says(folder, tmp_path):
    made_run(folder, tmp_path)
    presence(tmp_path, folder, tmp_path / "a.parquet", device="cpu", threads=1)
    predict(tmp_path, folder, tmp_path / "p.parquet", device="cpu", threads=1)
    table, predicted = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in "ap")
    for column in ("seed", "sample_id", "subject_id", "label"):
        assert table[column].to_list() == predicted[column].to_list()
    np.testing.assert_allclose(
        table["text+image+timeseries"].to_numpy(), predicted["answer"].to_numpy(), atol=1e-6
    )
    about = pl.read_parquet_metadata(tmp_path / "a.parquet")
    assert json.loads(about["data"])["dataset"] == "mimic"


def test_the_same_input_gets_the_same_answer_to_the_last_bit(folder, tmp_path):
    model, samples = made_run(folder, tmp_path)
    calls = []

    def ask(some):
        calls.append(len(some))
        return answers(model, some).numpy()

    said, present = answer_subsets(samples, ALL, 2, ask)
    assert len(calls) == 8 and calls[0] == 1
    for subset in range(8):
        for part in range(8):
            same = present & subset == present & part
            assert np.array_equal(said[subset][same], said[part][same])
    image = samples.records["image_row"] >= 0
    assert np.array_equal(present >> 1 & 1 == 1, image) and not image.all()
    assert len(np.unique(said[0b010][~image], axis=0)) == 1


def test_the_command_line_from_run_to_results(folder, tmp_path):
    made_run(folder, tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output

    answers = tmp_path / "analysis/x/seed3.parquet"
    call("presence", "--run", tmp_path, "--cache", folder, "--output", answers, "--device", "cpu")
    for name in ("shapley", "removal"):
        output = tmp_path / f"analysis/{name}"
        call(
            *(name, "--presence", answers, "--resamples", 20),
            *("--csv", f"{output}.csv", "--json", f"{output}.json"),
        )
    total = pl.read_csv(tmp_path / "analysis/shapley.csv").filter(modality="total")["value"][0]
    ends = pl.read_csv(tmp_path / "analysis/removal.csv").filter(modality="every")["value"]
    assert total == pytest.approx(ends[0] - 0.5) and ends[10] == 0.5
