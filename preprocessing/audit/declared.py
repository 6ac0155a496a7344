"""What a data set declares for the audits, in modules of its folder that it may have."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

import preprocessing.datasets as datasets


def list_datasets() -> list[str]:
    """The data sets that have a folder, by name."""
    return sorted(module.name for module in iter_modules(datasets.__path__))


def find_module(dataset: str, name: str) -> ModuleType | None:
    """A module of a data set's folder, if there is one.

    >>> find_module("rows_of_nobody", "leakage") is None
    True
    """
    if dataset not in list_datasets():
        return None
    path = f"{datasets.__name__}.{dataset}.{name}"
    return import_module(path) if find_spec(path) else None
