"""The names that a plan checks without the packages are those of the packages."""

import ast
import re
from typing import get_args

import pytest
import yaml

from preprocessing.datasets.amazon.card import describe_reviews
from preprocessing.datasets.mimic import card
from preprocessing.datasets.mimic.switches import Switches


def told(repository, family, key):
    """A list that a rule file registers of its data set."""
    text = (repository / f"workflow/rules/{family}.smk").read_text()
    return ast.literal_eval(re.search(rf"^    {key}=(\[.*?\]),$", text, re.M | re.S).group(1))


def described(path):
    """The tasks of rows that a description is of."""
    return list(yaml.safe_load(path.read_text())["rows"]["tasks"])


@pytest.fixture
def tasks(repository):
    challenge = repository / "preprocessing/datasets/physionet2012/description.yaml"
    return {
        "mimic": [task.name for task in card.TASKS],
        "amazon": [task.name for task in describe_reviews().tasks],
        "physionet2012": described(challenge),
        "control": described(repository / "synthetic/control.yaml"),
    }


def test_tasks_are_those_of_the_cards(repository, tasks):
    for family, names in tasks.items():
        assert told(repository, family, "tasks") == names


def test_subgroups_are_those_of_the_cards(repository):
    assert told(repository, "mimic", "subgroups") == [each.column for each in card.SUBGROUPS]
    challenge = repository / "preprocessing/datasets/physionet2012/description.yaml"
    described = yaml.safe_load(challenge.read_text())["rows"]["subgroups"]
    assert told(repository, "physionet2012", "subgroups") == described


def test_modalities_of_reviews_are_those_of_their_card(repository):
    assert set(told(repository, "amazon", "modalities")) == set(describe_reviews().modalities)


def test_switches_have_the_values_that_the_extraction_knows(repository):
    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    planned = {
        name: set(part["enum"]) for name, part in schema["$defs"]["switches"]["properties"].items()
    }
    known = Switches.model_fields.items()
    assert planned == {name: set(get_args(field.annotation)) for name, field in known}
