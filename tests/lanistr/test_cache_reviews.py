"""Reviews in the cache: columns, RGB pictures, one vocabulary, and texts with columns in front."""

import io
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tokenizers import Tokenizer

from lanistr.data.cache import open_cache
from lanistr.data.caching import build_cache
from lanistr.data.selection import select
from lanistr.data.tab2txt import described, prepend_words
from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import Encoders
from lanistr.modality import Modality
from preprocessing.contracts import check
from preprocessing.datasets.amazon import schemas
from tests.lanistr.review_shards import PX, RECIPE, SIZES, VALUES, on_beauty, write_reviews
from tests.lanistr.shards import ENCODERS, TINY


def cached(folder, category, vocabulary=None):
    build_cache(
        folder / "shards/manifest.json",
        RECIPE,
        folder / category,
        threads=1,
        variant=category,
        vocabulary=vocabulary,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reviews")


@pytest.fixture(scope="module")
def tables(folder):
    every = write_reviews(folder / "shards")
    cached(folder, "Office_Products")
    cached(folder, "All_Beauty", vocabulary=folder / "Office_Products")
    return every


@pytest.fixture(scope="module")
def cache(folder, tables):
    return open_cache(folder / "All_Beauty")


def test_the_made_up_shards_keep_the_contracts_of_preprocessing(tables):
    contracts = [schemas.Images, schemas.Text, schemas.Tabular, schemas.Samples]
    for made in tables.values():
        for (name, table), contract in zip(made.items(), contracts, strict=True):
            check(table, contract, name)


def test_a_batch_holds_the_reviews_columns_words_and_picture(cache, tables, folder):
    samples = select(cache, on_beauty(), "train")
    batch = samples.batch(np.arange(len(samples)))
    made = tables["All_Beauty"]
    tokenizer = Tokenizer.from_file(str(folder / "All_Beauty/tokenizer/tokenizer.json"))
    jpegs = dict(made["images"].iter_rows())
    rows = {
        row["sample_id"]: row
        for row in made["tabular"].join(made["text"], on="sample_id").to_dicts()
    }
    pictures = dict(made["samples"].select("sample_id", "image_id").iter_rows())
    names = [*SIZES, *VALUES]
    for i, sample in enumerate(batch.sample_id.tolist()):
        row = rows[sample]
        assert batch.categories[i].tolist() == [row[f"{name}_code"] for name in names]
        np.testing.assert_allclose(batch.numbers[i], [row["votes_scaled"], row["time_scaled"]])
        ids = tokenizer.encode(row["text"]).ids
        assert batch.tokens[i][batch.is_token[i]].tolist() == ids
        assert batch.has(Modality.IMAGE)[i].item() == (pictures[sample] is not None)
        if picture := pictures[sample]:
            expected = np.asarray(Image.open(io.BytesIO(jpegs[picture]))) / 127.5 - 1
            np.testing.assert_allclose(batch.pixels[i], expected.transpose(2, 0, 1), atol=1e-6)
    assert batch.has(Modality.TABULAR).all()
    assert not batch.has(Modality.TIMESERIES).any()


def test_columns_not_in_use_are_absent(cache):
    batch = select(cache, on_beauty(modalities=["text"]), "train").batch(np.arange(4))
    assert not batch.has(Modality.TABULAR).any()
    assert (batch.categories == 0).all()


def test_the_spec_names_the_columns(cache):
    assert cache.spec.category_names == (*SIZES, *VALUES)
    assert cache.spec.category_sizes == (14, 40, 4, 4)
    assert cache.spec.identifiers == ("product", "reviewer")
    assert cache.spec.number_names == ("votes", "time")
    assert cache.pixels.shape[1:] == (PX, PX, 3)
    assert cache.series.shape == (0, 0, 0)
    assert cache.provenance["dataset"] == "amazon/All_Beauty"


def test_samples_are_of_their_product(cache, tables):
    products = tables["All_Beauty"]["samples"].sort("sample_id")["asin"]
    subjects = cache.samples["subject_id"]
    assert len(set(subjects.tolist())) == products.n_unique()
    assert len(set(zip(products, subjects.tolist(), strict=True))) == products.n_unique()


def test_tab2txt_reads_the_columns_in_front_of_the_same_reviews(cache, tables, folder):
    tab2txt = on_beauty(modalities=["text", "image"], data={"columns_as_text": True})
    samples = select(cache, tab2txt, "test")
    batch = samples.batch(np.arange(len(samples)))
    made = tables["All_Beauty"]
    tokenizer = Tokenizer.from_file(str(folder / "All_Beauty/tokenizer/tokenizer.json"))
    tokenizer.enable_truncation(48)
    both = made["tabular"].join(made["text"], on="sample_id")
    written = {
        row["sample_id"]: prepend_words(described(row, cache.card.words), row["text"])
        for row in both.to_dicts()
    }
    for i, sample in enumerate(batch.sample_id.tolist()):
        ids = tokenizer.encode(written[sample]).ids
        assert batch.tokens[i][batch.is_token[i]].tolist() == ids
    plain = select(cache, on_beauty(), "test")
    assert batch.sample_id.tolist() == plain.records["sample_id"].tolist()


def test_the_vocabulary_is_of_the_pretraining_categorys_train_split(folder, cache):
    office, beauty = (
        json.loads((folder / name / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
        for name in ("Office_Products", "All_Beauty")
    )
    assert office == beauty
    seen = {letter for token in office for letter in token if not token.startswith("[")}
    assert "q" not in seen  # "quux" is outside of training only
    assert "j" not in seen  # "jaw" is in the other category only
    assert open_cache(folder / "Office_Products").spec == cache.spec


def test_a_vocabulary_of_other_settings_is_refused(folder, tables, tmp_path):
    other = Encoders.model_validate({**ENCODERS, "text": {**TINY, "max_tokens": 9}})
    with pytest.raises(ConfigError, match="was made for the text settings"):
        build_cache(
            folder / "shards/manifest.json",
            other,
            tmp_path,
            threads=1,
            variant="All_Beauty",
            vocabulary=folder / "Office_Products",
        )


@pytest.mark.parametrize(
    ("category", "message"),
    [(None, "holds several variants"), ("Toys", "no such variant. Allowed: .'All_Beauty'")],
)
def test_a_category_must_be_one_of_the_shards(folder, tables, tmp_path, category, message):
    with pytest.raises(ConfigError, match=message):
        build_cache(folder / "shards/manifest.json", RECIPE, tmp_path, 1, variant=category)


@pytest.mark.parametrize("code", [-1, 14])
def test_codes_out_of_range_are_refused(tmp_path, code):
    write_reviews(tmp_path / "shards", reviews=20)
    path = tmp_path / "shards/All_Beauty/tabular/part-00001.parquet"
    broken = pl.read_parquet(path).with_columns(product_code=pl.lit(code, pl.Int32))
    broken.write_parquet(path)
    with pytest.raises(DataContractError, match=r"10 codes of product .* allowed are 0 to 13"):
        cached(tmp_path, "All_Beauty")
    assert not (tmp_path / "All_Beauty/spec.json").exists()


def test_columns_as_text_needs_columns(cache):
    without = replace(cache, described_tokens_offsets=np.zeros(1, np.int64))
    tab2txt = on_beauty(modalities=["text"], data={"columns_as_text": True})
    with pytest.raises(ConfigError, match="cached without the columns"):
        select(without, tab2txt, "train")


def test_a_data_set_of_a_table_alone_is_cached(tmp_path):
    write_reviews(tmp_path / "shards")
    path = tmp_path / "shards/All_Beauty/manifest.json"
    facts = json.loads(path.read_text())
    facts["card"]["modalities"] = {"tabular": facts["card"]["modalities"]["tabular"]}
    del facts["image"]
    path.write_text(json.dumps(facts))
    build_cache(path, RECIPE, tmp_path / "cache", threads=1)
    cache = open_cache(tmp_path / "cache")
    batch = select(cache, on_beauty(modalities=["tabular"]), "train").batch(np.arange(3))
    assert batch.has(Modality.TABULAR).all()
    assert not batch.has_any({Modality.TEXT, Modality.IMAGE, Modality.TIMESERIES}).any()
    assert batch.categories.shape == (3, 4) and batch.pixels.shape == (3, 3, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "rows"}, "rows has the card of amazon"),
        ({"image": None}, "image: is in the card, but nothing is said of it"),
    ],
)
def test_a_manifest_that_is_not_of_its_card_is_refused(folder, tables, tmp_path, changes, message):
    facts = json.loads((folder / "shards/All_Beauty/manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(facts | changes))
    with pytest.raises(DataContractError, match=message):
        build_cache(tmp_path / "manifest.json", RECIPE, tmp_path / "cache", threads=1)
