"""Shards of own rows, whatever modalities they have, are what lanistr's cache and registry read."""

import itertools
import json

import numpy as np
import pytest

from lanistr.data.cache import open_cache
from lanistr.data.caching import build_cache
from lanistr.data.card import Card
from lanistr.errors import ConfigError
from lanistr.experiments.recipes import load_encoders, load_experiment, read_registry
from lanistr.modality import Modality
from tests.preprocessing.own_rows import ROWS, STEPS, write_own
from tests.preprocessing.test_rows_shards import shards_of

SIZES = ("tiny", "small", "paper")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder, _ = shards_of(write_own(tmp_path_factory.mktemp("own")))
    return folder / "manifest.json"


@pytest.fixture(scope="module")
def card(manifest):
    return Card.model_validate(json.loads(manifest.read_text())["card"])


def test_shards_of_own_rows_become_a_cache(repository, manifest, tmp_path):
    encoders = load_encoders(repository / "config/recipes/rows-tiny.yaml")
    build_cache(manifest, encoders, tmp_path, threads=1)
    cache = open_cache(tmp_path)
    finetune = cache.samples["stage"] == 1
    assert finetune.sum() == ROWS
    assert cache.labels.shape == (ROWS, 2) and np.isfinite(cache.labels).all()
    assert (cache.samples["labels_row"][~finetune] == -1).all()
    assert cache.series.shape[1:] == (STEPS, 2) and np.isfinite(cache.series).all()
    assert set(cache.spec.category_names) == {"colour"}
    assert set(cache.spec.number_names) == {"size", "sent"}


@pytest.mark.parametrize("size", SIZES)
def test_entries_parse_with_the_modalities_of_any_data(repository, card, size):
    registry = repository / "config/experiments-rows.yaml"
    recipe = repository / f"config/recipes/rows-{size}.yaml"
    subsets = [
        frozenset(some) for n in (1, 2, 3, 4) for some in itertools.combinations(Modality, n)
    ]
    parsed = dict.fromkeys(read_registry(registry), 0)
    for some in subsets:
        places = {name: place for name, place in card.modalities.items() if name in some}
        own = card.model_copy(update={"modalities": places})
        for name in parsed:
            try:
                experiment = load_experiment(registry, recipe, name, own)
            except ConfigError:
                continue  # the plan leaves out what the data lack or the method cannot read
            parsed[name] += 1
            assert experiment.modalities <= some
    # LANISTR and LateFusion read any subset, AutoGluon none with a series, and what is without a
    # modality asks for that one and another. Simple models need columns or a series.
    for name, count in parsed.items():
        expected = 7 if "without" in name or "autogluon" in name else 15
        if name.startswith(("rows-logistic", "rows-boosting")):
            expected = 12
        assert count == expected, name
