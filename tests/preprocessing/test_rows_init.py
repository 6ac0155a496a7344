import csv
import json
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from preprocessing.datasets.rows.description import Description
from preprocessing.datasets.rows.init import write_configuration
from preprocessing.errors import ConfigError
from tests.preprocessing.own_rows import ROWS, parcels, read_own, readings, write_own
from tests.preprocessing.test_rows_shards import shards_of, table

FASHION = Path(__file__).parents[3] / "shared/data/fashion-products"


def guessed(folder: Path, label: str = "late", **options: Any) -> dict[str, Any]:
    path = folder / "guessed.yaml"
    path.unlink(missing_ok=True)
    write_configuration(folder / "parcels.csv", label, path, **options)
    return yaml.safe_load(path.read_text())


def test_types_are_guessed(tmp_path: Path) -> None:
    notes = [f"please handle number {n} with care" for n in range(ROWS)]
    columns = parcels() | {"note": notes, "parcel_id": parcels()["parcel"]}
    del columns["parcel"]
    write_own(tmp_path, columns)
    config = guessed(tmp_path)
    rows = config["rows"]
    assert rows["id"] == "parcel_id"
    assert rows["tasks"] == {"late": {"kind": "binary", "classes": ["no", "yes"]}}
    assert rows["columns"] == {
        "sender": "category",
        "weight": "number",
        "note": "text",
        "remark": "category",
        "picture": {"type": "image", "root": "pictures"},
        "colour": "category",
        "size": "number",
        "sent": "date",
        "memo": "ignore",
    }


@pytest.mark.parametrize(
    ("label", "kind"), [("late", "binary"), ("colour", "multiclass"), ("weight", "regression")]
)
def test_kind_of_task_is_guessed(tmp_path: Path, label: str, kind: str) -> None:
    write_own(tmp_path)
    assert guessed(tmp_path, label)["rows"]["tasks"][label]["kind"] == kind


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_series_are_guessed_and_read(tmp_path: Path, layout: str) -> None:
    write_own(tmp_path)
    long = pl.DataFrame(readings())
    wide = long.pivot("name", index=["parcel", "hour"], values="value")
    (long if layout == "long" else wide).write_csv(tmp_path / "readings.csv")
    rows = pl.read_csv(tmp_path / "parcels.csv").rename({"parcel": "parcel_id"})
    rows.write_csv(tmp_path / "parcels.csv")
    series = guessed(tmp_path, series=tmp_path / "readings.csv")["rows"]["series"]
    assert (series["layout"], series["id"], series["time"]) == (layout, "parcel", "hour")
    assert (series["steps"], series["step_hours"]) == (5, 2)
    read, contents, _ = read_own(tmp_path / "guessed.yaml")
    assert contents["series"]["variables"] == ["heat", "shock"]
    assert read["timeseries"].count() == ROWS / 2


def test_guess_is_accepted_as_it_stands(tmp_path: Path) -> None:
    write_own(tmp_path)
    guessed(tmp_path)
    rows, _, _ = read_own(tmp_path / "guessed.yaml")
    assert rows.height == ROWS


def test_texts_that_come_again_are_told_of(tmp_path: Path) -> None:
    notes = [f"please handle number {n // 2} with care" for n in range(ROWS)]
    for columns, told in ((parcels() | {"note": notes}, True), (parcels(), False)):
        write_own(tmp_path, columns)
        guessed(tmp_path)
        text = (tmp_path / "guessed.yaml").read_text()
        assert ("gate duplicate-texts" in text) is told


def test_unknown_label_names_the_nearest(tmp_path: Path) -> None:
    write_own(tmp_path)
    with pytest.raises(ConfigError, match="Is column 3 meant"):
        guessed(tmp_path, "lates")


def test_label_that_names_the_rows_is_refused(tmp_path: Path) -> None:
    write_own(tmp_path)
    with pytest.raises(ConfigError, match="has 60 values in 60 rows, which are no numbers"):
        guessed(tmp_path, "parcel")


def test_configuration_is_not_overwritten(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    with pytest.raises(ConfigError, match="is there already"):
        write_configuration(tmp_path / "parcels.csv", "late", path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"titel": "x"}, "titel: unknown; did you mean title?"),
        ({"split": {"colum": "fold"}}, "split.colum: unknown; did you mean column?"),
        ({"columns": {"a": {"type": "image", "rot": "."}}}, "did you mean root?"),
        ({"columns": {"a": "numbr"}}, "columns.a.type: Input should be"),
        ({"columns": {"a": "image", "b": "image"}}, "allowed is one"),
        ({"columns": {"group": "category"}}, "is a name of the shards"),
        ({"tasks": {"late": {"kind": "multilabel"}}}, "tasks.late.labels"),
        ({"tasks": {"Late": {"kind": "binary"}}}, "lower-case letters"),
        ({"tasks": {"a": {"kind": "binary", "classes": ["x"]}}}, "binary has 2, found 1"),
        ({"tasks": {"size": {"kind": "regression"}}}, "is a column of the table"),
        ({"split": {"column": "a", "time": "b"}}, "exclude each other"),
        ({"split": {"valid": 0.5, "test": 0.5}}, "leave nothing for train"),
        ({"id": ""}, "id: name the column"),
    ],
)
def test_problems_of_a_description(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    section = yaml.safe_load(write_own(tmp_path).read_text())["rows"] | change
    with pytest.raises(ConfigError) as error:
        Description.read(json.dumps(section))
    assert told in str(error.value)


def test_all_problems_of_a_description_are_told_at_once(tmp_path: Path) -> None:
    section = yaml.safe_load(write_own(tmp_path).read_text())["rows"]
    section |= {"titel": "x", "split": {"colum": "fold"}, "mirror": "perhaps"}
    with pytest.raises(ConfigError) as error:
        Description.read(json.dumps(section))
    assert all(word in str(error.value) for word in ("titel", "split.colum", "mirror"))


@pytest.mark.skipif(not FASHION.is_dir(), reason="shared/data/fashion-products is not there")
def test_real_products_become_shards(tmp_path: Path) -> None:
    with (FASHION / "products.csv").open(newline="") as file:
        header, *lines = list(csv.reader(file))
    some = lines[::30]
    with (tmp_path / "products.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *some])
    with tarfile.open(FASHION / "images.tar") as archive:
        wanted = {line[header.index("image")] for line in some}
        members = [member for member in archive if member.name.removeprefix("./") in wanted]
        archive.extractall(tmp_path, members)
    path = tmp_path / "own.yaml"
    write_configuration(tmp_path / "products.csv", "season", path)
    config = yaml.safe_load(path.read_text())
    config["rows"]["split"]["stratify"] = True
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    folder, manifest = shards_of(path)
    assert list(manifest["card"]["modalities"]) == ["text", "image", "tabular"]
    assert manifest["card"]["tasks"][0]["classes"] == ["Fall", "Spring", "Summer", "Winter"]
    samples = table(folder, "samples").filter(stage="finetune")
    assert samples.height == sum(line[header.index("season")] not in ("", "NA") for line in some)
    assert samples["has_image"].mean() > 0.99
