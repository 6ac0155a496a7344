import json
from pathlib import Path

import polars as pl
import pytest

from preprocessing.datasets.amazon import samples
from preprocessing.datasets.amazon.image_paths import local_name
from preprocessing.errors import ConfigError, DataContractError
from preprocessing.ledger import Ledger

HOST = "https://images.example.org/I/"


def table_of(links: list[tuple[int | None, str | None, list[str]]]) -> pl.DataFrame:
    """Rows of `schemas.Links`."""
    schema = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}
    return pl.DataFrame(links, schema=schema, orient="row")


def test_a_reviewers_picture_comes_before_the_products() -> None:
    rows = pl.DataFrame(
        {
            "sample_id": [1, 2, 3, 4, 5],
            "asin": ["B1", "B1", "B2", "B3", "B4"],
            "in_metadata": [True, True, True, True, False],
        }
    )
    links = table_of(
        [
            (1, None, [f"{HOST}lost.jpg", f"{HOST}u.jpg"]),
            (None, "B1", [f"{HOST}p.jpg"]),
            (None, "B2", [f"{HOST}lost.jpg"]),
        ]
    )
    taken, shown = (Path(local_name(f"{HOST}{name}.jpg")).stem for name in "up")
    found = samples.pictures(links, frozenset({taken, shown}))
    paired = samples.add_pictures(rows, found)
    assert paired["image_id"].to_list() == [taken, shown, None, None, None]
    assert paired["image_absence"].to_list() == [
        None,
        None,
        samples.NOT_HAD,
        samples.NO_PICTURE,
        samples.NO_METADATA,
    ]


@pytest.fixture
def category(tmp_path: Path) -> Path:
    """60 reviews in two parts; every second has words, every third a picture."""
    numbers = list(range(60))
    splits = ["train", "train", "train", "valid", "test"] * 12
    for part in range(2):
        own = [number for number in numbers if number % 2 == part]
        pl.DataFrame(
            {
                "sample_id": own,
                "asin": [f"B{number % 5}" for number in own],
                "label": pl.Series([number % 5 for number in own], dtype=pl.Int8),
                "split": [splits[number] for number in own],
                "in_metadata": True,
            }
        ).write_parquet(tmp_path / f"reviews{part}.parquet")
        tabular = pl.DataFrame({"sample_id": own})
        tabular.write_parquet(tmp_path / f"tabular{part}.parquet")
        tabular.filter(pl.col("sample_id") % 4 < 2).write_parquet(tmp_path / f"text{part}.parquet")
    urls = {number: [f"{HOST}{number}.jpg"] for number in numbers if number % 3 == 0}
    links = table_of([(number, None, own) for number, own in urls.items()])
    links.write_parquet(tmp_path / "links.parquet")
    ids = [local_name(url)[:-4] for (url,) in urls.values()]
    pl.DataFrame({"image_id": ids, "jpeg": [b""] * len(ids)}).write_parquet(
        tmp_path / "images.parquet"
    )
    return tmp_path


def run(folder: Path, draw: samples.Draw | None) -> pl.DataFrame:
    def parts(table: str) -> list[Path]:
        return [folder / f"{table}{part}.parquet" for part in range(2)]

    samples.pair_samples(
        samples.Parts(parts("reviews"), parts("text"), parts("tabular")),
        folder / "links.parquet",
        [folder / "images.parquet"],
        draw,
        outputs=parts("samples"),
        facts=folder / "facts.json",
        ledger_path=folder / "ledger.json",
    )
    return pl.concat(pl.read_parquet(path) for path in parts("samples"))


def test_pretraining_sees_all_but_test_products_unlabeled(category: Path) -> None:
    rows = run(category, None)
    assert set(rows["split"]) == {"train", "valid"} and rows.height == 48
    assert set(rows["stage"]) == {"pretrain"} and rows["stars"].null_count() == 48
    assert (rows["has_image"] == rows["image_id"].is_not_null()).all()
    assert (rows["has_text"] == (rows["sample_id"] % 4 < 2)).all()
    for name in samples.MODALITIES:
        assert (rows[f"has_{name}"] == rows[f"{name}_absence"].is_null()).all()
    counts = json.loads((category / "facts.json").read_text())["counts"]["pretrain"]
    assert sum(sum(patterns.values()) for patterns in counts.values()) == 48
    assert counts["train"]["image+text+tabular"] > 0 and "" not in counts["train"]


def test_finetuning_draws_the_first_complete_reviews(category: Path) -> None:
    draw = samples.Draw({"train": 4, "valid": 1, "test": 100}, samples.MODALITIES)
    rows = run(category, draw)
    complete = [n for n in range(60) if n % 3 == 0 and n % 4 < 2]
    in_train = [number for number in complete if number % 5 < 3]
    drawn = rows.filter(pl.col("split") == "train")["sample_id"].sort().to_list()
    assert drawn == in_train[:4]
    assert rows.filter(pl.col("split") == "valid").height == 1
    tested = rows.filter(pl.col("split") == "test")["sample_id"].sort().to_list()
    assert tested == [number for number in complete if number % 5 == 4]
    assert (rows["stars"] == rows["sample_id"] % 5).all()


def test_a_draw_from_nothing_is_refused(category: Path) -> None:
    sizes: dict[samples.Split, int] = {"train": 1, "valid": 1, "test": 1}
    names = {"split": pl.String, "has_image": pl.Boolean, "image_absence": pl.String}
    rows = pl.DataFrame(schema={"sample_id": pl.Int64, **names})
    with pytest.raises(DataContractError, match="Fetch the pictures"):
        list(samples.finetuning([rows], sizes, ["image"], Ledger("test")))
    with pytest.raises(ConfigError, match="--require"):
        run(category, samples.Draw(sizes, ["sound"]))
    with pytest.raises(ConfigError, match="at least 1"):
        run(category, samples.Draw({**sizes, "test": 0}, ["text"]))
