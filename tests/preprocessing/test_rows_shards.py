import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from lanistr.data.card import Card
from preprocessing.card import Noun, Task
from preprocessing.datasets.rows.contents import Contents, TableColumn
from preprocessing.datasets.rows.shards import write_shards
from preprocessing.errors import DataContractError
from reading import pictures
from tests.preprocessing.own_rows import ROWS, STEPS, parcels, read_own, write_own


def shards_of(path: Path, **options: Any) -> tuple[Path, dict[str, Any]]:
    """The folder of the shards of a configuration, and their manifest."""
    read_own(path)
    folder = path.parent / "shards"
    write_shards(
        path.parent / "read/rows.parquet",
        path.parent / "read/contents.json",
        **({"data": "rows", "scale": "own"} | options),
        folder=folder,
        ledger_path=path.parent / "ledger.json",
    )
    return folder, json.loads((folder / "manifest.json").read_text())


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / name / "part-*.parquet")


def test_manifest_has_the_card(tmp_path: Path) -> None:
    _, manifest = shards_of(write_own(tmp_path), data="parcels")
    assert (manifest["dataset"], manifest["scale"]) == ("parcels", "own")
    card = Card.model_validate(manifest["card"])
    assert list(card.modalities) == ["text", "image", "tabular", "timeseries"]
    assert [task.name for task in card.tasks] == ["late", "weight"]
    assert card.task("late").classes == ("no", "yes")
    assert card.unit.column == "group" and card.unit.plural == "senders"
    assert [(word.column, word.form) for word in card.words] == [
        ("colour", "plain"),
        ("size", "plain"),
        ("sent", "date"),
    ]
    assert manifest["rows"]["series"]["variables"] == ["heat", "shock"]


def test_a_variant_has_the_card_of_its_data_set(tmp_path: Path) -> None:
    _, manifest = shards_of(write_own(tmp_path), data="parcels/north")
    assert (manifest["dataset"], manifest["card"]["name"]) == ("parcels/north", "parcels")


def test_statistics_are_those_of_train(tmp_path: Path) -> None:
    folder, manifest = shards_of(write_own(tmp_path))
    train = table(folder, "tabular").filter(split="train")
    size = train["size"].drop_nulls()
    assert manifest["tabular"]["numeric"]["size"] == pytest.approx(
        {"mean": size.mean(), "std": size.std(ddof=0)}
    )
    samples = table(folder, "samples").filter(split="train", stage="finetune")
    task = manifest["card"]["tasks"][1]
    assert task["mean"] == pytest.approx(samples["weight"].mean())
    assert task["std"] == pytest.approx(samples["weight"].std(ddof=0))
    series = table(folder, "timeseries").filter(split="train")
    values = series["values"].to_numpy().reshape(-1, STEPS, 2)
    facts = manifest["timeseries"]
    assert facts["hours"] == STEPS and facts["variable_of_value"] == [0, 1]
    assert facts["mean"] == pytest.approx(np.nanmean(values, axis=(0, 1)).tolist(), rel=1e-5)
    assert facts["std"] == pytest.approx(np.nanstd(values, axis=(0, 1)).tolist(), rel=1e-5)


def test_stages_and_absences(tmp_path: Path) -> None:
    folder, manifest = shards_of(write_own(tmp_path))
    samples = table(folder, "samples")
    finetune, pretrain = (samples.filter(stage=name) for name in ("finetune", "pretrain"))
    assert finetune.height == ROWS
    assert set(pretrain["split"]) == {"train", "valid"}
    assert pretrain.select(pl.col("late", "weight").null_count()).row(0) == (pretrain.height,) * 2
    assert finetune["has_text"].sum() == sum(
        bool(note or remark)
        for note, remark in zip(parcels()["note"], parcels()["remark"], strict=True)
    )
    for name in ("text", "image", "tabular", "timeseries"):
        absent = finetune.filter(~pl.col(f"has_{name}"))
        assert absent[f"{name}_absence"].null_count() == 0
        keys = table(folder, manifest["card"]["modalities"][name]["table"])["sample_id"]
        assert set(keys) == set(finetune.filter(f"has_{name}")["sample_id"])
    assert finetune.height == sum(
        sum(patterns.values()) for patterns in manifest["counts"]["finetune"].values()
    )


def test_pictures_are_small_squares(tmp_path: Path) -> None:
    folder, manifest = shards_of(write_own(tmp_path))
    assert manifest["image"] == {"px": 16, "channels": 3}
    with Image.open(io.BytesIO(table(folder, "images")["jpeg"][0])) as image:
        assert image.size == (16, 16)


def test_broken_picture_is_absent_with_a_reason(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    (tmp_path / "pictures/1.jpg").write_bytes(b"no picture")
    folder, _ = shards_of(path)
    samples = table(folder, "samples").filter(stage="finetune")
    assert pictures.NOT_A_PICTURE in set(samples["image_absence"])


def test_modalities_that_are_not_there_are_not_told_of(tmp_path: Path) -> None:
    columns = {"colour": "category", "size": "number"}
    others = [name for name in parcels() if name not in {*columns, "parcel", "late", "weight"}]
    columns |= dict.fromkeys(others, "ignore")
    path = write_own(tmp_path)
    config = yaml.safe_load(path.read_text())
    config["rows"] |= {"columns": columns, "id": "parcel"}
    del config["rows"]["series"]
    path.write_text(yaml.safe_dump(config))
    folder, manifest = shards_of(path)
    assert list(manifest["card"]["modalities"]) == ["tabular"]
    assert not {"text", "image", "timeseries"} & manifest.keys()
    assert not [name for name in table(folder, "samples").columns if "image" in name]


def test_same_rows_give_the_same_shards(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    first = shards_of(path)[1]["shards"]
    backwards = {name: values[::-1] for name, values in parcels().items()}
    assert shards_of(write_own(tmp_path, backwards))[1]["shards"] == first


def test_multilabel_of_another_adapter(tmp_path: Path) -> None:
    noun = Noun(singular="stay", plural="stays")
    task = Task(name="signs", kind="multilabel", title="signs", classes=("a", "b"))
    Contents(
        title="Stays",
        unit=noun,
        sample=noun,
        tasks=(task,),
        columns={"age": TableColumn(type="number", title="age")},
    ).write(tmp_path / "contents.json")
    rows = pl.DataFrame(
        {
            "row_id": ["1", "2"],
            "group": ["1", "2"],
            "split": ["train", "test"],
            "signs": pl.Series([[1, 0], None], dtype=pl.Array(pl.Int8, 2)),
            "age": [30.0, None],
        }
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    options = {"data": "stays", "scale": "own", "folder": tmp_path / "shards"}
    files = (tmp_path / "rows.parquet", tmp_path / "contents.json")
    write_shards(*files, **options, ledger_path=tmp_path / "ledger.json")
    samples = table(tmp_path / "shards", "samples").filter(stage="finetune")
    assert samples["signs"].to_list() == [[1, 0]]
    rows.rename({"age": "years"}).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataContractError, match="'age', 'years'"):
        write_shards(*files, **options, ledger_path=tmp_path / "ledger.json")
