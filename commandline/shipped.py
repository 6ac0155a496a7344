"""The files that come with the code, workflow/ and config/, in a clone and in an installation."""

import os
from collections.abc import MutableMapping
from pathlib import Path

PACKAGES = Path(__file__).parents[1]
"""Folder of the packages: the clone, or that of installed packages."""

HOME = PACKAGES if (PACKAGES / "workflow/Snakefile").is_file() else PACKAGES / "lanistr"
"""Folder that holds workflow/ and config/; pyproject.toml puts both into the package lanistr."""


def shipped(path: str | Path) -> Path:
    """A file of the working folder; without one, a config/... that comes with the code.

    >>> shipped("config/paper.yaml") in (Path("config/paper.yaml"), HOME / "config/paper.yaml")
    True
    >>> shipped("workflow/nowhere.yaml")
    PosixPath('workflow/nowhere.yaml')
    """
    here, there = Path(path), HOME / path
    is_known = here.parts[:1] == ("config",) and there.exists()
    return there if is_known and not here.exists() else here


def point_to_packages(environment: MutableMapping[str, str]) -> None:
    """Have Python import the packages of a clone from there; those of an installation it finds.

    >>> told = {"PYTHONPATH": "/mine"}
    >>> point_to_packages(told)
    >>> told["PYTHONPATH"] in ("/mine", f"{PACKAGES}{os.pathsep}/mine")
    True
    """
    if PACKAGES == HOME:
        others = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGES), others]))
