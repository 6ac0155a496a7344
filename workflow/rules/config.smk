"""The configuration, checked at the door: every problem in one short message."""

import functools
import operator
import sys
from pathlib import Path

import jsonschema
import yaml
from snakemake.utils import validate

CONFIG_SCHEMA = workflow.source_path("../schemas/config.schema.yaml")
VALIDATOR = jsonschema.Draft202012Validator(
    yaml.safe_load(Path(CONFIG_SCHEMA).read_text(encoding="utf-8"))
)


def type_command_line():
    """Snakemake reads what `--config` nests as text: numbers become numbers again."""
    for error in VALIDATOR.iter_errors(config):
        if error.validator == "type" and isinstance(error.instance, str):
            *path, key = error.absolute_path
            value = yaml.safe_load(error.instance)
            functools.reduce(operator.getitem, path, config)[key] = value


def config_problems():
    """What is wrong, where, and what is allowed there, one line each."""
    for error in VALIDATOR.iter_errors(config):
        place = ".".join(map(str, error.absolute_path)) or "top level"
        allowed = (
            f" Allowed: {', '.join(error.schema['properties'])}."
            if error.validator == "additionalProperties"
            else ""
        )
        yield f"  {place}: {error.message}.{allowed}\n"


type_command_line()

if problems := "".join(config_problems()):
    sources = ", ".join(map(str, workflow.configfiles)) or "the command line"
    sys.exit(
        f"error: the configuration ({sources}) does not fit its schema:\n{problems}"
        "config/README.md explains each key."
    )


def fill_in_recipes(sections):
    """`size` stands for a recipe of each data set that has a section of its own."""
    for family in sorted(sections) if "size" in config else ():
        if any(Path("config/recipes").glob(f"{family}-*.yaml")):
            recipe = f"config/recipes/{family}-{config['size']}.yaml"
            config["recipes"].setdefault(family, recipe)


sections = {*config}
validate(config, CONFIG_SCHEMA)  # fills in the defaults
fill_in_recipes(sections)
config.setdefault(
    "registry",
    f"config/experiments{'-rows' if 'rows' in sections else ''}.yaml",
)
