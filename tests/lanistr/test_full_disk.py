"""A disk that is full: one message, whichever library meets it, and no death in silence."""

import shutil
import subprocess
import sys

import pytest
import yaml

from tests.lanistr.shards import ENCODERS, write_shards

# Mounts in a namespace of their own, which end with it.
PRIVATE = ["unshare", "--map-root-user", "--mount"]
SCRIPT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def run_on_disk(size, folder, *command):
    """Run a command with a disk of so many bytes mounted at an empty folder."""
    return subprocess.run(
        [*PRIVATE, "sh", "-c", SCRIPT, "sh", str(size), *map(str, (folder, *command))],
        capture_output=True,
        text=True,
    )


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("unshare") or run_on_disk(4096, folder, "true").returncode:
        pytest.skip("mounting a small disk needs `unshare` and a system that permits it")
    return folder


@pytest.mark.parametrize("kilobytes", [8, 400])
def test_a_cache_on_a_full_disk_says_so(tmp_path, disk, kilobytes):
    """8 KB end in the tokenizer, 400 KB in the arrays, which are memory-mapped."""
    shards, recipe = write_shards(tmp_path / "shards"), tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"shared": {"encoders": ENCODERS}}))
    command = ["cache", "--manifest", shards.manifest, "--recipe", recipe, "--output-dir", disk]
    done = run_on_disk(kilobytes << 10, disk, sys.executable, "-m", "lanistr", *command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: ") and "disk is full" in last
