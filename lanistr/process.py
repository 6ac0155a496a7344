"""The other package as a process: the wall between both is a command line and files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from commandline.shipped import point_to_packages
from lanistr.errors import ProcessError


def preprocess(command: str, *options: str | Path) -> None:
    """Run `python -m preprocessing COMMAND OPTIONS`; what it logs goes where our log goes.

    Raises:
        ProcessError: the step failed; holds the step's own message.
    """
    environment = os.environ | {"PYTHONSAFEPATH": "1"}  # what lies in the working folder is data
    point_to_packages(environment)
    done = subprocess.run(
        [sys.executable, "-m", "preprocessing", command, *map(str, options)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.rpartition("error: ")[2].strip()
        raise ProcessError(told or f"{command} ended with exit code {done.returncode}.")
    sys.stderr.write(done.stderr)
