"""The schema's section rows and the description that preprocessing reads are one contract."""

import typing

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from preprocessing.datasets.rows.description import Column, Description, Question, Series, Split
from preprocessing.datasets.rows.init import write_configuration
from tests.preprocessing.own_rows import write_own


@pytest.fixture(scope="module")
def schema(repository):
    return yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture(scope="module")
def section(schema):
    return schema["properties"]["rows"]


def parts(section):
    """Each part of the schema with its model."""
    properties = section["properties"]
    return [
        (section, Description),
        (properties["split"], Split),
        (properties["series"], Series),
        (properties["tasks"]["additionalProperties"], Question),
        (properties["columns"]["additionalProperties"]["anyOf"][1], Column),
    ]


def literals(model: type[BaseModel]) -> dict[str, list]:
    """The values that fields with a choice allow."""
    return {
        name: list(typing.get_args(field.annotation))
        for name, field in model.model_fields.items()
        if typing.get_origin(field.annotation) is typing.Literal
    }


def test_both_have_the_same_keys(section):
    for part, model in parts(section):
        fields = {name for name, field in model.model_fields.items() if not field.exclude}
        assert set(part["properties"]) == fields
        assert part["additionalProperties"] is False


def test_both_require_the_same_keys(section):
    for part, model in parts(section):
        required = {name for name, field in model.model_fields.items() if field.is_required()}
        assert set(part.get("required", [])) == required


def test_both_allow_the_same_choices(schema, section):
    for part, model in parts(section):
        for name, allowed in literals(model).items():
            told = part["properties"][name]
            told = schema["$defs"]["column"] if "$ref" in told else told
            assert sorted(told["enum"]) == sorted(allowed)


def test_a_configuration_that_init_writes_fits_the_schema(schema, tmp_path):
    path = write_own(tmp_path)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.safe_load(path.read_text()) | {"size": "tiny"})
    guessed = tmp_path / "guessed.yaml"
    write_configuration(tmp_path / "parcels.csv", "late", guessed)
    validator.validate(yaml.safe_load(guessed.read_text()))
