"""Estimates follow from a step's work and counts, and react to what changes them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from lanistr.__main__ import app
from lanistr.errors import ConfigError
from lanistr.experiments.cost import Counts, asked_about, counts_of, per_epoch
from lanistr.experiments.recipes import load_experiment, needed_for, read_registry
from lanistr.modality import Modality
from lanistr.training.budget import Cost, cost
from lanistr.training.plan import plan_of
from lanistr.training.work import Work

COUNTS = Counts(samples=1000, parallel=400, valid=100, test=200)
WORK = Work(
    step_flops=6.0,
    ask_flops=2.0,
    keep_flops=10.0,
    parameters=1000,
    trained=100,
    gpu_bytes=5000,
    kept_bytes={Modality.TEXT: 8, Modality.IMAGE: 16},
    batch_bytes=7,
)


@pytest.fixture(scope="module")
def paper(repository):
    def experiment(name):
        recipe = repository / f"config/recipes/{name.split('-')[0]}-paper.yaml"
        return load_experiment(repository / "config/experiments.yaml", recipe, name)

    return experiment


def test_every_epoch_learns_and_validates_and_frozen_encoders_read_once(paper):
    tuned = paper("mimic-lanistr")  # of the samples that have all modalities
    made = cost(tuned, COUNTS, WORK)
    assert made.samples == 500 * 400
    learned, validated = 500 * 400 * 6, 500 * 40 * 2
    assert made.flops == learned + validated + 80 * (2 + 10) + (400 + 40) * 10
    assert made.left_bytes == 4 * 1000
    state = 2 * 4 * 1000 + 2 * 4 * 100
    assert made.passing_bytes == 2 * state + (400 + 40) * (8 + 16)


def test_pretraining_predicts_nothing(paper):
    made = cost(paper("mimic-pretrain"), COUNTS, WORK)
    assert made.flops == 40 * (1000 * 6 + 100 * 2) + (1000 + 100) * 10


def test_simple_models_see_their_samples_once(paper, repository):
    registry = repository / "config/experiments.yaml"
    recipe = repository / "config/recipes/physionet2012-tiny.yaml"
    simple = load_experiment(registry, recipe, "physionet2012-boosting")
    assert cost(simple, COUNTS, None) == Cost(samples=1000)


def test_limited_epochs_validate_on_few(paper):
    limited = paper("mimic-pretrain").model_copy(
        update={"data": paper("mimic-pretrain").data.model_copy(update={"samples_per_epoch": 50})}
    )
    assert per_epoch(limited, COUNTS) == 50
    assert asked_about(limited, COUNTS, "valid") == 10
    assert asked_about(limited, COUNTS, "test") == 0


def test_medfuse_sees_each_radiograph_once(paper):
    made, counts = paper("mimic-medfuse-cxr"), Counts(1000, 400, images=90)
    assert per_epoch(made, counts) == 90
    assert cost(made, counts, WORK).samples == 100 * 90


def test_medfuse_learns_from_every_stay(paper):
    assert per_epoch(paper("mimic-medfuse"), COUNTS) == 1000
    assert per_epoch(paper("mimic-latefusion"), COUNTS) == 400


@pytest.mark.parametrize(
    ("name", "samples"),
    [("mimic-pretrain", 1000), ("mimic-pretrain-25", 250), ("mimic-pretrain-parallel", 400)],
)
def test_an_epoch_has_what_the_experiment_sees(paper, name, samples):
    assert per_epoch(paper(name), COUNTS) == samples
    assert cost(paper(name), COUNTS, WORK).samples == 40 * samples


def test_counts_are_the_papers_until_there_are_shards(repository, tmp_path):
    paper, manifest = repository / "config/paper_samples.tsv", tmp_path / "manifest.json"
    found = counts_of(manifest, paper, "mimic", "pretrain")
    assert (found.samples, found.parallel, found.images) == (3_680_784, 2_365_192, 377_110)
    assert found.rows[Modality.TEXT] == 331_794
    patterns = {"image+text": 30, "image": 5, "text": 7}
    category = {"pretrain": {"train": patterns, "valid": {"image": 99}}}
    tables = {"pictures": {"rows": 20}}
    card = {"modalities": {"image": {"table": "pictures", "key": "name"}}}
    told = {"counts": category, "tables": tables, "card": card, "image": {"channels": 3}}
    manifest.write_text(json.dumps(told))
    expected = Counts(42, 30, images=20, valid=99, rows={Modality.IMAGE: 20}, channels=3)
    assert counts_of(manifest, paper, "mimic", "pretrain") == expected
    manifest.write_text(json.dumps({**told, "counts": {"Office_Products": category}}))
    assert counts_of(manifest, paper, "amazon/Office_Products", "pretrain") == expected


def test_a_dataset_nobody_counted_is_refused(repository, tmp_path):
    paper = repository / "config/paper_samples.tsv"
    with pytest.raises(ConfigError, match=r"no manifest was given.*with --manifest"):
        counts_of(None, paper, "eicu", "finetune")
    with pytest.raises(ConfigError, match=r"no\.json is not there.*with --manifest"):
        counts_of(tmp_path / "no.json", paper, "eicu", "finetune")


def test_a_table_needs_its_pretraining_once_and_first(repository):
    entries = read_registry(repository / "config/experiments.yaml")
    names = needed_for(entries, "table4")
    assert len(names) == len(set(names)) == 9
    assert names.index("mimic-pretrain-25") < names.index("mimic-unlabeled-25")


def test_a_configuration_says_what_is_trained_and_how_often(repository, monkeypatch):
    monkeypatch.chdir(repository)
    config = Path("config")
    files = (config / "tables.yaml", config / "paper_samples.tsv", config / "full_columns.tsv")
    evening = plan_of(config / "evening.yaml", *files)
    assert evening.seeds == {f"table{number}": 3 for number in range(1, 5)}
    assert evening.processes == 1
    paper = plan_of(config / "paper.yaml", *files, tables=["table2"])
    assert (paper.seeds, paper.processes) == ({"table2": 5}, 8)
    assert "amazon-fashion-lanistr" in paper.runs()["table2"]
    assert paper.spec(paper.experiment("amazon-fashion-lanistr")).category_names
    generated = plan_of(config / "config.yaml", *files)
    with pytest.raises(ConfigError, match="nothing has no number of samples"):
        replace(generated, results=repository / "none").counts("mimic", "pretrain")


def test_the_command_tells_each_run_and_the_sum_of_all_seeds(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(repository)
    entry = {"dataset": "mimic", "modalities": ["text"]}
    registry, recipe = tmp_path / "registry.yaml", tmp_path / "recipe.yaml"
    row = {"stage": "finetune", "method": "latefusion", "rows": {"table1": "a row"}}
    registry.write_text(yaml.safe_dump({"one": {**entry, **row}}))
    size = {"hidden": 16, "layers": 1, "heads": 2, "intermediate": 16}
    shared = {"encoders": {"text": size}, "fusion": size, "optim": {"epochs": 1, "batch_size": 4}}
    recipe.write_text(yaml.safe_dump({"shared": shared}))
    asked = ["--registry", registry, "--recipe", recipe, "--table", "table1", "--seeds", "2"]
    told = CliRunner().invoke(app, ["cost", *map(str, asked), "--gpu-gb", "1"]).output
    (one,) = (line.split() for line in told.splitlines() if line.startswith("one "))
    (table,) = (line.split() for line in told.splitlines() if line.startswith("table1 "))
    assert one[1] == "25,071" and "more than a GPU has" not in told
    assert float(table[2]) == pytest.approx(2 * float(one[2]), abs=0.2)
    assert "cache of mimic" in told


def test_the_command_asks_for_what_it_needs():
    with pytest.raises(ConfigError, match="Give --config, or --recipe and --table"):
        CliRunner().invoke(app, ["cost"], catch_exceptions=False)
