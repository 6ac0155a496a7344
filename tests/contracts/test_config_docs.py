"""config/README.md names every key that exists, and none that does not."""

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from lanistr.evaluation.layout import Layout
from lanistr.experiments.config import Experiment, Plateau

NAME = re.compile(r"`([a-z][a-z0-9_.]*)`")
SET_BY_THE_REGISTRY = {"name"}
TABLE_KEYS = set(Layout.model_fields)


@pytest.fixture(scope="module")
def documented(repository):
    """Keys named in the first cell of a table's row, each with the words in code of that row."""
    found: dict[str, set[str]] = {}
    for line in (repository / "config/README.md").read_text().splitlines():
        if line.startswith("| `"):
            first, rest = line[1:].split("|", 1)
            for key in NAME.findall(first):
                found.setdefault(key, set()).update(NAME.findall(rest))
    return found


@pytest.fixture(scope="module")
def settings(repository):
    path = repository / "workflow/schemas/config.schema.yaml"
    return set(keys_of_schema(yaml.safe_load(path.read_text())))


@pytest.fixture(scope="module")
def tables(repository):
    return yaml.safe_load((repository / "config/tables.yaml").read_text())


def keys_of_schema(schema: dict, above: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        yield f"{above}{name}"
        yield from keys_of_schema(part, f"{above}{name}.")


def keys_of_model(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of_model(field.annotation, f"{above}{name}.")


def keys_of_experiments() -> set[str]:
    plateau = {f"optim.schedule.{name}" for name in Plateau.model_fields}
    return (set(keys_of_model(Experiment)) | plateau) - SET_BY_THE_REGISTRY


def is_documented(key: str, documented: dict[str, set[str]]) -> bool:
    """A row is about the key, or names it as a part of what it is about."""
    above, _, name = key.rpartition(".")
    parts = any(other.startswith(f"{key}.") for other in documented)
    return key in documented or name in documented.get(above, ()) or parts


def test_every_setting_is_documented(documented, settings):
    assert not {key for key in settings if not is_documented(key, documented)}


def test_every_key_of_an_experiment_is_documented(documented):
    assert not {key for key in keys_of_experiments() if not is_documented(key, documented)}


def test_nothing_else_is_documented(documented, settings, tables):
    layers = {"shared", "pretrain", "finetune", "like", "without"}
    targets = {
        "all",
        "shards",
        "tables",
        "metrics",
        "audit",
        "analysis",
        "effects",
        "figures",
        "report",
    }
    known = settings | keys_of_experiments() | layers | targets | TABLE_KEYS | set(tables)
    assert not set(documented) - known


def test_every_table_has_known_keys(tables):
    for entry in tables.values():
        assert set(entry) <= TABLE_KEYS
        Layout.model_validate(entry)
