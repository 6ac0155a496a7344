"""pyproject.toml, the locks and what conda installs describe one environment."""

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
    return read_locks(repository, "requirements.lock")


@pytest.fixture(scope="module")
def apart(repository):
    """What `make slurm` and `make docs` add."""
    return read_locks(repository, "requirements-slurm.lock", "requirements-docs.lock")


def read_locks(repository, *names):
    lines = [line for name in names for line in (repository / name).read_text().splitlines()]
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {re.sub("[-_.]+", "-", pin.name).lower(): pin.specifier for pin in pins}


def test_every_range_of_pyproject_holds_its_locked_version(project, locked, apart):
    extras = project["optional-dependencies"]
    ranges = [*project["dependencies"], *extras["dev"], *extras["slurm"], *extras["docs"]]
    for requirement in map(Requirement, ranges):
        pin = next(iter((locked | apart)[re.sub("[-_.]+", "-", requirement.name).lower()]))
        assert pin.operator == "==", f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pin.version), f"run `make lock`: {requirement}"


def test_the_locks_name_no_registry(repository):
    for file in repository.glob("*.lock"):
        assert "://" not in file.read_text()


@pytest.fixture(scope="module")
def without_cuda(repository):
    """The pins of the lock that spares the libraries of CUDA."""
    lines = (repository / "requirements-cpu.lock").read_text().splitlines()
    return [Requirement(line) for line in lines]


def test_the_lock_without_cuda_has_the_same_versions_and_lacks_no_other(locked, without_cuda):
    pins = {pin.name: pin.specifier for pin in without_cuda}
    assert pins.items() <= locked.items()
    of_cuda = {name for name in {*locked} - {*pins} if re.match("cuda-|nvidia-|triton", name)}
    assert {*locked} - {*pins} == of_cuda


def test_the_lock_without_cuda_is_for_macos_too(project, without_cuda):
    macos = {"sys_platform": "darwin", "platform_machine": "arm64", "python_full_version": "3.11.9"}
    there = {pin.name for pin in without_cuda if pin.marker.evaluate(macos)}
    needed = {re.sub("[-_.]+", "-", Requirement(r).name).lower() for r in project["dependencies"]}
    assert needed <= there
    assert "autogluon-multimodal" not in there


@pytest.mark.parametrize("group", ["preprocessing", "lanistr"])
def test_conda_gives_a_rule_the_locked_versions_of_what_its_package_imports(
    repository, locked, group
):
    told = yaml.safe_load((repository / f"workflow/envs/{group}.yaml").read_text())
    (pins,) = [entry["pip"] for entry in told["dependencies"] if isinstance(entry, dict)]
    assert {pin.name: pin.specifier for pin in map(Requirement, pins)}.items() <= locked.items()


def test_conda_gives_the_locked_packages_and_an_allowed_python(repository, project):
    dependencies = yaml.safe_load((repository / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock", "-e ."]
    (python,) = [d for d in dependencies if isinstance(d, str) and d.startswith("python=")]
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))
