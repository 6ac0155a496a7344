"""The configuration, checked at the door: every problem in one short message."""

import sys

import jsonschema
import yaml
from snakemake.utils import validate

CONFIG_SCHEMA = workflow.source_path("../schemas/config.schema.yaml")


def config_problems():
    """What is wrong, where, and what is allowed there, one line each."""
    schema = yaml.safe_load(open(CONFIG_SCHEMA))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(config):
        place = ".".join(map(str, error.absolute_path)) or "top level"
        allowed = (
            f" Allowed: {', '.join(error.schema['properties'])}."
            if error.validator == "additionalProperties"
            else ""
        )
        yield f"  {place}: {error.message}.{allowed}\n"


if problems := "".join(config_problems()):
    sources = ", ".join(map(str, workflow.configfiles)) or "the command line"
    sys.exit(
        f"error: the configuration ({sources}) does not fit its schema:\n{problems}"
        "config/README.md explains each key."
    )

validate(config, CONFIG_SCHEMA)  # fills in the defaults
