"""The door: what is found, what is refused, and that no refusal shows a cell."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessing.datasets.mimic.raw import Source, open_source
from preprocessing.datasets.mimic.release import layouts
from preprocessing.engine.duckdb import connect
from preprocessing.errors import DataContractError, SourceMissingError

HEADER = ",".join(column.header for column in layouts("v2.2")["icu/icustays"])
# The marker stands for a patient's value: no message may contain it.
SECRET = "Secretson"
STAY = f"1,2,3,MICU,{SECRET},2180-01-01 00:00:00,2180-01-03 12:00:00,2.5\n"

NOTE_HEADER = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def stays(root: Path, rows: str | bytes, ending: str = ".csv.gz") -> Path:
    data = rows if isinstance(rows, bytes) else rows.encode()
    return put(root / "icu" / f"icustays{ending}", f"{HEADER}\n".encode() + data)


def read(root: Path, table: str = "icu/icustays") -> pl.DataFrame:
    source = open_source(root, [table])
    con = connect(memory_limit="500MB", threads=2)
    return source.read(con, table, [column.name for column in source.files[table].layout])


def test_reads_every_ending_alike(tmp_path: Path) -> None:
    frames = []
    for ending in (".csv.gz", ".csv"):
        stays(tmp_path / ending, STAY * 3, ending)
        frames.append(read(tmp_path / ending))
    (tmp_path / "parquet" / "icu").mkdir(parents=True)
    # Another order and wider types: Parquet is read by name.
    frames[0].select(reversed(frames[0].columns)).with_columns(
        pl.col("subject_id").cast(pl.Float64), pl.col("stay_id").cast(pl.Int64)
    ).write_parquet(tmp_path / "parquet" / "icu" / "icustays.parquet")
    frames.append(read(tmp_path / "parquet"))
    assert frames[0].height == 3
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])
    assert frames[0].schema["intime"] == pl.Datetime("us")
    assert frames[0].schema["subject_id"] == pl.Int32


def test_empty_is_null_quoted_or_not(tmp_path: Path) -> None:
    stays(tmp_path, '1,2,3,,"",,,\n')
    assert read(tmp_path).row(0)[3:] == (None,) * 5


def test_carriage_returns_and_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff" + f"{HEADER}\n{STAY}{STAY}".replace("\n", "\r\n")
    put(tmp_path / "icu" / "icustays.csv", text)
    assert read(tmp_path)["los"].to_list() == [2.5, 2.5]


def test_scan_reads_lazily_and_again(tmp_path: Path) -> None:
    stays(tmp_path, STAY * 5)
    source = open_source(tmp_path, ["icu/icustays"])
    con = connect(memory_limit="500MB", threads=2)
    relation = source.scan(con, "icu/icustays", ["stay_id"])
    assert [relation.fetchall(), relation.fetchall()] == [[(3,)] * 5] * 2
    assert "icu/icustays" in str(source.path("icu/icustays"))


def zeroed(data: bytes) -> bytes:
    return data[:40] + bytes(60) + data[100:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-8],
        lambda data: data[:-6] + bytes([data[-6] ^ 0xFF]) + data[-5:],
        lambda data: data + b"garbage",
        lambda data: b"not gzip at all",
        zeroed,
    ],
    ids=["cut in half", "no trailer", "wrong checksum", "garbage after", "no gzip", "zeroed"],
)
def test_damaged_gzip_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    rows = "".join(f"1,2,{i},a,b,,,{i * 0.37}\n" for i in range(2000))
    path = stays(tmp_path, rows)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataContractError, match=r"icustays\.csv\.gz is not a whole gzip file"):
        read(tmp_path)


def test_members_are_all_read(tmp_path: Path) -> None:
    path = stays(tmp_path, STAY)
    path.write_bytes(path.read_bytes() + gzip.compress(STAY.encode()))
    assert read(tmp_path).height == 2


@pytest.mark.parametrize("ending", [".csv.gz", ".csv"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (STAY.replace(SECRET, SECRET + "\0"), r"line 102: a NUL byte"),
        (STAY.replace("\n", ",7\n"), r"line 102: a row of 9 fields; allowed: 8"),
        (f"1,2,3,MICU,{SECRET}\n", r"line 102: a row of 5 fields; allowed: 8"),
        (STAY.replace("1,2,3", f"1,{SECRET},3"), r"line 102: hadm_id does not convert to INTEGER"),
        (STAY.replace("1,2,3", "1,99999999999,3"), r"line 102: hadm_id does not .* INTEGER"),
        (STAY.replace("2180-01-01", "01/31/2180"), r"line 102: intime .* TIMESTAMP"),
        (STAY.replace("2.5", "2,5"), r"line 102: a row of 9 fields"),
        (STAY.encode().replace(b"MICU", b"caf\xe9"), r"line 102: bytes that are not UTF-8"),
        (STAY.replace("MICU", '"MICU'), r"ends inside quotes"),
        (STAY.replace("\n", "\r\n"), r"do not keep to RFC 4180"),
    ],
    ids=[
        "nul", "too many", "too few", "text for number", "too large", "date order", "comma",
        "cp1252", "open quote", "mixed line ends",
    ],
)  # fmt: skip
def test_bad_row_is_refused_without_its_values(
    tmp_path: Path, ending: str, row: str | bytes, message: str
) -> None:
    bad = row if isinstance(row, bytes) else row.encode()
    path = stays(tmp_path, STAY.encode() * 100 + bad + STAY.encode() * 100, ending)
    with pytest.raises(DataContractError, match=message) as caught:
        read(tmp_path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "99999999999" not in str(caught.value)


def test_guard_covers_relations_consumed_elsewhere(tmp_path: Path) -> None:
    stays(tmp_path, STAY + STAY.replace("1,2,3", f"1,2,{SECRET}"))
    source = open_source(tmp_path, ["icu/icustays"])
    con = connect(memory_limit="500MB", threads=1)
    relation = source.scan(con, "icu/icustays", ["stay_id"])
    with source.guard(), pytest.raises(duckdb.Error):
        con.sql("SELECT max(stay_id) FROM relation").fetchall()
    for consume in (
        lambda: relation.aggregate("max(stay_id)").fetchall(),
        lambda: relation.to_arrow_reader(10).read_all(),
    ):
        with pytest.raises(DataContractError, match="line 3") as caught, source.guard():
            consume()
        assert SECRET not in str(caught.value)


def test_guard_hides_values_of_casts_in_sql(tmp_path: Path) -> None:
    stays(tmp_path, STAY)
    source = open_source(tmp_path, ["icu/icustays"])
    relation = source.scan(connect(threads=1), "icu/icustays", ["last_careunit"])
    with pytest.raises(DataContractError, match="does not convert") as caught, source.guard():
        relation.project("last_careunit::INTEGER").fetchall()
    assert SECRET not in str(caught.value)


def test_guard_lets_mistakes_in_sql_pass(tmp_path: Path) -> None:
    stays(tmp_path, STAY)
    source = open_source(tmp_path, ["icu/icustays"])
    with pytest.raises(duckdb.BinderException), source.guard():
        source.scan(connect(threads=1), "icu/icustays", ["los"]).project("nothing")
    with pytest.raises(FileNotFoundError), source.guard():
        (tmp_path / "absent").read_text()


cells = st.text(
    alphabet=st.sampled_from([*'abc,"\n0123456789° ', "\n", '"']), min_size=1, max_size=40
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(cells, min_size=1, max_size=20))
def test_quoted_text_survives(tmp_path: Path, texts: list[str]) -> None:
    rows = [
        f"{i}-RR-1,{i},,RR,1,2180-01-01 00:00:00,,".encode()
        + b'"' + text.replace('"', '""').encode() + b'"\n'
        for i, text in enumerate(texts)
    ]  # fmt: skip
    put(tmp_path / "note" / "radiology.csv.gz", NOTE_HEADER.encode() + b"".join(rows))
    found = read(tmp_path, "note/radiology").sort("subject_id")
    assert found["text"].to_list() == texts


def test_notes_that_look_like_rows_are_not_split(tmp_path: Path) -> None:
    # Over several of DuckDB's buffers, so that a thread would begin inside of a note.
    trap = '1-RR-1,1,,RR,1,2180-01-01 00:00:00,,"a""\n""b"\n'.replace('"', '""') * 20
    rows = [f'{i}-RR-1,{i},,RR,1,2180-01-01 00:00:00,,"{trap}"\n' for i in range(20_000)]
    put(tmp_path / "note" / "radiology.csv", NOTE_HEADER + "".join(rows))
    source = open_source(tmp_path, ["note/radiology"])
    assert source.files["note/radiology"].multiline
    con = connect(threads=2)
    with source.guard():
        relation = source.scan(con, "note/radiology", ["subject_id", "text"])
        (found,) = relation.aggregate("count(*), sum(subject_id), sum(length(text))").fetchall()
    length = len(trap.replace('""', '"'))
    assert found == (20_000, sum(range(20_000)), 20_000 * length)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    put(tmp_path / "hosp" / "patients.csv", "")
    with pytest.raises(SourceMissingError) as caught:
        open_source(tmp_path, ["hosp/patients", "hosp/admissions", "icu/icustays"])
    message = str(caught.value)
    assert "hosp/admissions" in message
    assert "icu/icustays" in message
    assert "hosp/patients" not in message
    assert "no folder icu/" in message
    assert ".csv.gz or .csv or .parquet" in message
    assert "mimic.root" in message
    assert "physionet.org" in message


@pytest.mark.parametrize(
    ("table", "key"),
    [("note/discharge", "mimic.notes"), ("mimic-cxr-2.0.0-metadata", "mimic.cxr")],
)
def test_missing_root_names_its_key(tmp_path: Path, table: str, key: str) -> None:
    with pytest.raises(SourceMissingError, match=rf"is no folder(.|\n)*{table}(.|\n)*{key}"):
        open_source(tmp_path / "nowhere", [table])


def test_one_table_in_two_files_is_refused(tmp_path: Path) -> None:
    stays(tmp_path, STAY, ".csv")
    stays(tmp_path, STAY, ".csv.gz")
    with pytest.raises(DataContractError, match=r"icustays\.csv\.gz, .*icustays\.csv\n"):
        open_source(tmp_path, ["icu/icustays"])


def test_empty_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "icu" / "icustays.csv.gz", "")
    with pytest.raises(DataContractError, match="has no header line"):
        open_source(tmp_path, ["icu/icustays"])


def test_parquet_of_other_types_is_refused(tmp_path: Path) -> None:
    stays(tmp_path / "csv", STAY)
    frame = read(tmp_path / "csv").with_columns(
        first_careunit=pl.lit(7), intime=pl.col("intime").dt.replace_time_zone("UTC")
    )
    (tmp_path / "icu").mkdir()
    frame.write_parquet(tmp_path / "icu" / "icustays.parquet")
    with pytest.raises(DataContractError, match="allowed") as caught:
        open_source(tmp_path, ["icu/icustays"])
    assert "first_careunit: found Int32, allowed string" in str(caught.value)
    assert "intime: found Datetime" in str(caught.value)
    (tmp_path / "icu" / "icustays.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataContractError, match="not a readable Parquet"):
        open_source(tmp_path, ["icu/icustays"])


def test_parquet_is_read_as_strictly_as_csv(tmp_path: Path) -> None:
    stays(tmp_path / "csv", STAY)
    path = tmp_path / "icu" / "icustays.parquet"
    path.parent.mkdir()
    frame = read(tmp_path / "csv")
    frame.clear().write_parquet(path)
    with pytest.raises(DataContractError, match="has no row"):
        open_source(tmp_path, ["icu/icustays"])
    for column, value in (("stay_id", 3.5), ("los", float("inf")), ("hadm_id", float("nan"))):
        frame.with_columns(pl.lit(value).alias(column)).write_parquet(path)
        with pytest.raises(DataContractError, match=f"row 1: {column} does not convert"):
            read(tmp_path)


def test_demo_is_read(shared: Path) -> None:
    tables = ["hosp/patients", "hosp/admissions", "hosp/labevents", "icu/chartevents"]
    source: Source = open_source(shared / "data" / "mimic-iv-demo", tables)
    assert source.release == "v2.2"
    con = connect(memory_limit="500MB", threads=2)
    counts = [source.scan(con, t, ["subject_id"]).count("*").fetchall()[0][0] for t in tables]
    assert counts == [100, 275, 107_549, 668_832]
