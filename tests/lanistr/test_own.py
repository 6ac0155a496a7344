"""Own rows from a csv file to answers, through the command line and in Python."""

import json
import sys

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

import lanistr
from lanistr.__main__ import app
from lanistr.errors import ConfigError, ProcessError
from lanistr.fitting import read_settings, summarise_calibration, write_value
from lanistr.inference.predictor import Predictor
from lanistr.own import find_description, fit_model
from tests.lanistr.made_predictions import MORTALITY

RECIPE = {
    "shared": {
        "encoders": {
            "text": {
                **{"hidden": 16, "layers": 1, "heads": 2, "intermediate": 32},
                **{"max_tokens": 16, "vocab_size": 200, "dropout": 0.0},
            },
            "tabular": {"hidden": 8, "steps": 2},
            "timeseries": {
                **{"hidden": 16, "layers": 1, "heads": 2, "intermediate": 32, "dropout": 0.0},
            },
        },
        "fusion": {"hidden": 16, "layers": 1, "heads": 2, "intermediate": 32},
    },
    "pretrain": {
        "objectives": {"mfm": 0.01, "projector_hidden": 16, "predictor_hidden": 8},
        "optim": {"lr": 1.0e-3, "epochs": 1, "batch_size": 32},
    },
    "finetune": {
        "freeze": "none",
        "optim": {"lr": 1.0e-3, "epochs": 1, "batch_size": 32},
    },
}


def boilers(count):
    """Readings of boilers whose remaining life follows from their pressure."""
    draw = np.random.default_rng(0)
    pressure = draw.normal(10, 2, count)
    rows = pl.DataFrame(
        {
            "boiler": [f"b{number:03}" for number in range(count)],
            "remark": draw.choice(["hums as ever", "a rattle at night", "runs warm"], count),
            "maker": draw.choice(["Acme", "Bolt", "Cask"], count),
            "pressure": pressure.round(2),
            "life": (100 - 5 * pressure + draw.normal(0, 6, count)).round(2),
        }
    )
    series = pl.DataFrame(
        {
            "boiler": np.repeat(rows["boiler"].to_numpy(), 6),
            "hour": np.tile(np.arange(6), count),
            "variable": "heat",
            "value": draw.normal(60, 5, 6 * count).round(1),
        }
    )
    return rows, series


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows, measurements, and a configuration that init wrote and a person completed."""
    folder = tmp_path_factory.mktemp("boilers")
    rows, series = boilers(120)
    rows.write_csv(folder / "rows.csv")
    series.write_csv(folder / "heat.csv")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    asked = ["init", str(folder / "rows.csv"), "--label", "life", "-o", str(folder / "own.yaml")]
    done = CliRunner().invoke(app, [*asked, "--series", str(folder / "heat.csv")])
    assert done.exit_code == 0, done.output
    told = yaml.safe_load((folder / "own.yaml").read_text())
    told["recipes"] = {"rows": str(folder / "recipe.yaml")}
    told["bootstrap"] = 50
    (folder / "own.yaml").write_text(yaml.safe_dump(told))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    asked = ["fit", str(folder / "own.yaml"), "-o", str(folder / "model")]
    done = CliRunner().invoke(app, [*asked, "--work-dir", str(folder / "work"), "--threads", "1"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "MAE" in done.output and "test rows" in done.output
    return folder / "model"


def test_init_guesses_a_regression_with_a_series(folder):
    rows = yaml.safe_load((folder / "own.yaml").read_text())["rows"]
    assert rows["tasks"]["life"]["kind"] == "regression"
    assert rows["id"] == "boiler" and rows["series"]["step_hours"] == 1
    assert rows["columns"] == {"remark": "category", "maker": "category", "pressure": "number"}


def test_the_report_says_what_a_constant_answer_reaches(model):
    told = json.loads((model / "test.json").read_text())
    assert told["task"] == "life" and told["n"] > 10
    assert set(told["metrics"]) == {"mae", "r2"} and told["trivial"] > 0


def test_files_and_frames_get_the_same_answers_row_by_row(folder, model):
    rows, series = boilers(120)
    new = rows.drop("life").tail(7).reverse()
    new.write_csv(folder / "new.csv")
    heat = series.filter(pl.col("boiler").is_in(new["boiler"].to_list()))
    heat.write_csv(folder / "new_heat.csv")
    asked = ["predict", str(model), str(folder / "new.csv"), "-o", str(folder / "answers.csv")]
    done = CliRunner().invoke(app, [*asked, "--series", str(folder / "new_heat.csv")])
    assert done.exit_code == 0, (done.output, done.exception)
    answers = pl.read_csv(folder / "answers.csv")
    assert answers["sample_id"].to_list() == new["boiler"].to_list()
    predictor = Predictor.from_pretrained(model)
    again = predictor.predict(new, heat)["prediction"]
    assert np.allclose(answers["prediction"], again)
    assert np.allclose(again, predictor.predict(new.to_pandas(), heat.to_pandas())["prediction"])


def test_new_rows_are_read_as_the_training_rows_were(folder, model):
    predictions = pl.read_parquet(folder / "work/predictions.parquet").sort("sample_id")
    samples = pl.read_parquet(folder / "work/shards/samples/part-00000.parquet")
    names = predictions.join(samples, on="sample_id", how="left")["row_id"].to_list()
    rows, series = boilers(120)
    asked = pl.DataFrame({"boiler": names}).join(rows, on="boiler", maintain_order="left")
    heat = series.filter(pl.col("boiler").is_in(names))
    answers = Predictor.from_pretrained(model).predict(asked.drop("life"), heat)
    told = predictions["answer"].to_numpy()[:, 0]
    assert np.allclose(answers["prediction"], told, rtol=1e-4, atol=1e-4)


def test_what_is_trained_is_not_trained_again(folder, model, caplog):
    caplog.set_level("INFO")
    fit_model(folder / "own.yaml", folder / "again", work_dir=folder / "work", threads=1)
    assert caplog.text.count("trained already") == 2
    same = (model / "model.safetensors").read_bytes()
    assert (folder / "again/model.safetensors").read_bytes() == same


def test_a_frame_is_described_by_its_label(tmp_path):
    rows, _ = boilers(60)
    with pytest.raises(ConfigError, match="label"):
        find_description(rows, None, "tiny", tmp_path)
    told = find_description(rows.to_pandas(), "life", "small", tmp_path)
    assert read_settings(told).recipe.name == "rows-small.yaml"
    with pytest.raises(ProcessError, match=r"lief.*column 5"):
        find_description(rows, "lief", "tiny", tmp_path)


def test_a_configuration_without_rows_or_with_another_size_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("name: own\n")
    with pytest.raises(ConfigError, match="no section rows"):
        read_settings(path)
    path.write_text("size: huge\nrows: {}\n")
    with pytest.raises(ConfigError, match=r"rows-huge\.yaml.*tiny, small and paper"):
        read_settings(path)


def test_the_package_offers_fit_and_loads_torch_no_sooner():
    assert lanistr.fit.__name__ == "fit" and "lanistr.own" in sys.modules
    with pytest.raises(AttributeError, match="fitt"):
        _ = lanistr.fitt


def test_a_value_without_an_interval_is_told_alone():
    told = {"value": 2.5, "low": None, "high": None}
    assert write_value(told, 1, "hours") == "2.50 hours"


def test_the_test_report_tells_how_far_probabilities_hold():
    measures = {"ece": {"value": 0.08}, "brier": {"value": 0.12}, "nll": {"value": 0.4}}
    fitted = {"value": 1.42, "samples": 500, "why_kept": None}
    told = {"temperature": fitted, "before": measures, "after": {**measures, "nll": {"value": 0.3}}}
    line = summarise_calibration(told, MORTALITY)
    assert "temperature of 1.42, fitted on 500 validation rows" in line
    assert line.endswith("Brier score 0.120, 0.120; negative log-likelihood 0.400, 0.300")
    kept = {"value": 1.0, "samples": 9, "why_kept": "9 validation samples"}
    line = summarise_calibration({**told, "temperature": kept}, MORTALITY)
    assert "not calibrated (9 validation samples)" in line and line.endswith("likelihood 0.400")
