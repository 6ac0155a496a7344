"""Whether a registry and its recipes can be trained from, told before anything is run.

Entries and sections of recipes are checked each by itself first, as a mistake in one shows in every
experiment that is laid over it; then the experiments as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from commandline.nearest import nearest
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.experiments.problems import tell_problems
from lanistr.experiments.recipes import ALL, READABLE, make_experiment
from lanistr.modality import Modality

ENTRYS_OWN = ("like", "name", "stage", "method", "dataset", "init", "rows")
"""Keys that an entry of the registry has, and no layer of a recipe."""

AS_A_WHOLE = ("missing", "value_error")
"""Errors of pydantic that a part alone cannot be blamed for: others may have what it lacks."""


def check_entry(entry: Mapping[str, Any], tasks: Collection[str] | None) -> list[str]:
    """What is wrong with an entry of the registry, whatever recipe it is laid over.

    Args:
        entry: completed.
        tasks: those of its data set; None = not known.
    """
    lines = check_part(entry)
    if (task := entry.get("task")) and tasks is not None and task not in tasks:
        lines.append(f"task: found {task!r}.{nearest(task, tasks)}")
    return lines


def check_part(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with some settings of an experiment, which need not be all of them."""
    lists = {key: settings[key] for key in ("modalities", "without") if key in settings}
    rest = {key: value for key, value in settings.items() if key not in lists}
    return [
        *(line for key, value in lists.items() for line in check_modalities(key, value)),
        *validated(rest),
    ]


def check_modalities(key: str, value: Any) -> Iterator[str]:
    """What is wrong with a list of modalities, or the word that stands for one."""
    if not isinstance(value, list):
        words = (ALL, READABLE) if key == "modalities" else ()
        if value not in words:
            told = "".join(f", or {word}" for word in words)
            yield f"{key}: found {value!r}; give a list, such as [text]{told}."
        return
    for name in value:
        if name not in list(Modality):
            yield f"{key}: found {name!r}.{nearest(name, Modality)}"


def validated(settings: Mapping[str, Any]) -> list[str]:
    """The problems of settings by themselves."""
    try:
        Experiment.model_validate(settings)
    except ValidationError as error:
        return tell_problems(Experiment, error, AS_A_WHOLE)
    return []


def check_recipe(sections: Mapping[str, Any], families: Collection[str]) -> Iterator[str]:
    """What is wrong with the layers of a recipe, each by itself.

    Args:
        sections: of the recipe.
        families: data sets that it is the recipe of.
    """
    for title, layer in layers(sections):
        if layer is None:
            continue
        if not isinstance(layer, dict):
            yield f"{title}: holds {type(layer).__name__}, expected is a mapping."
            continue
        for key in layer.keys() & set(ENTRYS_OWN):
            yield f"{title}.{key}: is said in the registry, by an entry of its own."
        rest = {key: value for key, value in layer.items() if key not in ENTRYS_OWN}
        yield from (f"{title}.{line}" for line in check_part(rest))
    for name in told_of(sections, "methods"):
        if name not in methods():
            yield f"methods.{name}: there is no such method.{nearest(name, methods())}"
    for name in told_of(sections, "datasets"):
        if str(name).split("/")[0] not in families:
            yield f"datasets.{name}: this is the recipe of {' and '.join(families)}."


def layers(sections: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The layers of a recipe with their places."""
    for stage in ("shared", "pretrain", "finetune"):
        yield stage, sections.get(stage)
    for group in ("methods", "datasets", "experiments"):
        if not isinstance(sections.get(group), dict):
            yield group, sections.get(group)
        for name, layer in told_of(sections, group).items():
            inner = (
                ("pretrain", "finetune") if group == "methods" and isinstance(layer, dict) else ()
            )
            yield f"{group}.{name}", without(layer, inner) if inner else layer
            yield from ((f"{group}.{name}.{stage}", layer.get(stage)) for stage in inner)


def told_of(sections: Mapping[str, Any], group: str) -> Mapping[str, Any]:
    """The layers of a group by name."""
    found = sections.get(group)
    return found if isinstance(found, dict) else {}


def without(layer: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """A layer less some keys."""
    return {key: value for key, value in layer.items() if key not in set(keys)}


def check_whole(
    name: str,
    entry: Mapping[str, Any],
    sections: Mapping[str, Any],
    modalities: Iterable[Modality] | None,
) -> list[str]:
    """What is wrong with an entry laid over a recipe.

    Args:
        name: of the entry.
        entry: completed.
        sections: of the recipe.
        modalities: those of its data; None = not known.
    """
    try:
        make_experiment(name, entry, sections, modalities, "")
    except ConfigError as error:
        return [line.strip(" :") for line in str(error).splitlines() if line.strip(" :")]
    return []
