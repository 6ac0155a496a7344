"""The methods that there are: every folder of `lanistr/methods` describes one in settings.py."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from typing import TYPE_CHECKING

from lanistr.experiments.architecture import Part
from lanistr.modality import Modality

if TYPE_CHECKING:
    from lanistr.experiments.config import Experiment

FOLDER = "lanistr.methods"

Sets = tuple[frozenset[Modality], ...]


def subsets(modalities: Iterable[Modality]) -> Sets:
    """Every choice of at least one of these modalities, small ones first.

    >>> [sorted(chosen) for chosen in subsets([Modality.TEXT, Modality.IMAGE])]
    [[<Modality.TEXT: 'text'>], [<Modality.IMAGE: 'image'>], [<Modality.IMAGE: 'image'>, \
<Modality.TEXT: 'text'>]]
    """
    there = tuple(modalities)
    sizes = range(1, len(there) + 1)
    return tuple(frozenset(chosen) for size in sizes for chosen in combinations(there, size))


ANY = subsets(Modality)
PAIR = (frozenset({Modality.TEXT, Modality.IMAGE}),)


@dataclass(frozen=True)
class Method:
    """What is known of a method before torch is loaded; `METHOD` in its settings.py.

    Attributes:
        stages: the sets of modalities that each of its stages can be trained on.
        build: "module:function" that makes the model of an experiment and an `InputSpec`;
            None = the method has a trainer of its own.
        trainer: module with `train`, `answers_of` and `untrained`, for a library that
            insists on its own loop and files; see `lanistr.training.autogluon`.
        settings: kind of its section of recipes, which has the name of the method.
        ignores: settings such as `data.views` that must keep their defaults, as it has no use
            for them.
        check: looks at an experiment of this method; raises ValueError.
        library: module that only an extra of this package installs, named as the method.
        distributions: packages that a run depends on besides torch and transformers, under the
            names that pip knows.
        counted_as: method whose model stands for its own in estimates of what a run costs.
        findings: True = its pretraining learns the labels of radiographs.
    """

    stages: Mapping[str, Sets]
    build: str | None = None
    trainer: str | None = None
    settings: type[Part] | None = None
    ignores: tuple[str, ...] = ()
    check: Callable[[Experiment], None] | None = None
    library: str | None = None
    distributions: tuple[str, ...] = ()
    counted_as: str | None = None
    findings: bool = False

    @property
    def installed(self) -> bool:
        """Whether the library is there that only an extra installs."""
        try:
            return self.library is None or find_spec(self.library) is not None
        except ModuleNotFoundError:  # of the package that it lies in
            return False


@cache
def methods() -> dict[str, Method]:
    """The methods by name, which is that of their folder."""
    there = pkgutil.iter_modules(import_module(FOLDER).__path__)
    names = sorted(module.name for module in there if module.ispkg)
    return {name: import_module(f"{FOLDER}.{name}.settings").METHOD for name in names}
