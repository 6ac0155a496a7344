"""The command line: fast to answer, one message for what is wrong, and the road as a whole."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from lanistr.__main__ import app
from tests.lanistr.processes import exit_code, started, tell_imports
from tests.lanistr.shards import ENCODERS, TINY, write_shards

ALL = ["text", "image", "timeseries"]
REGISTRY = {
    "pre": {"stage": "pretrain", "dataset": "mimic", "modalities": ALL},
    "full": {
        "stage": "finetune",
        "dataset": "mimic",
        "modalities": ALL,
        "init": "pre",
        "rows": {"table1": "LANISTR"},
    },
    "late": {
        "stage": "finetune",
        "method": "latefusion",
        "dataset": "mimic",
        "modalities": ALL,
        "rows": {"table1": "LateFusion"},
    },
}
RECIPE = {
    "shared": {"encoders": ENCODERS, "fusion": TINY},
    "pretrain": {
        "objectives": {"projector_hidden": 16, "predictor_hidden": 8},
        "optim": {"epochs": 1, "batch_size": 16},
    },
    "finetune": {"optim": {"epochs": 1, "batch_size": 16}},
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump(REGISTRY))
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    write_shards(tmp_path / "shards", stays=60)
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def make_cache(files):
    call(
        *("cache", "--manifest", files / "shards/manifest.json", "--recipe", files / "recipe.yaml"),
        *("--output-dir", files / "cache", "--threads", 1),
    )


def train_command(files, name, output, *more):
    words = ["train", "--registry", files / "registry.yaml", "--recipe", files / "recipe.yaml"]
    words += ["--seed", 0, "--cache", files / "cache", "--device", "cpu", "--threads", 1]
    return list(map(str, [*words, "--experiment", name, "--output-dir", output, *more]))


def test_the_whole_road(files, repository):
    make_cache(files)
    for name in ("pre", "full", "late"):
        output = files / f"runs/{name}/seed0"
        init = ["--init", files / "runs/pre/seed0/checkpoint.safetensors"] if name == "full" else []
        call(*train_command(files, name, output, *init))
        left = {path.name for path in output.iterdir()}
        assert left == {".lock", "checkpoint.safetensors", "experiment.json", "history.jsonl"}
    for name in ("full", "late"):
        predictions = files / f"predictions/{name}/seed0.parquet"
        run = files / f"runs/{name}/seed0"
        call("predict", "--run", run, "--cache", files / "cache", "--output", predictions)
        call(
            *("evaluate", "--predictions", predictions, "--cache", files / "cache"),
            *("--output", files / f"metrics/{name}/seed0.json", "--resamples", 50),
        )
    call(
        *("table", "--table", "table1", "--results", files, "--seed", 0, "--resamples", 50),
        *("--registry", files / "registry.yaml", "--manifest", files / "shards/manifest.json"),
        *("--paper", repository / "config/paper_results.tsv", "--csv", files / "t.csv"),
        *("--md", files / "t.md", "--tex", files / "t.tex"),
    )
    text = (files / "t.md").read_text()
    for row in ("| LANISTR |", "| LateFusion |", "| MedFuse | not built"):
        assert row in text
    story = json.loads((files / "runs/full/seed0/experiment.json").read_text())
    assert story["experiment"]["optim"]["epochs"] == 1


def test_all_that_a_training_imports_is_preloaded_but_what_starts_threads(files):
    make_cache(files)
    command = train_command(files, "late", files / "run", "--predictions", files / "p.parquet")
    assert exit_code(started(tell_imports, command, files / "imports.json")) == 0
    assert (files / "p.parquet").exists()
    before, late = map(set, json.loads((files / "imports.json").read_text()))
    assert not before & {"polars", "duckdb"}
    assert late <= {"lanistr", "typer", "torch", "polars", "_polars_runtime_32"}


def python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "module",
    [
        "__main__",
        "experiments.config",
        "data.cache",
        "data.tokenizer",
        "evaluation.predictions",
        "evaluation.tables",
        "evaluation.render",
    ],
)
def test_what_needs_no_tensors_does_not_import_torch(module):
    heavy = "{'torch', 'transformers', 'sklearn', 'duckdb'} & set(sys.modules)"
    done = python(f"import sys, lanistr.{module}; sys.exit(str({heavy}) if {heavy} else 0)")
    assert done.returncode == 0, done.stderr


def test_what_is_wrong_is_one_message_and_a_failure(files):
    make_cache(files)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lanistr", "train", "--registry", files / "registry.yaml"),
            *("--recipe", files / "recipe.yaml", "--experiment", "pree", "--seed", "0"),
            *("--cache", files / "cache", "--output-dir", files / "run"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "has no experiment 'pree'. Did you mean pre? Allowed: full, late, pre." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (files / "run").exists()


def test_evaluation_works_where_torch_is_not_installed(files):
    make_cache(files)
    code = """
import json, sys
sys.modules["torch"] = None
from dataclasses import asdict
from pathlib import Path
from dataclasses import replace
from lanistr.data.cache import open_cache
from lanistr.evaluation.predictions import evaluate
from tests.lanistr.made_predictions import MORTALITY, of_cache, write
folder = Path(sys.argv[1])
made = of_cache(open_cache(folder / "cache"), MORTALITY)
write(folder / "p", replace(made, answer=0 * made.answer + 0.5))
evaluate(folder / "p", folder / "cache", folder / "m.json", 10)
"""
    done = python(code, files)
    assert done.returncode == 0, done.stderr
    assert json.loads((files / "m.json").read_text())["metrics"]["auroc"]["value"] == 0.5
