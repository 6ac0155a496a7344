"""A tokenizer that saw other than training texts is caught, one that did not passes."""

import json
from functools import partial

import polars as pl
import pytest

from lanistr.data.arrays import plain_texts
from lanistr.data.caching import build_cache
from lanistr.data.manifest import read_manifest
from lanistr.data.tokenizer import tokenizer_for
from lanistr.data.vocabulary import GATE, audit
from lanistr.errors import LeakageError
from lanistr.experiments.architecture import Encoders
from tests.lanistr.review_shards import write_reviews
from tests.lanistr.shards import ENCODERS, TINY, write_shards

RECIPE = Encoders.model_validate(ENCODERS)
OF_REVIEWS = Encoders.model_validate({**ENCODERS, "text": {**TINY, "vocab_size": 90}})


@pytest.fixture
def cached(tmp_path):
    """Manifest and cache of made-up shards; the word zyzzyva is in test notes only."""
    shards = write_shards(tmp_path / "shards")
    build_cache(shards.manifest, RECIPE, tmp_path / "cache", threads=1)
    return shards.manifest, tmp_path / "cache"


def every_text(manifest):
    for rows in plain_texts(read_manifest(manifest)):
        yield from rows["text"]


def test_a_vocabulary_of_training_texts_passes(cached, tmp_path):
    audit(*cached, [], output=tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["of_training"]
    assert found["foreign_tokens"] == 0


def test_a_vocabulary_that_saw_the_test_split_is_caught(cached, tmp_path):
    manifest, cache = cached
    tokenizer_for(RECIPE.text, partial(every_text, manifest), cache / "tokenizer")
    with pytest.raises(LeakageError, match=f"tokens do not come.*{GATE}"):
        audit(manifest, cache, [], output=tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert not found["of_training"]
    assert found["foreign_tokens"] > 0
    audit(manifest, cache, [GATE], output=tmp_path / "found.json")


def test_a_category_must_have_the_vocabulary_of_the_pretraining_one(tmp_path):
    write_reviews(tmp_path / "shards")
    manifest = tmp_path / "shards/manifest.json"
    beauty, office = (tmp_path / name for name in ("beauty", "office"))
    for folder, category in ((beauty, "All_Beauty"), (office, "Office_Products")):
        build_cache(manifest, OF_REVIEWS, folder, threads=1, variant=category)
    output = tmp_path / "found.json"
    audit(manifest, office, [], variant="Office_Products", output=output)
    audit(manifest, beauty, [], variant="All_Beauty", output=output)
    with pytest.raises(LeakageError, match="vocabulary of the pretraining data"):
        audit(manifest, beauty, [], variant="All_Beauty", vocabulary=office, output=output)


def test_a_published_tokenizer_is_not_trained_here(cached, tmp_path):
    manifest, cache = cached
    spec = json.loads((cache / "spec.json").read_text())
    spec["text"]["pretrained"] = "bert-base-uncased"
    (cache / "spec.json").write_text(json.dumps(spec))
    for path in (manifest.parent / "notes").glob("*.parquet"):
        pl.DataFrame().write_parquet(path)  # nothing is read
    audit(manifest, cache, [], output=tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["compared_with"] == "published: bert-base-uncased"
