"""The road of reviews as a whole: from shards to Table 2."""

import csv
import json

import polars as pl
import pytest
import yaml
from sklearn.metrics import accuracy_score
from typer.testing import CliRunner

from lanistr.__main__ import app
from tests.lanistr.review_shards import STAGES, write_reviews
from tests.lanistr.shards import ENCODERS, TINY

ALL = ["text", "image", "tabular"]
OFFICE = {"stage": "pretrain", "dataset": "amazon/Office_Products"}
BEAUTY = {"stage": "finetune", "dataset": "amazon/All_Beauty"}
AS_TEXT = {"modalities": ["text", "image"], "data": {"columns_as_text": True}}
REGISTRY = {
    "pre": {**OFFICE, "modalities": ALL},
    "pre-tab2txt": {**OFFICE, **AS_TEXT},
    "late": {**BEAUTY, "method": "latefusion", "modalities": ALL, "rows": {"table2": "LateFusion"}},
    "tab2txt": {**BEAUTY, **AS_TEXT, "init": "pre-tab2txt", "rows": {"table2": "LANISTR Tab2Txt"}},
    "full": {**BEAUTY, "modalities": ALL, "init": "pre", "rows": {"table2": "LANISTR"}},
}
OPTIM = {"epochs": 1, "batch_size": 16}
RECIPE = {
    "shared": {
        "encoders": {
            "text": {**TINY, "max_tokens": 48, "vocab_size": 90},
            "image": ENCODERS["image"],
            "tabular": {"hidden": 8, "steps": 2},
        },
        "fusion": TINY,
    },
    "pretrain": {
        "objectives": {"mfm": 0.01, "mtm": 0, "projector_hidden": 16, "predictor_hidden": 8},
        "optim": OPTIM,
    },
    "finetune": {"optim": OPTIM},
}


def call(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def results(tmp_path_factory, repository):
    """Everything that the workflow would make."""
    top = tmp_path_factory.mktemp("road")
    write_reviews(top / "shards", reviews=100)
    (top / "registry.yaml").write_text(yaml.safe_dump(REGISTRY, sort_keys=False))
    (top / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    made = ["--manifest", top / "shards/manifest.json", "--recipe", top / "recipe.yaml"]
    for category in STAGES:
        first = ["--vocabulary", top / "cache/amazon/Office_Products"] * (category == "All_Beauty")
        output = top / f"cache/amazon/{category}"
        call("cache", *made, "--category", category, *first, "--output-dir", output)
    for name in REGISTRY:
        train(top, name)
    files = [arg for kind in ("csv", "md", "tex") for arg in (f"--{kind}", top / f"table2.{kind}")]
    call(
        *("table", "--table", "table2", "--results", top, "--seed", 0, "--resamples", 50),
        *("--registry", top / "registry.yaml"),
        *("--manifest", top / "shards/All_Beauty/manifest.json"),
        *("--paper", repository / "config/paper_results.tsv", *files),
    )
    return top


def train(top, name):
    entry, run = REGISTRY[name], top / f"runs/{name}/seed0"
    cache = top / "cache" / entry["dataset"]
    init = top / f"runs/{entry.get('init')}/seed0/checkpoint.safetensors"
    call(
        *("train", "--registry", top / "registry.yaml", "--recipe", top / "recipe.yaml"),
        *("--experiment", name, "--seed", 0, "--cache", cache, "--output-dir", run),
        *(["--init", init] if "init" in entry else []),
        *("--device", "cpu", "--threads", 1),
    )
    if entry["stage"] == "finetune":
        predictions = top / f"predictions/{name}/seed0.parquet"
        call("predict", "--run", run, "--cache", cache, "--output", predictions)
        metrics = top / f"metrics/{name}/seed0.json"
        files = ("--predictions", predictions, "--cache", cache, "--output", metrics)
        call("evaluate", *files, "--resamples", 50)


def read_table(results):
    with (results / "table2.csv").open() as lines:
        return {(row["row"], row["dataset"]): row for row in csv.DictReader(lines)}


def test_pretraining_has_the_losses_of_its_modalities(results):
    for name, losses in {
        "pre": {"mlm", "mim", "mfm", "mmm"},
        "pre-tab2txt": {"mlm", "mim", "mmm"},
    }.items():
        record = json.loads((results / f"runs/{name}/seed0/history.jsonl").read_text())
        assert {key.split("/")[1] for key in record if key.startswith("loss/")} == losses


def test_a_run_is_selected_by_its_accuracy_on_the_validation_split(results):
    record = json.loads((results / "runs/full/seed0/history.jsonl").read_text())
    assert 0 <= record["valid/accuracy"] <= 1
    assert "valid/auroc" not in record


def test_predictions_hold_a_probability_per_star(results):
    for name in ("late", "tab2txt", "full"):
        table = pl.read_parquet(results / f"predictions/{name}/seed0.parquet")
        assert table["answer"].dtype == pl.Array(pl.Float64, 5)
        assert table.height == 20
        assert (table["answer"].arr.sum() - 1).abs().max() < 1e-9


def test_the_table_follows_from_the_predictions(results):
    rows = read_table(results)
    for name, method in {"late": "LateFusion", "full": "LANISTR"}.items():
        table = pl.read_parquet(results / f"predictions/{name}/seed0.parquet")
        label, predicted = table["label"].arr.first(), table["answer"].arr.arg_max()
        row = rows[method, "beauty"]
        assert float(row["mean"]) == pytest.approx(100 * accuracy_score(label, predicted))
        majority = label.value_counts()["count"].max() / 20
        assert float(row["majority_rate"]) == float(row["trivial"]) == pytest.approx(100 * majority)
        assert (row["metric"], row["n_test"], row["n_subjects"]) == ("accuracy", "20", "4")
        assert row["auprc"] == row["prevalence"] == row["n_positive"] == ""
        assert 0 <= float(row["macro_f1"]) <= 100


def test_no_row_of_the_paper_vanishes(results):
    rows = read_table(results)
    assert len(rows) == 16
    assert {name for name, _ in rows} >= {"AutoGluon-MLP", "ALBEF", "ALBEF Tab2Txt"}
    built = [key for key, row in rows.items() if row["status"] == "ok"]
    assert built == [
        (REGISTRY[name]["rows"]["table2"], "beauty") for name in ("late", "tab2txt", "full")
    ]
    assert rows["LANISTR", "beauty"]["paper"] == "76.27"
    assert rows["LANISTR", "fashion"]["status"] == "not built"
    for kind in ("md", "tex"):
        text = (results / f"table2.{kind}").read_text()
        assert "Majority class" in text and "Macro F1" in text and "bootstrap over products" in text
        assert "AUPRC" not in text
        assert "may name the label (leaky)" in text
