"""What several files of tests share: made once per process, and changed by none."""

from functools import partial
from pathlib import Path

import pytest

from preprocessing.audit.missingness.dataset import Counts
from preprocessing.datasets.mimic import missingness as mimic
from preprocessing.engine.duckdb import connect
from tests.preprocessing.generated_dump import Dump
from tests.preprocessing.missingness_shards import planted, write_shards


@pytest.fixture(scope="session")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """A generated dump of MIMIC."""
    return Dump.generated(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="session")
def planted_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards in which it was planted who lacks what."""
    return write_shards(planted(), tmp_path_factory.mktemp("missingness"))


@pytest.fixture(scope="session")
def planted_counts(planted_shards: Path) -> Counts:
    """What the missingness audit counts in them."""
    (counts,) = mimic.count(planted_shards, None, partial(connect, memory_limit="300MB"))
    return counts
