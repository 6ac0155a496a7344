"""A disk that is full: one message, whichever library meets it, and no death in silence."""

import subprocess
import sys

import pytest
import yaml

from tests.lanistr.shards import ENCODERS, write_shards
from tests.small_disk import on_disk


@pytest.mark.parametrize("kilobytes", [8, 400])
def test_a_cache_on_a_full_disk_says_so(tmp_path, kilobytes):
    """8 KB end in the tokenizer, 400 KB in the arrays, which are memory-mapped."""
    disk = tmp_path / "disk"
    disk.mkdir()
    shards, recipe = write_shards(tmp_path / "shards"), tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"shared": {"encoders": ENCODERS}}))
    command = ["cache", "--manifest", shards.manifest, "--recipe", recipe, "--output-dir", disk]
    words = [*on_disk(kilobytes << 10, disk), sys.executable, "-m", "lanistr", *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: ") and "disk is full" in last
