"""The configuration, checked at the door: every problem in one short message."""

import contextlib
import functools
import operator
import os
import sys
from pathlib import Path

import jsonschema
import yaml
from snakemake.io import contains_wildcard
from snakemake.utils import validate

from commandline.nearest import nearest
from commandline.shipped import HOME

CONFIG_SCHEMA = workflow.source_path("../schemas/config.schema.yaml")
VALIDATOR = jsonschema.Draft202012Validator(
    yaml.safe_load(Path(CONFIG_SCHEMA).read_text(encoding="utf-8"))
)


def put(place, value):
    """Set what lies at a place of the configuration, which is a sequence of keys."""
    *above, key = place
    functools.reduce(operator.getitem, above, config)[key] = value


def type_command_line():
    """Snakemake reads what `--config` nests as text: numbers become numbers again."""
    for error in VALIDATOR.iter_errors(config):
        is_number = "integer" in error.schema.get("type", ())  # or a word
        if isinstance(error.instance, str) and (error.validator == "type" or is_number):
            # What is no YAML stays text, which does not fit the schema either.
            with contextlib.suppress(yaml.YAMLError):
                put(error.absolute_path, yaml.safe_load(error.instance))


def paths_in(value, schema, place=()):
    """Every path in a part of the configuration, with its place; the schema says what is one."""
    kind = schema.get("$ref", "").rpartition("/")[2]
    if kind == "files" and isinstance(value, list):
        for number, each in enumerate(value):
            yield (*place, number), each
    elif kind in ("path", "path_or_null", "files"):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            for part in (schema, *schema.get("anyOf", ())):
                others = part.get("additionalProperties") or {}
                known = part.get("properties", {}).get(key, others)
                yield from paths_in(inner, known, (*place, key))


def paths_of_config():
    """Every path in the configuration that is a text, with its place."""
    found = paths_in(config, VALIDATOR.schema)
    return [(place, path) for place, path in found if isinstance(path, str) and path]


def expand_paths():
    """`~` and `$HOME` stand for folders; `null` on the command line is Snakemake's text."""
    for place, path in paths_of_config():
        there = str(Path(os.path.expanduser(os.path.expandvars(path))))
        put(place, None if path == "null" else there)


def error_in_words(error):
    """What is wrong, and what is allowed or was perhaps meant."""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [key for key in error.instance if key not in known]
        meant = "".join(f" {key}:{nearest(key, known)}" for key in unknown)
        if {"shared", "finetune"} & {*unknown} and "name" not in config:
            return "this is a recipe: a configuration names it in recipes."
        return f"{error.message}.{meant}"
    if error.validator == "anyOf" and not error.absolute_path:
        return "neither recipes nor size is there, which say how models are trained."
    if names := [each for each in error.context if each.validator == "enum"]:
        return error_in_words(names[0])
    if error.validator == "enum":
        return (
            f"found {error.instance!r}.{nearest(error.instance, error.validator_value)}"
        )
    if error.validator == "pattern":
        return f"{error.message}. Allowed: {error.schema['description']}"
    if error.validator == "type" and error.validator_value == "array":
        return (
            f"found {error.instance!r}, expected is a list in brackets, such as [0, 1]."
        )
    return f"{error.message}."


def config_problems():
    """What is wrong, where, and what is allowed there, one line each."""
    for error in VALIDATOR.iter_errors(config):
        place = ".".join(map(str, error.absolute_path)) or "top level"
        yield f"  {place}: {error_in_words(error)}\n"
    named = [(".".join(map(str, place)), path) for place, path in paths_of_config()]
    # Own rows lie beside their configuration.
    beside = workflow.configfiles if "rows" in config else ()
    files = [("configuration", path) for path in map(str, beside)]
    for place, path in [*named, *files]:
        if contains_wildcard(path):
            yield (
                f"  {place}: {path} has a word in braces, which Snakemake takes for a wildcard. "
                "Give the folder another name, or name a link to it that has no braces.\n"
            )


type_command_line()
expand_paths()

if problems := "".join(config_problems()):
    sources = ", ".join(map(str, workflow.configfiles)) or "the command line"
    sys.exit(
        f"error: the configuration ({sources}) does not fit its schema:\n{problems}"
        "config/README.md explains each key."
    )


def fill_in_recipes(sections):
    """`size` stands for a recipe of each data set that has a section of its own."""
    for family in sorted(sections) if "size" in config else ():
        if any((HOME / "config/recipes").glob(f"{family}-*.yaml")):
            recipe = f"config/recipes/{family}-{config['size']}.yaml"
            config["recipes"].setdefault(family, recipe)


sections = {*config}
validate(config, CONFIG_SCHEMA)  # fills in the defaults
fill_in_recipes(sections)
config.setdefault(
    "registry",
    f"config/experiments{'-rows' if 'rows' in sections else ''}.yaml",
)
