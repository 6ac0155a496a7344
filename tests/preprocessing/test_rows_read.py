import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from preprocessing.datasets.rows.description import Description
from preprocessing.errors import DataContractError
from tests.preprocessing.own_rows import (
    ROWS,
    parcels,
    read_as_new,
    read_own,
    rows_section,
    write_own,
)


def refusal(path: Path) -> str:
    with pytest.raises(DataContractError) as error:
        read_own(path)
    return str(error.value)


def changed(**columns: list) -> dict[str, list]:
    return parcels() | columns


def replaced(name: str, place: int, value: object) -> dict[str, list]:
    values = list(parcels()[name])
    values[place] = value
    return changed(**{name: values})


def test_rows_hold_every_modality(tmp_path: Path) -> None:
    rows, contents, _ = read_own(write_own(tmp_path))
    first, second, third = rows.head(3).rows(named=True)
    assert second["text"] == "handle 1, with care"
    assert third["text"] == "handle 2, with care\nshelf 2"
    assert Path(second["image"]).name == "1.jpg"
    assert first["image"] is None and first["size"] is None and third["colour"] is None
    assert second["sent"] == 1704153600  # 2024-01-02
    assert (first["late"], second["late"], second["weight"]) == (0, 1, 1.5)
    # Hours 1 and 1.5 are one step, of which the mean is taken; hour 9 is off the grid.
    assert first["observed"] == [0, 0, 1, 0, 0, 0, 0, 1]
    assert [first["timeseries"][place] for place in (2, 7)] == [15.0, 1.0]
    assert second["timeseries"] is None
    assert contents["series"]["variables"] == ["heat", "shock"]
    assert contents["unit"]["singular"] == "sender"


def test_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    found = []
    for ending in ("csv", "parquet"):
        rows, _, _ = read_own(write_own(tmp_path, ending=ending))
        found.append(rows)
    assert found[0].equals(found[1])


def test_order_of_lines_changes_nothing(tmp_path: Path) -> None:
    rows, _, _ = read_own(write_own(tmp_path))
    backwards = {name: values[::-1] for name, values in parcels().items()}
    again, _, _ = read_own(write_own(tmp_path, backwards))
    assert rows.equals(again)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_new_rows_are_read_as_those_of_training(tmp_path: Path, ending: str) -> None:
    path = write_own(tmp_path, ending=ending)
    rows, contents, _ = read_own(path)
    new = read_as_new(path, contents["description"])
    assert new["sample_id"].to_list() == rows["row_id"].to_list()
    assert new.drop("sample_id").equals(rows.select(new.drop("sample_id").columns))


def test_new_rows_need_no_answers_groups_and_series(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    _, contents, _ = read_own(path)
    table = pl.read_csv(tmp_path / "parcels.csv")
    table.drop("late", "weight", "sender", "memo", "parcel").write_csv(tmp_path / "parcels.csv")
    new = read_as_new(path, contents["description"], series=False)
    assert new["sample_id"].to_list() == [str(number) for number in range(1, ROWS + 1)]
    assert new["timeseries"].null_count() == ROWS


def test_new_rows_need_the_inputs(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    _, contents, _ = read_own(path)
    pl.read_csv(tmp_path / "parcels.csv").drop("size").write_csv(tmp_path / "parcels.csv")
    with pytest.raises(DataContractError, match=r"parcels.csv, column size: is not in the file"):
        read_as_new(path, contents["description"])


def test_delimiters_and_byte_order_mark(tmp_path: Path) -> None:
    rows, _, _ = read_own(write_own(tmp_path))
    for mark in (";", "\t"):
        pl.DataFrame(parcels()).write_csv(
            tmp_path / "parcels.csv", separator=mark, include_bom=True
        )
        again, _, _ = read_own(tmp_path / "own.yaml")
        assert rows.equals(again)


@pytest.mark.parametrize(
    ("line", "found"),
    [("p999,s1,yes", "has 3 fields"), ("p999" + "," * 11, "has 12 fields"), ("", "has 0 fields")],
)
def test_rows_of_another_width_are_refused(tmp_path: Path, line: str, found: str) -> None:
    path = write_own(tmp_path)
    lines = (tmp_path / "parcels.csv").read_text().splitlines()
    (tmp_path / "parcels.csv").write_text("\n".join([*lines[:4], line, *lines[4:]]))
    message = refusal(path)
    assert found in message and "line 5" in message


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    with (tmp_path / "parcels.csv").open("ab") as file:
        file.write("é".encode("cp1252"))
    assert "not UTF-8" in refusal(path)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (replaced("size", 2, "much"), "row 3 (line 4), column size: no number, in 1 row"),
        (replaced("sent", 4, "1/2/2024"), "row 5 (line 6), column sent: no date"),
        (replaced("late", 5, "maybe"), "row 6 (line 7), column late: a class"),
        (replaced("parcel", 7, "p003"), "row 8 (line 9), column parcel: an id that"),
        (replaced("parcel", 7, None), "row 8 (line 9), column parcel: no id"),
        (replaced("picture", 1, "9.jpg"), "row 2 (line 3), column picture: a picture"),
        (replaced("picture", 1, "../own.yaml"), "column picture: a path outside"),
        (changed(late=["no"] * ROWS), "column late: has 1 class"),
        (changed(late=[None] * ROWS), "column late: has 0 classes"),
        (changed(weight=[None] * ROWS), "column weight: no row has an answer"),
        (changed(weight=[1.0] * ROWS), "column weight: the answer is the same in every row"),
        (changed(size=[1.0] * ROWS), "column size: has the same value in every row"),
        (changed(note=[None] * ROWS), "column note: has no value in any row"),
        (changed(colour=[f"c{n}" for n in range(ROWS)]), "column colour: is a category, but 60"),
        (changed(extra=["x"] * ROWS), "column 12: its name is not in the description"),
        (changed(colours=["x"] * ROWS), "Did you mean colour"),
    ],
)
def test_problems_name_file_column_and_row(tmp_path: Path, columns: dict, told: str) -> None:
    if "colours" in columns:
        columns = {name: values for name, values in columns.items() if name != "colour"}
    message = refusal(write_own(tmp_path, columns))
    assert "parcels.csv" in message and told in message


@pytest.mark.parametrize("name", ["note", "parcel", "sender", "colour", "size", "late", "weight"])
def test_lists_and_bytes_are_no_text_and_no_number(tmp_path: Path, name: str) -> None:
    for values, kind in (([["a"]] * ROWS, "List"), ([b"a"] * ROWS, "Binary")):
        message = refusal(write_own(tmp_path, changed(**{name: values}), ending="parquet"))
        assert f"parcels.parquet, column {name}: holds {kind}. Write texts" in message


def test_messages_hold_no_values(tmp_path: Path) -> None:
    columns = replaced("size", 2, "secret") | {"sent": ["secret"] * ROWS}
    columns["picture"] = ["secret.jpg"] * ROWS
    message = refusal(write_own(tmp_path, columns))
    assert "secret" not in message
    assert {"size", "sent", "picture"} <= {word.strip(":") for word in message.split()}


def test_pictures_may_be_missing_where_it_is_said(tmp_path: Path) -> None:
    path = write_own(tmp_path, replaced("picture", 1, "9.jpg"), missing_pictures="absent")
    rows, _, entries = read_own(path)
    assert rows["image"][1] is None
    assert [e["rows_after"] for e in entries if "there is no file" in e["reason"]] == [1]


def test_pictures_may_be_bytes(tmp_path: Path) -> None:
    files = [None if n % 3 else bytes([n]) for n in range(ROWS)]
    rows, _, _ = read_own(write_own(tmp_path, changed(picture=files), ending="parquet"))
    assert rows["image"].to_list() == files


def test_unlabeled_rows_are_for_pretraining(tmp_path: Path) -> None:
    more = {name: values[:4] for name, values in parcels().items() if name != "weight"}
    more |= {"parcel": ["q1", "q2", "q3", "q4"], "late": ["?"] * 4}
    pl.DataFrame(more).write_csv(tmp_path / "more.csv")
    rows, _, entries = read_own(write_own(tmp_path, unlabeled="more.csv"))
    split = dict(rows.select("group", "split").rows())
    # s0 is in train; s1 is in the test split, so its unlabeled rows are of no use.
    assert (split["s0"], split["s1"]) == ("train", "test")
    added = rows.filter(pl.col("row_id").str.starts_with("q"))
    assert added["row_id"].to_list() == ["q1", "q2"]
    assert added.select(pl.col("late", "weight").null_count()).row(0) == (2, 2)
    assert [e["rows_after"] for e in entries if e["reason"].startswith("unlabeled: ")] == [4]


def test_resolved_description_is_a_description(tmp_path: Path) -> None:
    _, contents, _ = read_own(write_own(tmp_path))
    told = Description.read(json.dumps(contents["description"]), tmp_path)
    assert told.series is not None and told.series.variables == ("heat", "shock")
    assert told.folder == tmp_path and told.image_px == rows_section()["image_px"]


def test_files_lie_below_the_root_and_new_rows_where_they_are(tmp_path: Path) -> None:
    (home := tmp_path / "data").mkdir()
    beside = write_own(home)
    described = tmp_path / "described.yaml"
    section = yaml.safe_load(beside.read_text())["rows"]
    described.write_text(yaml.safe_dump({"rows": section | {"root": "data"}}))
    rows, contents, _ = read_own(described)
    assert rows["image"].to_list() == read_own(beside)[0]["image"].to_list()
    assert contents["description"]["root"] == "."
