"""The cache holds what the shards hold, row by row, and refuses what does not fit."""

import io
import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from lanistr.data.arrays import _write_header
from lanistr.data.cache import SPLITS, STAGES, open_cache
from lanistr.data.caching import build_cache
from lanistr.data.tokenizer import wordpiece_vocabulary
from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import Encoders
from preprocessing.contracts import check
from preprocessing.datasets.mimic import schemas
from tests.lanistr.shards import ENCODERS, HOURS, PX, VALUES, VARIABLE_OF_VALUE, write_shards

RECIPE = Encoders.model_validate(ENCODERS)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def folder(shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    build_cache(shards.manifest, RECIPE, folder, threads=2)
    return folder


@pytest.fixture(scope="module")
def cache(folder):
    return open_cache(folder)


def rows_of(cache, modality):
    """Row number by sample_id of the fine-tuning samples."""
    aligned = cache.samples[cache.samples["stage"] == STAGES.index("finetune")]
    return dict(zip(aligned["sample_id"], aligned[f"{modality}_row"], strict=True))


def test_the_made_up_shards_keep_the_contracts_of_preprocessing(shards):
    contracts = {
        "timeseries": schemas.TimeSeries,
        "images": schemas.Images,
        "notes": schemas.Notes,
        "samples": schemas.Samples,
    }
    for name, contract in contracts.items():
        check(shards.tables[name], contract, name)


def test_each_sample_points_to_its_own_radiograph(cache, shards):
    jpegs = dict(shards.tables["images"].select("dicom_id", "jpeg").iter_rows())
    aligned = shards.tables["samples"].filter(stage="finetune")
    rows = rows_of(cache, "image")
    for sample, dicom in aligned.select("sample_id", "dicom_id").iter_rows():
        if dicom is None:
            assert rows[sample] == -1
        else:
            expected = np.asarray(Image.open(io.BytesIO(jpegs[dicom])))
            np.testing.assert_array_equal(cache.pixels[rows[sample]], expected)


def test_findings_are_of_the_images_beside_them(cache, shards):
    table = pl.read_parquet(sorted((shards.manifest.parent / "images").glob("*.parquet")))
    assert cache.findings.shape == (table.height, 14) == (len(cache.pixels), 14)
    for found, labelled, given in zip(
        cache.findings.tolist(), table["labelled"], table["findings"].to_list(), strict=True
    ):
        assert found == ([int(label == 1) for label in given] if labelled else [-1] * 14)
    assert {-1, 0, 1} == set(cache.findings.flat)
    assert len(cache.spec.finding_names) == 14


def test_each_sample_points_to_its_own_text(cache, shards, folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json"))
    texts = dict(shards.tables["notes"].select("note_id", "text").iter_rows())
    aligned = shards.tables["samples"].filter(stage="finetune")
    rows = rows_of(cache, "text")
    for sample, note in aligned.select("sample_id", "note_id").iter_rows():
        if note is None:
            assert rows[sample] == -1
            continue
        start, end = cache.tokens_offsets[rows[sample] : rows[sample] + 2]
        ids = cache.tokens[start:end].tolist()
        whole = tokenizer.encode(texts[note]).ids
        assert ids == (whole if len(whole) <= 12 else [*whole[:11], whole[-1]])


def test_series_are_normalised_and_zero_where_nothing_was_measured(cache, shards):
    table = shards.tables["timeseries"]
    rows = rows_of(cache, "timeseries")
    for stay, values, observed in table.select("stay_id", "values", "observed").head(5).iter_rows():
        measured = np.reshape(observed, (HOURS, -1))[:, VARIABLE_OF_VALUE] == 1
        raw = np.reshape(values, (HOURS, VALUES))
        std = np.array([2.0] * (VALUES - 1) + [1.0])  # a deviation of 0 stays unscaled
        expected = np.where(measured, (raw - 5) / std, 0)
        np.testing.assert_allclose(cache.series[rows[stay]], expected, atol=1e-6)


def test_index_keeps_every_sample_with_its_split_and_label(cache, shards):
    table = shards.tables["samples"].sort(
        pl.col("stage").replace_strict({name: i for i, name in enumerate(STAGES)}), "sample_id"
    )
    assert [STAGES[i] for i in cache.samples["stage"]] == table["stage"].to_list()
    assert [SPLITS[i] for i in cache.samples["split"]] == table["split"].to_list()
    finetune = cache.samples[cache.samples["stage"] == STAGES.index("finetune")]
    deaths = cache.targets(finetune, cache.card.task(None))
    told = table.filter(stage="finetune")["in_hospital_mortality"]
    expected = told.cast(pl.Float32).to_numpy()
    np.testing.assert_array_equal(deaths[:, 0], expected)
    assert cache.samples["subject_id"].tolist() == table["subject_id"].to_list()


def test_vocabulary_has_seen_training_notes_only(folder):
    vocabulary = json.loads((folder / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
    assert "##ea" in vocabulary or "heart" in vocabulary
    assert not [token for token in vocabulary if "z" in token]  # "zyzzyva" is in test notes only


def test_vocabulary_does_not_depend_on_a_hash_seed():
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = ["".join(rng.choice(letters, rng.integers(2, 7))) for _ in range(300)]
    once, again = (wordpiece_vocabulary(lambda: [" ".join(words)], 400) for _ in range(2))
    assert len(once) == 400
    assert once == again


def test_transformers_opens_the_tokenizer(folder):
    from transformers import AutoTokenizer, BertTokenizerFast

    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    assert isinstance(tokenizer, BertTokenizerFast)
    ids = tokenizer("Heart large.")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "[CLS]"
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (0, 4)


def test_a_local_tokenizer_takes_the_place_of_the_trained_one(folder, shards, tmp_path):
    text = {**ENCODERS["text"], "pretrained": str(folder / "tokenizer")}
    build_cache(
        shards.manifest, Encoders.model_validate({**ENCODERS, "text": text}), tmp_path, threads=1
    )
    again, first = open_cache(tmp_path), open_cache(folder)
    assert again.spec == first.spec
    np.testing.assert_array_equal(again.tokens, first.tokens)
    assert again.digest != first.digest  # the settings differ, though the tokens do not


def test_the_same_shards_give_the_same_bytes(folder, shards, tmp_path):
    build_cache(shards.manifest, RECIPE, tmp_path, threads=1)
    for path in sorted(folder.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()


@pytest.mark.parametrize("length", [1, 10**6, 10**12])
def test_header_has_the_same_size_for_any_length(length):
    empty, full = io.BytesIO(), io.BytesIO()
    _write_header(empty, np.dtype(np.uint16), 0)
    _write_header(full, np.dtype(np.uint16), length)
    assert empty.tell() == full.tell()


def test_shards_without_radiographs_make_a_cache(tmp_path):
    shards = write_shards(tmp_path / "shards", parts=1)
    facts = json.loads(shards.manifest.read_text())
    facts["tables"]["images"]["rows"] = 0
    shards.manifest.write_text(json.dumps(facts))
    none = shards.tables["images"].clear()
    none.write_parquet(tmp_path / "shards/images/part-00000.parquet")
    table = shards.tables["samples"].with_columns(
        has_image=pl.lit(False), dicom_id=pl.lit(None, pl.String)
    )
    table.write_parquet(tmp_path / "shards/samples/part-00000.parquet")
    build_cache(shards.manifest, RECIPE, tmp_path / "cache", threads=1)
    cache = open_cache(tmp_path / "cache")
    assert cache.pixels.shape == (0, PX, PX)
    assert (cache.samples["image_row"] == -1).all()


def test_patches_that_do_not_divide_the_radiograph_are_refused(shards, tmp_path):
    image = {**ENCODERS["image"], "patch_px": 5}
    with pytest.raises(ConfigError, match=r"patch_px: images of 16 px .* patches of 5 px"):
        build_cache(
            shards.manifest, Encoders.model_validate({**ENCODERS, "image": image}), tmp_path, 1
        )


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "notes/part-00001.parquet").unlink(), "notes lacks"),
        (lambda folder: overwrite(folder, "notes", pl.all().head(1)), "manifest says 40"),
        (lambda folder: overwrite(folder, "images", pl.all().reverse(), jpeg=b"no"), "decoded"),
        (lambda folder: rename(folder), "does not hold"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "dataset: Field required"),
    ],
    ids=["missing part", "lost rows", "broken image", "foreign id", "no manifest"],
)
def test_shards_that_break_their_manifest_are_refused(tmp_path, break_it, message):
    shards = write_shards(tmp_path / "shards")
    break_it(shards.manifest.parent)
    with pytest.raises(DataContractError, match=message) as caught:
        build_cache(shards.manifest, RECIPE, tmp_path / "cache", threads=1)
    assert "image-1" not in str(caught.value)
    assert not (tmp_path / "cache/spec.json").exists()


def overwrite(folder, table, rows, **columns):
    path = folder / table / "part-00000.parquet"
    frame = pl.read_parquet(path).select(rows)
    frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()}).write_parquet(
        path
    )


def rename(folder):
    path = folder / "images/part-00000.parquet"
    pl.read_parquet(path).with_columns(dicom_id=pl.col("dicom_id") + "x").write_parquet(path)


def test_an_incomplete_cache_is_refused(folder, tmp_path):
    with pytest.raises(DataContractError, match=r"spec\.json is not there"):
        open_cache(tmp_path)
    facts = json.loads((folder / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps({**facts, "format": 0}))
    with pytest.raises(DataContractError, match="cache format 0, allowed is 4"):
        open_cache(tmp_path)
