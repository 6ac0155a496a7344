"""From files to experiments: the registry's entries laid over the sections of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from commandline.nearest import nearest
from lanistr.data.card import Card
from lanistr.errors import ConfigError
from lanistr.experiments.architecture import Encoders, Part
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.experiments.problems import tell_problems
from lanistr.modality import Modality

P = TypeVar("P", bound=Part)


ALL, READABLE = "all", "readable"
"""What `modalities` may say in place of a list."""


def load_experiment(
    registry: Path, recipe: Path, name: str, card: Card | None = None
) -> Experiment:
    """The entry `name` of the registry, laid over the recipe's section for its stage.

    `modalities: all` are those of the card, `readable` those of them that the method can read; of
    both are taken away those that `without` lists.

    Args:
        registry: YAML; one mapping per experiment name.
        recipe: YAML with the sections `shared`, `pretrain`, `finetune`, `methods`, `datasets` and
            `experiments`; a method's section can have a `pretrain` and a `finetune` of its own.
        name: key in the registry.
        card: of the data set; None = not known yet, so that `all` are all there could be.

    Raises:
        ConfigError: unknown name or key, or a value out of its range.
    """
    entries = read_registry(registry)
    if name not in entries:
        raise ConfigError(f"{registry} has no experiment {name!r}.{nearest(name, entries)}")
    where = f"Experiment {name!r} of {registry} over {recipe}"
    modalities = card.modalities if card else None
    return make_experiment(name, entries[name], recipe_sections(recipe), modalities, where)


def make_experiment(
    name: str,
    entry: Mapping[str, Any],
    sections: Mapping[str, Any],
    modalities: Iterable[Modality] | None,
    where: str,
) -> Experiment:
    """An entry laid over the sections of a recipe.

    Args:
        name: name of the entry.
        entry: completed entry.
        sections: sections of the recipe.
        modalities: those of the data set; None = not known yet, so that `all` are all there are.
        where: of whom messages speak.

    Raises:
        ConfigError: an unknown key, or a value out of its range.
    """
    settings: dict[str, Any] = {"name": name}
    method = dict((sections.get("methods") or {}).get(entry.get("method", "lanistr")) or {})
    stages = {stage: method.pop(stage, None) for stage in ("pretrain", "finetune")}
    layers = (
        sections.get("shared"),
        sections.get(entry.get("stage", "")),
        method,
        stages.get(entry.get("stage", "")),
        (sections.get("datasets") or {}).get(entry.get("dataset", "")),
        (sections.get("experiments") or {}).get(name),
        dict(entry),
    )
    for layer in layers:
        settings = merged(settings, layer or {})
    return parsed(Experiment, chosen_modalities(settings, modalities, where), where)


def chosen_modalities(
    settings: dict[str, Any], modalities: Iterable[Modality] | None, where: str
) -> dict[str, Any]:
    """The settings with the data's modalities in place of `all` or `readable`, less `without`.

    Args:
        settings: of an experiment.
        modalities: those of the data set; None = not known yet, so that `all` are all there are.
        where: of whom messages speak.

    Raises:
        ConfigError: `without` lists what is not among them.
    """
    rest = {key: value for key, value in settings.items() if key != "without"}
    named, without = rest.get("modalities"), settings.get("without") or []
    if named in (ALL, READABLE):
        named = sorted(asked_of(settings, Modality if modalities is None else modalities))
    if without:
        if absent := sorted(set(without) - set(named or [])):
            raise ConfigError(f"{where}: without: {absent} are none of modalities, {named}.")
        named = [each for each in named or [] if each not in without]
    return rest | ({"modalities": named} if named is not None else {})


def asked_of(entry: Mapping[str, Any], modalities: Iterable[Modality]) -> set[Modality]:
    """The modalities that an entry asks for, of data that have these; `without` is still in it.

    >>> data = ["text", "tabular"]
    >>> sorted(asked_of({"modalities": "all"}, data))
    ['tabular', 'text']
    >>> asked_of({"modalities": "readable", "method": "features"}, data) == {"tabular"}
    True
    """
    asked = entry.get("modalities", ALL)
    if asked == ALL:
        return set(modalities)
    if asked == READABLE:
        stages = methods()[entry.get("method", "lanistr")].stages
        readable = stages.get(entry.get("stage", "finetune"), ())
        return set(modalities) & {modality for some in readable for modality in some}
    return set(asked)


def can_read(entry: Mapping[str, Any], modalities: Iterable[Modality]) -> bool:
    """Whether data have what an entry of the registry names, and its method can read the rest.

    Args:
        entry: completed.
        modalities: those of the data set.

    >>> entry = {"stage": "finetune", "modalities": "all", "without": ["text"]}
    >>> can_read(entry, ["text", "tabular"]), can_read(entry, ["text"]), can_read(entry, ["image"])
    (True, False, False)
    """
    has, without = set(modalities), set(entry.get("without") or ())
    seen = asked_of(entry, has)
    method = methods()[entry.get("method", "lanistr")]
    fits = frozenset(seen - without) in method.stages.get(entry.get("stage", "finetune"), ())
    return fits and seen | without <= has


def read_registry(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a registry, those that are `like` another one completed by it.

    An entry takes over everything but `rows`: a row of a table is one experiment.

    Raises:
        ConfigError: no registry, or an entry that is no mapping, like none or like itself.
    """
    entries = read_mapping(path)

    def completed(name: str, asked: tuple[str, ...]) -> dict[str, Any]:
        if name in asked or name not in entries:
            raise ConfigError(
                f"{path}: {asked[0]!r} is like {name!r}, which is "
                f"{'like it in turn' if name in asked else 'not there'}. "
                f"Name another entry.{nearest(name, entries.keys() - {*asked, name})}"
            )
        if not isinstance(entries[name] or {}, dict):
            found = type(entries[name]).__name__
            raise ConfigError(f"{path}: {name!r} holds {found}, expected is a mapping.")
        entry = dict(entries[name] or {})
        if "like" not in entry:
            return entry
        model = completed(entry.pop("like"), (*asked, name))
        return merged({key: model[key] for key in model if key != "rows"}, entry)

    return {name: completed(name, ()) for name in entries}


def started_from(entry: dict[str, Any]) -> list[str]:
    """The experiments that an entry's initial weights come from; YAML may leave out the list."""
    init = entry.get("init") or []
    return [init] if isinstance(init, str) else [*init] if isinstance(init, list) else []


def needed_for(entries: Mapping[str, dict[str, Any]], table: str) -> list[str]:
    """The experiments that a table is made of: its rows, each after those that it starts from."""
    needed: dict[str, None] = {}

    def add(name: str) -> None:
        for before in started_from(entries[name]):
            add(before)
        needed[name] = None

    for name, entry in entries.items():
        if table in (entry.get("rows") or {}):
            add(name)
    return list(needed)


def load_encoders(recipe: Path) -> Encoders:
    """The encoders of the recipe's `shared` section, which decide what the cache holds.

    Raises:
        ConfigError: an unknown key, or a value out of its range.
    """
    shared = recipe_sections(recipe).get("shared") or {}
    return parsed(Encoders, shared.get("encoders") or {}, f"shared.encoders of {recipe}")


def recipe_sections(recipe: Path) -> dict[str, Any]:
    """The sections of a recipe.

    Raises:
        ConfigError: not a recipe, or a section that does not exist.
    """
    sections = read_mapping(recipe)
    allowed = ("shared", "pretrain", "finetune", "methods", "datasets", "experiments")
    if unknown := set(sections) - set(allowed):
        told = "; ".join(f"{name}.{nearest(name, allowed)}" for name in sorted(map(str, unknown)))
        raise ConfigError(f"{recipe}: there is no section {told}")
    return sections


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: no such file, or something else in it.
    """
    try:
        # PyYAML's own parser takes five times as long.
        content = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there. Check the path.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}, expected is a mapping.")
    return content


def parsed(kind: type[P], settings: dict[str, Any], where: str) -> P:
    """The settings as a typed part.

    Raises:
        ConfigError: every problem with its key.
    """
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        problems = [f"  {line}" for line in tell_problems(kind, error)]
        raise ConfigError("\n".join([f"{where}:", *problems])) from None


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mappings merged in depth.

    >>> merged({"optim": {"lr": 1, "epochs": 2}}, {"optim": {"lr": 3}})
    {'optim': {'lr': 3, 'epochs': 2}}
    """
    both = {
        key: merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(base[key], dict) and isinstance(over[key], dict)
    }
    return {key: both.get(key, {**base, **over}[key]) for key in {**base, **over}}
