"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def locked(repository):
    names = ("requirements.lock", "requirements-slurm.lock")
    lines = [line for name in names for line in (repository / name).read_text().splitlines()]
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {re.sub("[-_.]+", "-", pin.name).lower(): pin.specifier for pin in pins}


def test_every_range_of_pyproject_holds_its_locked_version(project, locked):
    extras = project["optional-dependencies"]
    ranges = [*project["dependencies"], *extras["dev"], *extras["slurm"]]
    for requirement in map(Requirement, ranges):
        pin = next(iter(locked[re.sub("[-_.]+", "-", requirement.name).lower()]))
        assert pin.operator == "==", f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pin.version), f"run `make lock`: {requirement}"


def test_the_locks_name_no_registry(repository):
    for file in repository.glob("*.lock"):
        assert "://" not in file.read_text()


def test_conda_gives_the_locked_packages_and_an_allowed_python(repository, project):
    dependencies = yaml.safe_load((repository / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock", "-e ."]
    (python,) = [d for d in dependencies if isinstance(d, str) and d.startswith("python=")]
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))
