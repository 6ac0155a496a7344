"""What stops a plan: raw files that are missing, and names that nothing has."""

import difflib
import re


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
        keys = " and ".join(
            REGISTERED[name].keys for name, found in missing.items() if found
        )
        section, _, key = REGISTERED[family].keys.split(",")[0].partition(".")
        # Leaving through SystemExit: Snakemake would wrap an exception of an
        # input function in a traceback and name the first rule's files only.
        sys.exit(
            f"error: the configuration '{config['name']}' needs raw files that are not there:\n"
            + "".join(lines)
            + f"Point {keys} to your copies, in the config file or with --config"
            f""" '{section}={{"{key}": "/data"}}'; README.md says how to obtain them."""
        )


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


def nearest(name, allowed):
    """What a wrong name may have been meant to be, and what is allowed."""
    close = difflib.get_close_matches(str(name), allowed, n=2)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"{meant} Allowed: {', '.join(sorted(allowed))}."


def unknown_names():
    """Names in the configuration and the registry that nothing has, one line each."""
    for family, recipe in config["recipes"].items():
        if family not in REGISTERED:
            yield f"recipes.{family}: no such data set.{nearest(family, REGISTERED)}"
        elif not shipped(recipe).is_file():
            folder = shipped(Path(recipe).parent)
            beside = [
                f"{Path(recipe).parent}/{path.name}" for path in folder.glob("*.yaml")
            ]
            yield f"recipes.{family}: {recipe} is not there.{nearest(recipe, beside)}"
    for table in set(config["table_seeds"]) - set(TABLES):
        yield f"table_seeds.{table}: no such table.{nearest(table, TABLES)}"
    for name in set(config.get("analysis") or ()) - set(REGISTRY):
        yield f"analysis: {name} is not in {config['registry']}.{nearest(name, REGISTRY)}"
    for name, entry in REGISTRY.items():
        yield from (
            f"{config['registry']}, {name}: {line}" for line in unknown_to(name, entry)
        )


def ancestors(name):
    """The experiments that an experiment starts from, and those that these start from."""
    found, todo = set(), [name]
    while todo:
        new = set(started_from(REGISTRY.get(todo.pop(), {}))) - found
        found |= new
        todo += new
    return found


def unknown_to(name, entry):
    """Names of one entry of the registry that nothing has or can have."""
    if not re.fullmatch(EXPERIMENT, str(name)):
        yield "names are of small letters, digits and hyphens."
    data = str(entry.get("dataset"))
    family = data.split("/")[0]
    if family not in REGISTERED:
        yield f"no data set {data}.{nearest(data, REGISTERED)}"
    elif family in config["recipes"] and registration(data).complete:
        if not is_at_hand(data):
            there = [*registration(data).data, *registration(data).extra]
            yield f"no data set {data}.{nearest(data, there)}"
    if (method := entry.get("method", "lanistr")) not in methods():
        yield f"no method {method}.{nearest(method, methods())}"
    elif entry.get("stage") not in methods()[method].stages:
        stages = ", ".join(methods()[method].stages)
        yield f"{method} has no stage {entry.get('stage')}. Allowed: {stages}."
    rows = entry.get("rows") or {}
    if not isinstance(rows, dict):
        yield "rows says which row of which table it is, such as {table1: LANISTR}."
        rows = {}
    for table in set(rows) - set(TABLES):
        yield f"no table {table}.{nearest(table, TABLES)}"
    if name in ancestors(name):
        yield "starts from itself; name another experiment in init, or none."
    for other in set(started_from(entry)) - set(REGISTRY):
        yield f"starts from {other}, which is not there.{nearest(other, REGISTRY)}"


def refuse_unknown_names():
    """Stop at names that nothing has, all in one message; called when all is registered."""
    if lines := [f"  {line}\n" for line in unknown_names()]:
        sys.exit(
            "error: the configuration or the registry names what is not there:\n"
            + "".join(lines)
            + "config/README.md explains the keys."
        )
