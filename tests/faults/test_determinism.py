"""The same bytes in another folder and order, with other cores, hashes, times and languages."""

import pytest

from tests.faults.runs import differing, left, run

# All at once: only where they differ is it worth to ask which one it was.
ELSEWHERE = {"PYTHONHASHSEED": "7", "TZ": "Asia/Kolkata", "LC_ALL": "C", "LANG": "de_DE.UTF-8"}


@pytest.mark.parametrize("seed", ["7", "random"])
def test_shards_cache_training_tables_and_audit_are_the_same_bytes(undisturbed, clone, seed):
    """Threads of a training are not among it: they change how it adds, and it trains again."""
    done = run(clone, cores=1, environment=ELSEWHERE | {"PYTHONHASHSEED": seed})
    assert done.returncode == 0, done.stdout
    assert differing(undisturbed, left(clone)) == []
