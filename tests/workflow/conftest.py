"""Running the workflow as a user does, in a folder of its own."""

from functools import partial
from pathlib import Path

import pytest

from tests.workflow.running import link_sources, run_snakemake


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory) -> Path:
    """A working directory with the repository's sources and no results."""
    return link_sources(repository, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def snakemake(folder):
    """Run `snakemake ARGUMENTS` in `folder`; the text is stdout and stderr together."""
    return partial(run_snakemake, folder)
