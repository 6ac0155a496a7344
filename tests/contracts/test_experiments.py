"""Every entry of the registry parses over every recipe and names a row of the paper."""

import csv

import pytest
import yaml

from lanistr.errors import ConfigError
from lanistr.paper import DATASETS
from lanistr.recipes import load_experiment

RECIPES = ["mimic-tiny", "mimic-paper", "amazon-tiny", "amazon-paper"]


def names(repository):
    return yaml.safe_load((repository / "config/experiments.yaml").read_text())


def family(entry):
    """The dataset without the category."""
    return entry["dataset"].split("/")[0]


@pytest.mark.parametrize("recipe", RECIPES)
def test_entries_parse_over_the_recipes_of_their_dataset(repository, recipe):
    registry = repository / "config/experiments.yaml"
    for name, entry in names(repository).items():
        if recipe.startswith(family(entry)):
            path = repository / f"config/recipes/{recipe}.yaml"
            assert load_experiment(registry, path, name).name == name


def test_rows_exist_in_the_paper(repository):
    with (repository / "config/paper_results.tsv").open() as lines:
        known = {
            (line["table"], line["row"], line["dataset"])
            for line in csv.DictReader(lines, delimiter="\t")
        }
    for entry in names(repository).values():
        dataset = DATASETS.get(entry["dataset"], entry["dataset"])
        for table, row in entry.get("rows", {}).items():
            assert (table, row, dataset) in known


def test_initial_weights_come_from_a_pretraining_entry_of_the_same_dataset(repository):
    entries = names(repository)
    for entry in entries.values():
        if "init" in entry:
            start = entries[entry["init"]]
            assert (start["stage"], family(start)) == ("pretrain", family(entry))


def test_table_5s_weights_of_the_losses_on_reviews(repository):
    files = (
        repository / "config/experiments.yaml",
        repository / "config/recipes/amazon-paper.yaml",
    )
    experiment = load_experiment(*files, "amazon-pretrain")
    assert experiment.losses == ("mlm", "mim", "mfm", "mmm")
    weights = [getattr(experiment.objectives, name) for name in experiment.losses]
    assert weights == [1, 1, 0.01, 0.5]
    fashion = load_experiment(*files, "amazon-fashion-lanistr")
    assert (fashion.classes, fashion.optim.lr, fashion.optim.batch_size) == (5, 5e-5, 32)


def test_an_unknown_key_is_refused_with_its_path(repository, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("finetune: {optim: {epochs: 1, batch_size: 1, lrr: 1}}")
    with pytest.raises(ConfigError, match=r"optim\.lrr: Extra inputs"):
        load_experiment(repository / "config/experiments.yaml", recipe, "mimic-lanistr")
