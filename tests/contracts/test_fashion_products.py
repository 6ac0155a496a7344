"""The configuration of the fashion products, on made-up ones and, where they are, on real ones."""

import itertools
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from PIL import Image

from lanistr.data.card import Card
from lanistr.experiments.recipes import load_experiment, needed_for, read_registry
from lanistr.modality import Modality
from preprocessing.audit.leakage import report
from preprocessing.audit.leakage.gates import GENERIC
from preprocessing.audit.shards import open_variants
from tests.preprocessing.own_rows import read_own
from tests.preprocessing.test_rows_shards import shards_of

CONFIG = "config/fashion-products.yaml"
RECIPE = "recipes/rows-few-labels"
PRODUCTS = 200
SEASONS = ("Summer", "Fall", "Winter", "Spring")
TYPES = {"Shirts": "Topwear", "Heels": "Shoes", "Watches": "Watches"}


def write_products(folder: Path, root: Path, **changes: Any) -> Path:
    """The configuration in a folder of its own, with another root and changes of its section."""
    config = yaml.safe_load(Path(CONFIG).read_text())
    config["rows"] |= {"root": str(root), **changes}
    path = folder / "described/fashion-products.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def make_products(folder: Path) -> Path:
    """Products whose names hold their type, as those of the shop do; every tenth has no season."""
    (folder / "images").mkdir()
    for number, _ in enumerate(TYPES):
        Image.new("RGB", (30, 40), (80 * number, 90, 30)).save(folder / f"images/{number}.jpg")
    rows = []
    kinds = itertools.cycle(TYPES.items())
    for number, (kind, group) in zip(range(PRODUCTS), kinds, strict=False):
        rows.append(
            {
                "id": number,
                "name": f"Brand{number % 7} Model {number // 2} {kind}",
                "gender": ("Men", "Women")[number % 2],
                "masterCategory": "Apparel" if group == "Topwear" else "Accessories",
                "subCategory": group,
                "articleType": kind,
                "baseColour": ("Black", "Navy Blue", "NA")[number % 3],
                "season": None if number % 10 == 0 else SEASONS[number * 7 % 11 % 4],
                "year": 2011 + number % 2,
                "usage": ("Casual", "Formal")[number % 5 == 0],
                "image": f"images/{number % len(TYPES)}.jpg",
            }
        )
    pl.DataFrame(rows).write_csv(folder / "products.csv")
    return folder


@pytest.fixture
def at_home(repository, monkeypatch):
    """The working folder in which the configuration lies where it says."""
    monkeypatch.chdir(repository)


def caught(path: Path) -> set[str]:
    """The gates that find something in the shards of a configuration."""
    variants = open_variants(shards_of(path)[0])
    return {finding.gate for finding in report.findings(variants, resamples=50) if finding.found}


@pytest.mark.usefixtures("at_home")
def test_products_become_rows_with_every_modality(tmp_path):
    rows, contents, _ = read_own(write_products(tmp_path, make_products(tmp_path)))
    unlabeled = rows.filter(pl.col("season").is_null())
    assert set(unlabeled["split"]) <= {"train", "valid"} and unlabeled.height > 0
    assert list(contents["columns"]) == [
        *("gender", "subCategory", "articleType", "baseColour", "usage")
    ]
    assert contents["tasks"][0]["classes"] == list(SEASONS)
    assert contents["description"]["root"] == "."  # of new rows: where they are


@pytest.mark.usefixtures("at_home")
def test_a_type_that_stands_in_the_names_is_told_and_a_season_is_not(tmp_path):
    root = make_products(tmp_path)
    assert "label-words" not in caught(write_products(tmp_path, root))
    (other := tmp_path / "other").mkdir()
    columns = yaml.safe_load(Path(CONFIG).read_text())["rows"]["columns"]
    del columns["articleType"]
    asked = {"kind": {"kind": "multiclass", "column": "articleType"}}
    leaky = write_products(other, root, tasks=asked, columns=columns | {"season": "ignore"})
    assert "label-words" in caught(leaky)


@pytest.mark.usefixtures("at_home")
def test_lanistr_reads_columns_as_words_and_the_baselines_read_the_table(tmp_path):
    _, manifest = shards_of(write_products(tmp_path, make_products(tmp_path)))
    card = Card.model_validate(manifest["card"])
    registry, recipe = (Path(f"config/{name}.yaml") for name in ("experiments-rows", RECIPE))
    for name in needed_for(read_registry(registry), "own_labels"):
        made = load_experiment(registry, recipe, name, card)
        assert made.data.columns_as_text == (made.method == "lanistr"), name
        assert (Modality.TABULAR in made.modalities) == (made.method != "lanistr"), name


@pytest.mark.usefixtures("at_home")
def test_the_real_products_are_read_and_no_gate_stops_a_run(shared, tmp_path):
    real = shared / "data/fashion-products"
    if not real.is_dir():
        pytest.skip("../shared/data/fashion-products is not here")
    rows = pl.read_csv(real / "products.csv", infer_schema=False)
    rows.write_csv(tmp_path / "products.csv")
    with tarfile.open(real / "images.tar") as pictures:
        pictures.extractall(tmp_path, filter="data")
    assert rows.height == 12_000
    found = caught(write_products(tmp_path, tmp_path))
    assert not {gate for gate in found if GENERIC[gate].stops}
