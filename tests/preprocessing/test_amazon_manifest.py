import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from preprocessing.card import Card
from preprocessing.datasets.amazon import manifest
from preprocessing.errors import DataContractError, SourceMissingError
from synthetic import amazon
from tests.preprocessing.amazon_pipeline import CATEGORY, commands, run

SAMPLE = "All_Beauty_5.sample.json.gz"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    amazon.generate(folder, {CATEGORY: 600}, seed=1, image_share=0.4, px=32)
    return folder


@pytest.fixture(scope="module")
def made(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of every step."""
    return in_process(raw, tmp_path_factory.mktemp("made"), hash_seed="1")


def in_process(raw: Path, output: Path, *, hash_seed: str) -> Path:
    dumps = [raw / f"{CATEGORY}.json.gz", raw / f"meta_{CATEGORY}.json.gz", raw / "images"]
    command = [sys.executable, "-m", "tests.preprocessing.amazon_pipeline"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run([*command, *map(str, [*dumps, output])], check=True, env=environment)
    return output


def tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_same_command_gives_the_same_bytes_under_another_hash_seed(
    raw: Path, made: Path, tmp_path: Path
) -> None:
    again = tree(in_process(raw, tmp_path, hash_seed="2"))
    assert again == tree(made) and len(again) > 20


def test_the_manifest_says_what_the_shards_hold(made: Path) -> None:
    told = json.loads((made / "shards" / "manifest.json").read_text())
    assert told["dataset"] == "amazon" and told["leaky_text"] is True
    for name, table in told["tables"].items():
        rows = pl.concat(pl.read_parquet(p) for p in (made / "shards" / name).glob("part-*"))
        assert {column: str(dtype) for column, dtype in rows.schema.items()} == table["columns"]
        assert rows.height == table["rows"] and table["parts"] == 2
    counts = told["counts"][CATEGORY]["finetune"]
    assert (
        sum(sum(patterns.values()) for patterns in counts.values())
        == (told["tables"][f"{CATEGORY}/samples"]["rows"])
    )
    assert set(told["inputs"]) == {f"{CATEGORY}.json.gz", f"meta_{CATEGORY}.json.gz"}


def test_the_manifest_of_a_category_stands_alone(made: Path) -> None:
    joint = json.loads((made / "shards" / "manifest.json").read_text())
    own = json.loads((made / "shards" / CATEGORY / "manifest.json").read_text())
    assert own["dataset"] == f"amazon/{CATEGORY}" and own["digest"] == joint["digest"]
    assert own["tabular"] == joint["tabular"][CATEGORY]
    assert {f"{CATEGORY}/{name}": table for name, table in own["tables"].items()} == joint["tables"]
    assert all((made / "shards" / CATEGORY / name).is_file() for name in own["shards"])
    assert own["card"] == joint["card"]


def test_the_card_names_columns_that_the_shards_have(made: Path) -> None:
    own = json.loads((made / "shards" / CATEGORY / "manifest.json").read_text())
    card, tables = Card.model_validate(own["card"]), own["tables"]
    for place in card.modalities.values():
        assert place.key in tables[place.table]["columns"]
        assert place.key in tables["samples"]["columns"]
    assert {task.name for task in card.tasks} <= tables["samples"]["columns"].keys()
    assert card.unit.column in tables["samples"]["columns"]
    encoded = {**own["tabular"]["identifiers"], **own["tabular"]["categorical"]}
    assert {f"{name}_code" for name in encoded} <= tables["tabular"]["columns"].keys()
    # The six features of a review, verified first.
    assert card.words[0].column == "verified" and len(card.words) == 6
    assert {phrase.column for phrase in card.words} <= tables["tabular"]["columns"].keys()


def test_samples_point_to_rows_that_are_there(made: Path) -> None:
    def table(name: str) -> pl.DataFrame:
        folder = made / "shards" / CATEGORY / name
        return pl.concat(pl.read_parquet(path) for path in sorted(folder.glob("part-*")))

    samples = table("samples")
    pictured = samples.filter("has_image")
    assert pictured.join(table("images"), on="image_id").height == pictured.height > 0
    worded = samples.join(table("text"), on="sample_id")
    assert worded.height == samples.height and (worded["split"] == worded["split_right"]).all()
    codes = samples.join(table("tabular"), on="sample_id")
    assert (codes["asin"] == codes["product"]).all()
    # The split is by product: none outside of training was seen in training.
    assert set(codes.filter(pl.col("split") != "train")["product_code"]) == {1}


def test_shards_and_facts_of_different_runs_are_refused(made: Path, tmp_path: Path) -> None:
    def run_with(facts: Path, *categories: str) -> None:
        manifest.write_manifests(
            made / "shards", facts, categories, scale="smoke", output=tmp_path / "manifest.json"
        )

    with pytest.raises(SourceMissingError, match="amazon-reviews writes it"):
        run_with(tmp_path, CATEGORY)
    folder = tmp_path / CATEGORY
    folder.mkdir()
    for path in (made / "interim" / CATEGORY).glob("*.json"):
        (folder / path.name).write_text(path.read_text())
    run_with(tmp_path, CATEGORY)
    told = json.loads((folder / "text.json").read_text())
    (folder / "text.json").write_text(json.dumps({**told, "rows": 1}))
    with pytest.raises(DataContractError, match="1 in its facts"):
        run_with(tmp_path, CATEGORY)


def test_the_real_sample_goes_through_without_metadata_and_pictures(
    shared: Path, tmp_path: Path
) -> None:
    dump = shared / "data" / "amazon-2018" / SAMPLE
    run(commands(dump, tmp_path / "none", tmp_path / "none", tmp_path))
    told = json.loads((tmp_path / "shards" / "manifest.json").read_text())
    assert told["tables"][f"{CATEGORY}/text"]["rows"] == 923
    assert told["tables"][f"{CATEGORY}/images"]["rows"] == 0
    counts = told["counts"][CATEGORY]["finetune"]
    assert set(counts) == {"train", "valid", "test"}
    assert {pattern for split in counts.values() for pattern in split} == {"text+tabular"}
    ledger = json.loads((tmp_path / "ledger" / f"amazon_samples_{CATEGORY}.json").read_text())
    absent = {e["reason"]: e["rows_after"] for e in ledger["entries"] if "absent" in e["reason"]}
    assert len(absent) == 2 and all("image absent" in reason for reason in absent)
