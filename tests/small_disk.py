"""Commands that find a small disk, mounted in a namespace of their own, which ends with them."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def on_disk(size: int, folder: Path) -> list[str]:
    """What stands before a command to which a folder is a disk of so many bytes; else skips."""
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]
    words += [str(size), str(folder)]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("mounting a small disk needs `unshare` and a system that permits it")
    return words
