"""Running the workflow as a user does: `snakemake ARGUMENTS` in a folder of one's own."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("commandline", "lanistr", "preprocessing", "reading", "synthetic")
LINKED = (*PACKAGES, "config", "tests", "workflow")


def link_sources(repository, folder) -> Path:
    """Make a folder a working directory with the repository's sources and no results."""
    for name in LINKED:
        (folder / name).symlink_to(repository / name)
    return folder


def run_snakemake(folder, *arguments, start=subprocess.run, environment=(), **options):
    """Run `snakemake ARGUMENTS`; the text is stdout and stderr together."""
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    return start(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ | own | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
