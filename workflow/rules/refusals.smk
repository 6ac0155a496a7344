"""What stops a plan before it is made: raw files and rows that are not there, unknown targets."""

import re

from snakemake.cli import get_argument_parser
from snakemake.io import contains_wildcard

from commandline.nearest import nearest


def refuse_missing(family, *wanted):
    """Stop if raw files of a data set are missing; the message names those of the others too.

    `wanted` are needed besides what every target of the data set reads.
    """
    missing = {
        name: REGISTERED[name].missing(*(wanted if name == family else ()))
        for name in config["recipes"]
    }
    if missing.get(family):
        lines = [f"  {line}\n" for found in missing.values() for line in found]
        lacking = [REGISTERED[name] for name, found in missing.items() if found]
        keys = " and ".join(each.keys for each in lacking)
        pages = " and ".join(each.page for each in lacking)
        hints = [line for name in missing for line in other_roots(name, missing[name])]
        section, _, key = REGISTERED[family].keys.split(",")[0].partition(".")
        # Leaving through SystemExit: Snakemake would wrap an exception of an
        # input function in a traceback and name the first rule's files only.
        sys.exit(
            f"error: the configuration '{config['name']}' needs raw files that are not there:\n"
            + "".join(lines + hints)
            + f"Point {keys} to your copies, in the config file or with --config"
            f""" '{section}={{"{key}": "/data"}}'. How to obtain them: {pages}."""
        )


def other_roots(family, missing):
    """Where what is missing lies, if that is one folder above or below the one that is named."""
    for section, key in re.findall(r"(\w+)\.(\w+)", REGISTERED[family].keys):
        named = config.get(section, {}).get(key)
        if not isinstance(named, str):
            continue
        below = {
            Path(line).relative_to(named).parts[0].split(" ")[0]
            for line in missing
            if Path(line).is_relative_to(named)
        }
        folders = [Path(named).parent, *sorted(Path(named).glob("*/"))]
        for folder in folders if below else ():
            if all((folder / name).exists() for name in below):
                yield f"{section}.{key} is {named}; there are {', '.join(sorted(below))} in {folder}: give that.\n"


def refuse_without_rows(table):
    """Stop if the configuration has nothing to show in a table."""
    if not rows_of(table):
        family = TABLES[table]["data"]
        has = f"has data of {', '.join(config['recipes'])}"
        sys.exit(
            f"error: {table} shows experiments on {family}; the configuration '{config['name']}'"
            f" {has}, and {config['registry']} no row of the table that can be trained on it. "
            f"Give recipes.{family} and its data, or a row: config/README.md says how."
        )


def refuse_without_recipes():
    """Stop if there is nothing to train, as no data set has a recipe."""
    if not config["recipes"]:
        sections = ", ".join(sorted(REGISTERED))
        sys.exit(
            f"error: the configuration '{config['name']}' has no recipe, so there is nothing to make. "
            "Name one in `recipes`, such as recipes: {mimic: config/recipes/mimic-tiny.yaml}, or give "
            f"`size` a section of a data set beside it: {sections}."
        )


def asked_targets():
    """The targets of the command line, which Snakemake tells when the plan is made and no sooner."""
    is_command = Path(sys.argv[0]).stem in ("snakemake", "__main__")
    if not (
        is_command
        and workflow.is_main_process
        and workflow.modifier.is_main_snakefile()
    ):
        return []
    return get_argument_parser().parse_known_args(sys.argv[1:])[0].targets or []


def refuse_unknown_targets():
    """Stop at targets that no rule makes, with the nearest; Snakemake names none."""
    rules_there = list(workflow.rules)
    names = [rule.name for rule in rules_there]
    for target in map(str, asked_targets()):
        if target in names or os.path.exists(target):
            continue
        if not any(rule.is_producer(target) for rule in rules_there):
            files = [str(file) for rule in rules_there for file in rule.output]
            known = [file for file in files if not contains_wildcard(file)]
            allowed = [*known, *forms_of(TABLES)] if "/" in target else all_targets()
            sys.exit(
                f"error: {target}: there is no such target.{nearest(target, allowed)} "
                "config/README.md says what each makes."
            )


def all_targets():
    """The names that may be asked for."""
    return ["all", *TARGETS, *TABLES]
