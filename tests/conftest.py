"""Fixtures for every test; none needs a network, a GPU or credentialed data."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="every fault, not a part of them")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The open demo and the reference outputs, which are not part of the repository."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data" / "mimic-iv-demo").is_dir():
        pytest.skip("../shared (open MIMIC-IV demo and reference outputs) is not here")
    return folder
