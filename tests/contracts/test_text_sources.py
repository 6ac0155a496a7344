"""Text sources of the same stays: preprocessing writes their manifest, lanistr caches each."""

import json
import shutil

import polars as pl
import pytest

from lanistr.data.cache import build_cache, open_cache
from lanistr.data.manifest import read_manifest
from lanistr.errors import ConfigError
from lanistr.experiments.architecture import Encoders
from preprocessing.datasets.mimic import text_sources
from preprocessing.datasets.mimic.leakage import Mimic
from preprocessing.errors import DataContractError, SourceMissingError
from tests.lanistr.shards import ENCODERS, write_shards

SOURCES = ["discharge", "radiology_48h"]
RECIPE = Encoders.model_validate(ENCODERS)


@pytest.fixture
def folder(tmp_path):
    """Shards of MIMIC, and two text sources that differ in their notes."""
    made = write_shards(tmp_path / "mimic")
    told = json.loads(made.manifest.read_text()) | {"tabular": {"categorical": {}}}
    made.manifest.write_text(json.dumps(told))
    for source in SOURCES:
        for table in ("notes", "samples"):
            shutil.copytree(tmp_path / "mimic" / table, tmp_path / "text" / source / table)
            facts = {"rows": made.tables[table].height, "counts": {"finetune": {}}}
            facts |= {"source": source, "leaky": source == "discharge"}
            (tmp_path / "facts" / source).mkdir(parents=True, exist_ok=True)
            (tmp_path / "facts" / source / f"{table}.json").write_text(json.dumps(facts))
        for path in (tmp_path / "text" / source / "notes").iterdir():
            told_by = pl.col("text") + f" {source.split('_')[0]}"
            pl.read_parquet(path).with_columns(text=told_by).write_parquet(path)
    return tmp_path


def run(folder, sources=SOURCES):
    output = folder / "text/manifest.json"
    text_sources.run(folder / "mimic", folder / "text", folder / "facts", sources, output=output)
    return output


@pytest.mark.parametrize("source", SOURCES)
def test_a_cache_has_its_own_texts_and_shares_all_else(folder, source):
    manifest = run(folder)
    build_cache(folder / "mimic/manifest.json", RECIPE, folder / "whole", threads=1)
    build_cache(manifest, RECIPE, folder / source, threads=1, category=source)
    whole, own = open_cache(folder / "whole"), open_cache(folder / source)
    assert own.provenance["dataset"] == f"mimic/{source}"
    assert own.provenance["text_source"] == source
    assert own.provenance["leaky_text"] == (source == "discharge")
    assert (own.series == whole.series).all()
    assert (own.pixels == whole.pixels).all()
    assert (own.samples == whole.samples).all()
    assert len(own.tokens) != len(whole.tokens)


def test_all_sources_have_one_digest_and_the_manifest_says_that_some_leak(folder):
    manifest = read_manifest(run(folder))
    assert {manifest.of_category(s).digest for s in SOURCES} == {manifest.digest}
    assert manifest.digest != read_manifest(folder / "mimic/manifest.json").digest
    assert manifest.leaky_text


def test_the_gates_read_the_notes_of_a_source_and_the_stays_of_all(folder):
    run(folder)
    shards = Mimic.open(folder / "text", "discharge")
    notes = shards.scan("notes").collect()
    assert notes["text"].str.ends_with("discharge").all()
    assert shards.scan("timeseries").collect().height > 0
    assert set(shards.manifest["tables"]) >= {"notes", "samples", "images", "timeseries"}


def test_another_source_is_refused(folder):
    with pytest.raises(ConfigError, match=r"discharge.*radiology_48h"):
        read_manifest(run(folder)).of_category("poems")


def test_facts_of_another_run_are_refused(folder):
    (folder / "facts/discharge/notes.json").write_text(
        json.dumps({"rows": 3, "source": "discharge", "leaky": True})
    )
    with pytest.raises(DataContractError, match=r"discharge/notes: .* rows in the parts, 3 of"):
        run(folder)


def test_a_missing_step_is_named(folder):
    (folder / "facts/discharge/notes.json").unlink()
    with pytest.raises(SourceMissingError, match="snakemake textsources"):
        run(folder)
