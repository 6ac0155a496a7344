"""Every entry of the registry parses over every recipe and names a row of the paper."""

import csv

import pytest
import yaml

from lanistr.config import load_experiment
from lanistr.errors import ConfigError

RECIPES = ["mimic-tiny", "mimic-paper"]


def names(repository):
    return yaml.safe_load((repository / "config/experiments.yaml").read_text())


@pytest.mark.parametrize("recipe", RECIPES)
def test_entries_parse_over_the_recipes_of_their_dataset(repository, recipe):
    registry = repository / "config/experiments.yaml"
    for name, entry in names(repository).items():
        if recipe.startswith(entry["dataset"]):
            path = repository / f"config/recipes/{recipe}.yaml"
            assert load_experiment(registry, path, name).name == name


def test_rows_exist_in_the_paper(repository):
    with (repository / "config/paper_results.tsv").open() as lines:
        known = {(line["table"], line["row"]) for line in csv.DictReader(lines, delimiter="\t")}
    for entry in names(repository).values():
        if "table" in entry:
            assert (entry["table"], entry["row"]) in known


def test_initial_weights_come_from_a_pretraining_entry_of_the_same_dataset(repository):
    entries = names(repository)
    for entry in entries.values():
        if "init" in entry:
            start = entries[entry["init"]]
            assert (start["stage"], start["dataset"]) == ("pretrain", entry["dataset"])


def test_an_unknown_key_is_refused_with_its_path(repository, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("finetune: {optim: {epochs: 1, batch_size: 1, lrr: 1}}")
    with pytest.raises(ConfigError, match=r"optim\.lrr: Extra inputs"):
        load_experiment(repository / "config/experiments.yaml", recipe, "mimic-lanistr")
