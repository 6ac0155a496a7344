"""Running the workflow as a user does: `snakemake ARGUMENTS` in a folder of one's own."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("commandline", "lanistr", "preprocessing", "reading", "synthetic")
PYTHON = (sys.executable, "-m")
LINKED = (*PACKAGES, "config", "tests", "workflow")


def link_sources(repository, folder) -> Path:
    """Make a folder a working directory with the repository's sources and no results."""
    for name in LINKED:
        (folder / name).symlink_to(repository / name)
    return folder


def run_snakemake(
    folder, *arguments, python=PYTHON, start=subprocess.run, environment=(), **options
):
    """Run `snakemake ARGUMENTS`; the text is stdout and stderr together.

    Args:
        folder: where it runs.
        arguments: of Snakemake.
        python: what stands for `python -m`, such as that of a fork server.
        start: how the process is started.
        environment: what differs from the environment of the tests.
        options: of `start`.
    """
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    return start(
        [*python, "snakemake", *arguments],
        cwd=folder,
        env=os.environ | own | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
