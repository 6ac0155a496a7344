"""The challenge's text files become rows and series, or one message says what is wrong."""

import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pytest
import yaml

from preprocessing.datasets.physionet2012 import stays
from preprocessing.datasets.physionet2012.records import locate, read_records
from preprocessing.errors import DataContractError, SourceMissingError

HEADER = "Time,Parameter,Value"
READINGS = ["00:07,HR,80", "01:30,HR,1e+02", "02:00,Weight,81.5", "03:00,pH,735", "48:00,GCS,15"]


def record(number: int, readings: list[str] = READINGS, **changed: object) -> str:
    """The text of a record; `changed` descriptors hold another value, or "" = are not there."""
    descriptors = {"RecordID": number, "Age": 54, "Gender": 0, "Height": -1, "ICUType": 4}
    descriptors |= {"Weight": 80.0} | changed
    lines = [f"00:00,{name},{value}" for name, value in descriptors.items() if value != ""]
    return "\n".join([HEADER, *lines, *readings]) + "\n"


def outcomes(numbers: list[int]) -> str:
    """Every second stay died; the first has no known length."""
    lines = [f"{n},6,1,{-1 if n == numbers[0] else n % 7 + 3},-1,{n % 2}" for n in numbers]
    return "\n".join(["RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death", *lines])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """set-a with 40 stays and set-b with 10, as folders."""
    folder = tmp_path / "challenge"
    for name, numbers in {"a": range(100, 140), "b": range(200, 210)}.items():
        (folder / f"set-{name}").mkdir(parents=True)
        for number in numbers:
            (folder / f"set-{name}/{number}.txt").write_text(record(number))
        (folder / f"Outcomes-{name}.txt").write_text(outcomes(list(numbers)))
    return folder


def write(root: Path) -> dict[str, pl.DataFrame]:
    output = root.parent / "out"
    stays.write_rows(root, output, seed=0, ledger_path=output / "ledger.json")
    return {name: pl.read_parquet(output / f"{name}.parquet") for name in ("rows", "series")}


def test_a_stay_becomes_a_row_and_readings(root: Path) -> None:
    made = write(root)
    row = made["rows"].row(by_predicate=pl.col("record_id") == 101, named=True)
    assert row.pop("split") in {"train", "valid"}
    assert row == {
        "record_id": 101,
        "age": 54.0,
        "height": None,
        "weight": 80.0,
        "sex": "female",
        "icu_type": "surgical",
        "in_hospital_mortality": "died",
        "length_of_stay": 101 % 7 + 3.0,
    }
    own = made["series"].filter(pl.col("record_id") == 101)
    assert own.select("time", "parameter", "value").rows() == [
        (pytest.approx(7 / 60), "HR", 80.0),
        (1.5, "HR", 100.0),
        (2.0, "Weight", 81.5),
        (48.0, "GCS", 15.0),
    ]


def test_an_unknown_length_is_null_and_set_b_is_the_test(root: Path) -> None:
    rows = write(root)["rows"]
    assert rows.filter(pl.col("length_of_stay").is_null())["record_id"].to_list() == [100, 200]
    assert rows.filter(pl.col("split") == "test")["record_id"].to_list() == list(range(200, 210))
    counts = dict(rows.group_by("split").len().iter_rows())
    assert 2 <= counts["valid"] <= 14 and counts["train"] + counts["valid"] == 40


def test_what_cannot_be_is_counted(root: Path) -> None:
    (root / "set-a/100.txt").write_text(record(100, Height=13.0, Gender=-1))
    write(root)
    entries = json.loads((root.parent / "out/ledger.json").read_text())["entries"]
    lost = {(e["table"], e["reason"]): e["rows_before"] - e["rows_after"] for e in entries}
    noted = {(e["table"], e["reason"]): e["rows_before"] for e in entries}
    assert lost["set-a", "pH is impossible"] == 40
    assert lost["set-b", "pH is impossible"] == 10
    assert noted["set-a", "Height is impossible: unknown"] == 1
    assert noted["set-a", "Height is unknown"] == 39
    assert noted["set-a", "Gender is unknown"] == 1
    assert noted["Outcomes-a.txt", "Length_of_stay is unknown"] == 1


def test_archives_hold_what_folders_hold(root: Path) -> None:
    from_folders = write(root)
    with tarfile.open(root / "set-a.tar.gz", "w:gz") as archive:
        archive.add(root / "set-a", "set-a")
    with zipfile.ZipFile(root / "set-b.zip", "w") as archive:
        for path in (root / "set-b").iterdir():
            archive.write(path, f"set-b/{path.name}")
    for name in "ab":
        shutil.rmtree(root / f"set-{name}")
    for name, table in write(root).items():
        assert table.equals(from_folders[name])


def test_the_description_names_every_column_that_is_written(root: Path) -> None:
    made = write(root)
    described = yaml.safe_load((root.parent / "out/rows.yaml").read_text())["rows"]
    named = {described["id"], *described["split"].values(), *described["tasks"]}
    assert named | set(described["columns"]) == set(made["rows"].columns)
    series = described["series"]
    columns = {series[key] for key in ("id", "time", "variable", "value")}
    assert columns == set(made["series"].columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (record(100, ["00:07,HR,secret"]), "1 of .* line 8 of 100.txt"),
        (record(100, ["7,HR,80"]), "line 8 of 100.txt"),
        (record(100, ["00:07,HR,٨٢"]), "line 8 of 100.txt"),
        (record(100, ["٢٢:07,HR,80"]), "line 8 of 100.txt"),
        (record(100, ["48:01,HR,80"]), "up to 48:00"),
        (record(100, ["00:07,HR,80,1"]), "line 8 of 100.txt"),
        (record(100, ["00:07,Pulse,80"]), "1 lines of 1 records have a parameter"),
        (record(100, ["00:00,Age,55"]), "or a descriptor twice"),
        (record(101), "1 of 40 records do not begin with"),
        (record(100, Age=""), "1 of 40 records do not begin with"),
        (record(100, ICUType=9), "1 of 40 records do not begin with"),
        ("", "begins with Time,Parameter,Value"),
        (HEADER + "\n", "1 records are only there or only in Outcomes-a.txt"),
    ],
)
def test_a_broken_record_is_refused_without_its_values(root: Path, text: str, message: str) -> None:
    (root / "set-a/100.txt").write_text(text)
    with pytest.raises(DataContractError, match=message) as refused:
        write(root)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        outcomes(list(range(100, 140))).replace("SAPS-I", "SAPS"),
        outcomes(list(range(100, 140))).replace("101,6", "102,6"),
        outcomes(list(range(100, 140))) + "\n140,1,2,many,-1,0",
        outcomes(list(range(100, 140))) + "\n140,1,2,3,-1,7",
        outcomes(list(range(100, 140))).replace("101,6,1,6", "101,6,1,6.5"),
        outcomes(list(range(100, 140))).replace("101,6,1,6", "101,6,1,6_1"),
        "",
    ],
)
def test_broken_outcomes_are_refused_without_their_values(root: Path, text: str) -> None:
    (root / "Outcomes-a.txt").write_text(text)
    with pytest.raises(
        DataContractError, match=r"is not a csv of whole numbers|is empty"
    ) as refused:
        write(root)
    assert "many" not in str(refused.value)


def test_records_and_outcomes_must_be_of_the_same_stays(root: Path) -> None:
    (root / "set-b/205.txt").unlink()
    with pytest.raises(DataContractError, match=r"1 records are only there or only in Outcomes-b"):
        write(root)


def test_a_stay_in_both_sets_is_refused(root: Path) -> None:
    (root / "set-b/100.txt").write_text(record(100))
    (root / "Outcomes-b.txt").write_text(outcomes([*range(200, 210), 100]))
    with pytest.raises(DataContractError, match="1 records are in both sets"):
        write(root)


def test_what_is_not_there_is_named(root: Path) -> None:
    shutil.rmtree(root / "set-b")
    with pytest.raises(SourceMissingError, match=r"set-b, set-b.tar.gz, set-b.zip"):
        write(root)


def test_what_editors_and_pandas_change_is_read(root: Path) -> None:
    before = write(root)
    for path in root.rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("Outcomes"):
            text = re.sub(r",6,1,(-?\d+),", r",6,1,\1.0,", text)
        path.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    after = write(root)
    assert all(after[name].equals(before[name]) for name in before)


def test_a_record_that_is_cut_off_is_refused(root: Path) -> None:
    (root / "set-a/100.txt").write_text(record(100)[:-2])
    with pytest.raises(DataContractError, match=r"100\.txt: the last line has no end"):
        write(root)


@pytest.mark.parametrize("name", ["set-a.tar.gz", "set-a.zip"])
def test_a_damaged_archive_is_refused(root: Path, name: str) -> None:
    whole = root / name
    shutil.make_archive(
        str(root / "set-a"), "zip" if name.endswith("zip") else "gztar", root / "set-a"
    )
    raw = whole.read_bytes()
    half = len(raw) // 2
    for damage in (b"neither this nor that", raw[:half], raw[:half] + b"x" * 9 + raw[half + 9 :]):
        whole.write_bytes(damage)
        with pytest.raises(DataContractError, match=r"cannot be read to its end|not a whole gzip"):
            read_records(whole)


def test_an_archive_in_a_folder_is_named(root: Path) -> None:
    shutil.make_archive(str(root / "packed"), "gztar", root / "set-a")
    shutil.rmtree(root / "set-a")
    (root / "set-a").mkdir()
    (root / "packed.tar.gz").rename(root / "set-a/set-a.tar.gz")
    with pytest.raises(DataContractError, match="but 1 archives in a folder: unpack them there"):
        write(root)


def test_the_real_sets_have_the_published_counts(shared: Path, tmp_path: Path) -> None:
    root = shared / "data" / "physionet-2012"
    if not root.is_dir():
        pytest.skip("../shared/data/physionet-2012 is not here")
    assert read_records(locate(root, "set-a")).height == 1_757_980
    stays.write_rows(root, tmp_path, seed=0, ledger_path=tmp_path / "ledger.json")
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    in_test = rows["split"] == "test"
    died = rows["in_hospital_mortality"] == "died"
    assert rows.height == 8000 and (died & ~in_test).sum() == 554 and (died & in_test).sum() == 568
    assert pl.read_parquet(tmp_path / "series.parquet")["parameter"].n_unique() == 37
