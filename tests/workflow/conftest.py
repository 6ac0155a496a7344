"""Running the workflow as a user does, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINKED = ("workflow", "config", "lanistr", "preprocessing", "commandline", "pictures", "synthetic", "tests")


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory) -> Path:
    """A working directory with the repository's sources and no results."""
    folder = tmp_path_factory.mktemp("run")
    for name in LINKED:
        (folder / name).symlink_to(repository / name)
    return folder


@pytest.fixture(scope="module")
def snakemake(folder):
    """Run `snakemake ARGUMENTS` in `folder`; the text is stdout and stderr together."""

    def run(*arguments, start=subprocess.run, **options):
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        return start(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    return run
