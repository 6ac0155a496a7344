"""The share of stays in which a variable was observed, hour by hour, exact and as published."""

from pathlib import Path

import numpy as np

from preprocessing.audit.missingness import observed
from preprocessing.audit.shards import Shards
from preprocessing.audit.suppression import LIMIT
from preprocessing.datasets.mimic.schemas import HOURS, VARIABLES
from tests.preprocessing.missingness_shards import planted, write_shards


def test_observed_shares(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    world = planted()
    hours = rng.random((1, HOURS, VARIABLES))
    series = [s for s in world.stays if s["stay_id"] in world.with_series]
    seen = rng.random((len(series), HOURS, VARIABLES)) < hours
    seen[:, :, 4:] = False
    seen[:, :, 0], seen[:, :, 1] = False, True
    shards = write_shards(world, tmp_path, seen)
    found = observed.count(Shards.open(shards))
    in_train = np.array([s["split"] == "train" for s in series])
    assert {name: n for name, (n, _) in found.items()} == {
        "all": len(series), "train": in_train.sum(), "valid": 23, "test": 37,
    }  # fmt: skip
    assert (found["train"][1] == seen[in_train].sum(axis=0)).all()
    exact = observed.shares(found, limit=0)
    assert np.allclose(exact["all"][:-1], seen.mean(axis=0))
    assert np.allclose(exact["train"][-1], seen[in_train].mean(axis=(0, 1)))
    shared = observed.shares(found)
    assert (shared["all"][:, 0] == 0).all() and (shared["all"][:, 1] == 1).all()
    for name, (stays, n) in found.items():
        told = shared[name][:-1]
        small = ((n > 0) & (n < LIMIT)) | ((stays - n > 0) & (stays - n < LIMIT))
        assert small.any() and np.isnan(told[small]).all()
        assert np.allclose(told[~np.isnan(told)], exact[name][:-1][~np.isnan(told)])
    # No split is all less the others.
    lacking = np.stack([np.isnan(share) for share in shared.values()]).sum(axis=0)
    assert (lacking != 1).all()
