"""What the tests of faults share: whether all of them run, and the run that nobody disturbed."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.runs import left, prepare, run


@pytest.fixture(scope="session")
def all_faults(request: pytest.FixtureRequest) -> None:
    """Skip what takes minutes, unless everything is asked for."""
    if not request.config.getoption("--faults", default=False):
        pytest.skip("takes minutes: make test-faults")


@pytest.fixture(scope="session")
def undisturbed(all_faults: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the small run leaves that nobody disturbs."""
    folder = prepare(tmp_path_factory.mktemp("undisturbed") / "clone")
    done: subprocess.CompletedProcess = run(folder)
    assert done.returncode == 0, done.stdout
    return left(folder)


@pytest.fixture
def clone(all_faults: None, tmp_path: Path) -> Path:
    """A folder in which the run has not been made."""
    return prepare(tmp_path / "clone µ")
