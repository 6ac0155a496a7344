"""On a disk that is full or read-only every step that reads tables says so in one message."""

import json
import subprocess
import sys

import pytest

from tests.faults.disks import DISKS
from tests.field.loaders import LOADERS
from tests.small_disk import on_disk


@pytest.fixture(scope="module")
def told(all_faults, tmp_path_factory):
    """What each step said, by its name and the disk."""
    folder = tmp_path_factory.mktemp("disks")
    (folder / "small").mkdir()
    # A small disk is not needed, but the right to mount others.
    command = [*on_disk(4096, folder / "small"), sys.executable, "-m", "tests.faults.disks", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, (done.returncode, lines[-1:], done.stderr[-2000:])
    return {(line["step"], line["disk"]): line for line in lines}


@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("step", [loader.name for loader in LOADERS])
def test_the_disk_is_named(told, step, disk):
    said = told[step, disk]
    assert said["flaw"] is None
    assert said["message"] and f"disk is {disk}" in said["message"], said["message"]
