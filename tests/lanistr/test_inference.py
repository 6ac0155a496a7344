"""An exported model asked about new rows: the same answers as about its cached test split."""

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from lanistr.__main__ import app
from lanistr.data.cache import open_cache
from lanistr.data.processor import copy_processor
from lanistr.errors import ConfigError, DataContractError
from lanistr.inference.files import predict_rows
from lanistr.inference.predictor import Predictor
from lanistr.inference.rows import read_table
from lanistr.methods.build import build
from lanistr.training.predict import predict
from tests.lanistr.new_rows import exported
from tests.lanistr.review_shards import BEAUTY
from tests.lanistr.shards import experiment

LAST = ["prediction", "modalities_seen"]


def predicted(folder, run):
    """What the run says of the cached test split."""
    predict(run, folder / "cache", run / "p.parquet", device="cpu", threads=1)
    return pl.read_parquet(run / "p.parquet")


@pytest.mark.parametrize("method", ["lanistr", "latefusion"])
def test_new_stays_get_the_probabilities_of_the_cached_ones(stays, tmp_path, method):
    folder, rows = stays
    run, model = exported(folder, tmp_path, method=method, optim={"epochs": 1, "batch_size": 5})
    known, new = predicted(folder, run), Predictor.from_pretrained(model).predict(rows)
    assert new.columns == ["sample_id", "modalities", "survived", "died", *LAST]
    assert new["sample_id"].to_list() == known["sample_id"].to_list()
    assert set(new["modalities"]) >= {"timeseries", "text+image+timeseries"}
    asked = new.select("survived", "died").to_numpy()
    np.testing.assert_allclose(asked, known["answer"].to_numpy(), atol=1e-7)
    assert np.ptp(asked[:, 1]) > 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "latefusion"},
        {"modalities": ["text", "image"], "data": {"columns_as_text": True}},
    ],
    ids=["lanistr", "latefusion", "tab2txt"],
)
def test_new_reviews_get_the_probabilities_of_the_cached_ones(reviews, tmp_path, settings):
    folder, rows = reviews
    run, model = exported(folder, tmp_path, **{**BEAUTY, **settings})
    known, new = predicted(folder, run), Predictor.from_pretrained(model).predict(rows)
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    assert new.columns == ["sample_id", "modalities", *stars, *LAST]
    asked = new.select(stars).to_numpy()
    np.testing.assert_allclose(asked, known["answer"].to_numpy(), atol=1e-7)
    assert np.ptp(asked, axis=0).max() > 1e-4


def test_a_csv_with_paths_gives_what_the_parquet_with_bytes_gives(reviews, tmp_path):
    folder, rows = reviews
    _, model = exported(folder, tmp_path, **BEAUTY)
    paths = []
    for number, jpeg in enumerate(rows["image"]):
        paths.append(jpeg and str(tmp_path / f"{number}.jpg"))
        if jpeg:
            (tmp_path / f"{number}.jpg").write_bytes(jpeg)
    # As pandas writes it: True and False, and floats where a column has gaps.
    written = rows.with_columns(
        pl.Series("image", paths),
        pl.col("verified").replace_strict({True: "True", False: "False"}),
        pl.col("votes").cast(pl.Float64),
    )
    written.write_csv(tmp_path / "rows.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    answers = []
    for name in ("rows.csv", "rows.parquet"):
        predict_rows(str(model), tmp_path / name, tmp_path / f"of_{name}", device="cpu")
        answers.append(read_table(tmp_path / f"of_{name}"))
    assert answers[0].columns == answers[1].columns
    for one, other in zip(*answers, strict=True):
        assert one.to_list() == pytest.approx(other.to_list()) if one.dtype.is_float() else True


def test_many_rows_are_read_in_parts(stays, tmp_path, monkeypatch):
    folder, rows = stays
    _, model = exported(folder, tmp_path)
    predictor = Predictor.from_pretrained(model)
    whole = predictor.predict(rows)
    monkeypatch.setattr("lanistr.inference.predictor.ROWS_AT_ONCE", 5)
    parts = predictor.predict(rows)
    assert parts.drop("died", "survived").equals(whole.drop("died", "survived"))
    np.testing.assert_allclose(parts["died"], whole["died"], atol=1e-6)


def test_a_regression_gives_numbers(stays, tmp_path):
    folder, rows = stays
    torch.manual_seed(2)
    made = experiment(task="length_of_stay")
    model = build(made, open_cache(folder / "cache").spec_for(made))
    model.save_pretrained(tmp_path)
    copy_processor(folder / "cache", tmp_path)
    new = Predictor.from_pretrained(tmp_path).predict(rows)
    assert new.columns == ["sample_id", "modalities", *LAST]
    assert new["prediction"].n_unique() > 5
    assert 0 < abs(new["prediction"].mean() - 96) < 34  # hours, of a mean of 96


def test_labels_have_a_probability_each(stays, tmp_path):
    folder, rows = stays
    torch.manual_seed(2)
    made = experiment(task="phenotypes")
    model = build(made, open_cache(folder / "cache").spec_for(made))
    model.save_pretrained(tmp_path)
    copy_processor(folder / "cache", tmp_path)
    new = Predictor.from_pretrained(tmp_path).predict(rows)
    names = [f"phenotype {number}" for number in range(25)]
    assert new.columns == ["sample_id", "modalities", *names, LAST[-1]]
    assert new.select(names).to_numpy().min() > 0 and new.select(names).to_numpy().max() < 1


def test_the_command_line(stays, tmp_path):
    folder, rows = stays
    run, model = exported(folder, tmp_path)
    rows.write_parquet(tmp_path / "rows.parquet")

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output

    call("export", "--run", run, "--cache", folder / "cache", "--output-dir", tmp_path / "again")
    same = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "again")]
    assert same[0] == same[1]
    new = ["--model", model, "--rows", tmp_path / "rows.parquet", "--device", "cpu"]
    call("predict", *new, "--output", tmp_path / "answers.csv")
    assert pl.read_csv(tmp_path / "answers.csv").columns[-3:] == ["died", *LAST]
    call("predict", model, tmp_path / "rows.parquet", "--output", tmp_path / "same.csv")
    assert (tmp_path / "same.csv").read_bytes() == (tmp_path / "answers.csv").read_bytes()
    call("embed", *new, "--modality", "timeseries", "--output", tmp_path / "e.parquet")
    call(
        *("nearest", "--queries", tmp_path / "e.parquet", "--gallery", tmp_path / "e.parquet"),
        *("--count", 2, "--output", tmp_path / "n.csv"),
    )
    assert pl.read_csv(tmp_path / "n.csv").height == 2 * len(rows)
    with pytest.raises(ConfigError, match="give --run and --cache"):
        call("predict", "--run", run, "--output", tmp_path / "x.parquet")
    with pytest.raises(DataContractError, match=r"ending '\.csv', allowed are \['\.parquet'\]"):
        call("embed", *new, "--output", tmp_path / "e.csv")
