"""Running the workflow as a user does, in a folder of its own."""

import sys
from functools import partial
from pathlib import Path

import pytest

from commandline import forkserver
from tests.workflow.running import PYTHON, link_sources, run_snakemake


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory) -> Path:
    """A working directory with the repository's sources and no results."""
    return link_sources(repository, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def forked():
    """What stands for `python -m` where a process has imported Snakemake already."""
    if started := forkserver.start("tests.workflow.preload"):
        server, words = started
        with server:
            yield [sys.executable, *words[1:]]
            server.stdin.close()
    else:
        yield PYTHON


@pytest.fixture(scope="module")
def snakemake(folder, forked):
    """Run `snakemake ARGUMENTS` in `folder`; the text is stdout and stderr together."""
    return partial(run_snakemake, folder, python=forked)
