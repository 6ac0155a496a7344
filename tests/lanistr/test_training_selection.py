"""What a run tells of its selection, which the leakage audit reads."""

import pytest

from lanistr.data.cache import open_cache
from lanistr.data.selection import select
from lanistr.training.output import selection
from tests.lanistr.shards import experiment, write_cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return open_cache(write_cache(tmp_path_factory.mktemp("selection")))


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_validation_samples_are_of_no_test_patient(cache, stage):
    told = selection(select(cache, experiment(stage), "valid"), cache)
    assert told["splits"] == ["valid"]
    assert told["samples"] >= told["subjects"] > 0
    assert told["samples_of_test_subjects"] == 0


def test_test_samples_in_their_place_show(cache):
    told = selection(select(cache, experiment(), "test"), cache)
    assert told["splits"] == ["test"]
    assert told["samples_of_test_subjects"] == told["samples"] > 0
