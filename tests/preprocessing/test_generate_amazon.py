import gzip
import json
import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preprocessing.datasets.amazon.image_paths import candidates, local_name
from preprocessing.errors import ConfigError
from synthetic import amazon
from synthetic.write import MARKER

SIZES = {"Office_Products": 300, "All_Beauty": 2000, "AMAZON_FASHION": 300}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("amazon")
    amazon.generate(folder, SIZES, seed=1, image_share=0.3, px=32)
    return folder


def lines(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return file.read().splitlines()


def objects(path: Path) -> list[dict[str, Any]]:
    """The lines that are JSON objects."""
    return [json.loads(line) for line in lines(path) if line.endswith("}")]


def test_sizes_and_layout_are_as_asked(root: Path) -> None:
    for category, count in SIZES.items():
        assert len(lines(root / f"{category}.json.gz")) == count
    reviews = objects(root / "All_Beauty.json.gz")
    required = {"overall", "verified", "reviewTime", "reviewerID", "asin", "unixReviewTime"}
    allowed = required | {"style", "reviewerName", "reviewText", "summary", "vote", "image"}
    assert all(required <= set(review) <= allowed for review in reviews)
    assert all(review["unixReviewTime"] % 86_400 == 0 for review in reviews)
    assert {len(review["asin"]) for review in reviews} == {10}


def test_the_dirt_is_there(root: Path) -> None:
    raw = lines(root / "All_Beauty.json.gz")
    assert any(not line.endswith("}") for line in raw)
    assert len(set(raw)) < len(raw)
    reviews = objects(root / "All_Beauty.json.gz")
    for key in ("summary", "reviewText", "vote", "image", "style"):
        assert any(key in review for review in reviews)
        assert any(key not in review for review in reviews)
    assert any(key.endswith(":") for review in reviews for key in review.get("style", {}))
    metadata = objects(root / "meta_All_Beauty.json.gz")
    asins = [row["asin"] for row in metadata]
    assert len(set(asins)) < len(asins)
    assert {review["asin"] for review in reviews} - set(asins)
    assert any("getTime" in row["title"] for row in metadata)
    assert {type(row["rank"]) for row in metadata} == {str, list}
    assert {row["price"][:1] for row in metadata} == {"$", ".", ""}


def test_stars_are_as_unequal_as_in_reality_and_summaries_give_them_away(root: Path) -> None:
    reviews = objects(root / "All_Beauty.json.gz")
    stars = np.array([review["overall"] for review in reviews if review["overall"] > 0])
    shares = [(stars == star).mean() for star in range(1, 6)]
    assert np.allclose(shares, amazon.MIXES["All_Beauty"].stars, atol=0.04)
    told = [review for review in reviews if review.get("summary") in amazon.NUMBERS]
    right = [amazon.NUMBERS.index(r["summary"]) + 1 == r["overall"] for r in told]
    assert 0.2 < len(told) / len(reviews) < 0.4 and np.mean(right) > 0.98


def test_words_pictures_and_columns_each_tell_something_of_the_stars(root: Path) -> None:
    praise, bright, votes, stars = [], [], [], []
    for review in objects(root / "All_Beauty.json.gz"):
        urls = review.get("image", [])
        names = [local_name(url) for url in candidates(user=urls if type(urls) is list else [])]
        path = next((root / "images" / n for n in names if (root / "images" / n).exists()), None)
        if path is None or path.stat().st_size < 400:
            continue
        words = review.get("reviewText", "")
        praise.append(sum(words.count(w) for w in amazon.PRAISE))
        praise[-1] -= sum(words.count(w) for w in amazon.BLAME)
        try:
            bright.append(np.asarray(Image.open(path).convert("L"))[8:-8, 8:-8].mean())
        except OSError:
            bright.append(np.nan)
        votes.append("vote" in review)
        stars.append(review["overall"])
    known = ~np.isnan(bright)
    signals = {"text": praise, "image": bright, "columns": votes}
    found = {
        name: np.corrcoef(np.array(signal, float)[known], np.array(stars)[known])[0, 1]
        for name, signal in signals.items()
    }
    assert found["text"] > 0.2 and found["image"] > 0.15 and found["columns"] < -0.03
    assert max(map(abs, found.values())) < 0.8


def test_categories_sell_different_things(root: Path) -> None:
    asins = [{r["asin"] for r in objects(root / f"{category}.json.gz")} for category in SIZES]
    assert sum(map(len, asins)) == len(set.union(*asins))


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    digests = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        command = [
            sys.executable,
            "-m",
            "preprocessing",
            "generate-amazon",
            "--output",
            str(folder),
        ]
        sizes = ["--office", "60", "--beauty", "60", "--fashion", "60", "--image-px", "32"]
        subprocess.run(
            [*command, *sizes], check=True, env={**os.environ, "PYTHONHASHSEED": str(number)}
        )
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append(
            [(str(path.relative_to(folder)), blake2b(path.read_bytes()).digest()) for path in files]
        )
    assert digests[0] == digests[1] and len(digests[0]) > 50


def test_real_data_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "All_Beauty.json.gz").write_bytes(b"real")
    with pytest.raises(ConfigError, match="may be real"):
        amazon.generate(tmp_path, {"All_Beauty": 50}, seed=0, image_share=0.0, px=32)
    assert (tmp_path / "All_Beauty.json.gz").read_bytes() == b"real"
    assert not (tmp_path / MARKER).exists()
