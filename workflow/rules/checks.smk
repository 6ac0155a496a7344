"""Whether the configuration, the registry, recipes and tables fit each other, in one message."""

import re

from lanistr.evaluation.layout import read_layouts
from lanistr.experiments.checks import check_entry, check_recipe, check_whole
from lanistr.modality import Modality

TABLES_FILE = "config/tables.yaml"


def unfit_tables():
    """What is wrong with tables and with what the configuration says of them."""
    try:
        layouts = read_layouts(shipped(TABLES_FILE))
    except LanistrError as error:
        yield str(error)
        return
    for name, layout in layouts.items():
        if layout.family not in REGISTERED:
            yield f"{TABLES_FILE}, {name}: no data set {layout.data}.{nearest(layout.data, REGISTERED)}"
        elif layout.task and layout.task not in (
            tasks := registration(layout.data).tasks
        ):
            yield f"{TABLES_FILE}, {name}: no task {layout.task}.{nearest(layout.task, tasks)}"
        for other in set(layout.also) - {*all_targets()}:
            yield f"{TABLES_FILE}, {name}: no target {other}.{nearest(other, all_targets())}"
    for table in set(config["table_seeds"]) - set(TABLES):
        yield f"table_seeds.{table}: no such table.{nearest(table, TABLES)}"


def unfit_recipes():
    """What is wrong with recipes by themselves."""
    for family, recipe in config["recipes"].items():
        if family not in REGISTERED:
            yield f"recipes.{family}: no such data set.{nearest(family, REGISTERED)}"
        elif not shipped(recipe).is_file():
            folder = shipped(Path(recipe).parent)
            beside = [
                f"{Path(recipe).parent}/{path.name}" for path in folder.glob("*.yaml")
            ]
            yield f"recipes.{family}: {recipe} is not there.{nearest(recipe, beside)}"
        else:
            yield from unfit_recipe(family, recipe)


def unfit_recipe(family, recipe):
    """What is wrong with a recipe of a data set."""
    of = [name for name, other in config["recipes"].items() if other == recipe]
    title = Path(recipe).stem.split("-")[0]
    if Path(recipe).parent == Path("config/recipes") and title not in (family, "rows"):
        yield f"recipes.{family}: {recipe} is a recipe of {title}."
    try:
        yield from (
            f"{recipe}: {line}" for line in check_recipe(sections_of(recipe), of)
        )
    except LanistrError as error:
        yield str(error)


def unfit_splits():
    """Shares of splits that leave nothing to train on."""
    for family in config["recipes"]:
        split = config.get(family, {}).get("split", {})
        shares = {name: split.get(name, 0) for name in ("valid", "test")}
        if sum(shares.values()) >= 1:
            told = " and ".join(f"{name} {share}" for name, share in shares.items())
            yield f"{family}.split: {told} leave nothing for train; give less than 1 together."


def circle_of(name):
    """The experiments over which one starts from itself, it first; none if it does not."""
    paths, seen = [[name]], {name}
    for path in paths:  # which grow meanwhile
        for other in started_from(REGISTRY.get(path[-1], {})):
            if other == name:
                return path
            if other not in seen:
                seen.add(other)
                paths.append([*path, other])
    return []


def family_of(entry):
    """The data set of an entry, or of a variant of which it is."""
    return str(entry.get("dataset")).split("/")[0]


def unfit_names(name, entry):
    """Names of one entry of the registry that nothing has or can have."""
    if not re.fullmatch(EXPERIMENT, str(name)):
        yield "names are of small letters, digits and hyphens."
    method, stage = entry.get("method", "lanistr"), entry.get("stage")
    if method not in methods():
        yield f"no method {method}.{nearest(method, methods())}"
    elif (
        stage in (None, "pretrain", "finetune")
        and stage not in methods()[method].stages
    ):
        stages = ", ".join(methods()[method].stages)
        found = "is missing" if stage is None else f"is {stage}"
        yield f"stage {found}. Of {method} allowed: {stages}."
    circle = circle_of(name)
    if circle and name == min(circle):
        over = ", which starts from ".join([*circle[1:], name])
        yield f"starts from {over}. Name another experiment in init of one of them, or none."
    for other in started_from(entry):
        if other not in REGISTRY:
            yield f"starts from {other}, which is not there.{nearest(other, REGISTRY)}"
        elif (theirs := family_of(REGISTRY[other])) != family_of(entry):
            yield f"starts from {other}, whose data are {theirs}; name one on {family_of(entry)}."


def unfit_data(entry):
    """What is wrong with the data set of one entry, and with what it asks of it."""
    data, family = str(entry.get("dataset")), family_of(entry)
    if family not in REGISTERED:
        yield f"no data set {data}.{nearest(data, REGISTERED)}"
        return
    of, asked = registration(data), entry.get("modalities")
    if family in config["recipes"] and of.complete and not is_at_hand(data):
        yield f"no data set {data}.{nearest(data, [*of.data, *of.extra])}"
    for modality in asked if isinstance(asked, list) and not of.optional else ():
        if modality in list(Modality) and modality not in of.modalities:
            yield f"{data} has no {modality}. Allowed: {', '.join(of.modalities)}."


def unfit_rows(name, entry, taken):
    """What is wrong with the rows of one entry; `taken` says which entry is which row."""
    rows = entry.get("rows") or {}
    if not isinstance(rows, dict):
        yield "rows says which row of which table it is, such as {table1: LANISTR}."
        return
    for table, row in rows.items():
        if table not in TABLES:
            yield f"no table {table}.{nearest(table, TABLES)}"
        other = taken.setdefault((table, row, entry.get("dataset")), name)
        if other != name:
            yield f"is the row {row} of {table}, as {other} is; name one of them otherwise."


def without_odd_rows(entry):
    """An entry without rows that `unfit_rows` tells of."""
    odd = not isinstance(entry.get("rows") or {}, dict)
    return {key: entry[key] for key in entry if not odd or key != "rows"}


def tasks_of(entry):
    """The tasks of an entry's data; None = not known, as they are another configuration's."""
    of = REGISTERED.get(family_of(entry))
    return of.tasks if of and (of.data or not of.optional) else None


def unfit_entries():
    """Every problem of entries of the registry by themselves, with the entry's name."""
    taken = {}
    for name, entry in REGISTRY.items():
        for line in (
            *unfit_names(name, entry),
            *unfit_data(entry),
            *unfit_rows(name, entry, taken),
            *check_entry(without_odd_rows(entry), tasks_of(entry)),
        ):
            yield name, line


def unfit_experiments():
    """Every problem of entries that are laid over their recipes, with the entry's name."""
    for name in filter(is_possible, REGISTRY):
        recipe, of = recipe_of(dataset(name)), registration(dataset(name))
        whole = check_whole(name, REGISTRY[name], sections_of(recipe), of.modalities)
        for line in whole:
            yield name, f"over {recipe}: {line}"


def told_once_each(found):
    """A line for each problem: entries that are `like` another share it."""
    names = {}
    for name, line in found:
        names.setdefault(line, []).append(name)
    for line, (name, *others) in names.items():
        more = f" and {len(others)} more" if others else ""
        yield f"{config['registry']}, {name}{more}: {line}"


def problems():
    """All that does not fit; experiments as a whole only if their parts do."""
    for name in set(config.get("analysis") or ()) - set(REGISTRY):
        yield f"analysis: {name} is not in {config['registry']}.{nearest(name, REGISTRY)}"
    parts = [
        *unfit_splits(),
        *unfit_recipes(),
        *unfit_tables(),
        *told_once_each(unfit_entries()),
    ]
    yield from parts or told_once_each(unfit_experiments())


def refuse_what_does_not_fit():
    """Stop before the plan is made, with all problems; called when all is registered."""
    if lines := [f"  {line}\n" for line in problems()]:
        sys.exit(
            "error: the configuration, its recipes or the registry cannot be run:\n"
            + "".join(lines)
            + "config/README.md explains the keys."
        )
