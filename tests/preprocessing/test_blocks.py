"""The fast reader gives what the door gives, or refuses what the door refuses."""

import gzip
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessing.datasets.mimic import blocks as module
from preprocessing.datasets.mimic.blocks import blocks
from preprocessing.datasets.mimic.raw import Source, open_source
from preprocessing.datasets.mimic.release import layouts
from preprocessing.engine.duckdb import connect
from preprocessing.errors import DataContractError

TABLE = "hosp/d_labitems"
HEADER = b"itemid,label,fluid,category\n"
COLUMNS = ["itemid", "label", "category"]


def put(root: Path, rows: bytes, ending: str = ".csv", table: str = TABLE) -> Source:
    path = root / f"{table}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = ",".join(c.header for c in layouts("v2.2")[table]).encode() + b"\n"
    data = header + rows
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    return open_source(root, [table], streamed=[table])


def fast(source: Source) -> pl.DataFrame:
    found = list(blocks(source, connect(threads=1), TABLE, COLUMNS))
    empty = pl.DataFrame(schema={"itemid": pl.Int32, "label": pl.String, "category": pl.String})
    return pl.concat([empty, *found])


def strict(source: Source) -> pl.DataFrame:
    con = connect(threads=1)
    con.execute("SET preserve_insertion_order = true")
    return source.read(con, TABLE, COLUMNS)


fields = st.one_of(
    st.sampled_from(["", "7", "Blood", " x", "a,b", 'say "x"', "two\nlines", '""', "ü"]),
    st.text(alphabet='ab,"\n ', max_size=4),
)


def quoted(field: str, always: bool) -> str:
    if always or any(sign in field for sign in ',"\n'):
        return '"' + field.replace('"', '""') + '"'
    return field


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 99), fields, fields, fields, st.booleans()),
        min_size=1,
        max_size=12,
    ),
    size=st.integers(1, 40),
    newline_at_end=st.booleans(),
)
def test_valid_csv_reads_as_at_the_door_wherever_blocks_end(
    tmp_path: Path, rows: list[tuple], size: int, newline_at_end: bool
) -> None:
    lines = [
        ",".join([str(item), *(quoted(text, always) for text in texts)])
        for item, *texts, always in rows
    ]
    text = "\n".join(lines) + ("\n" if newline_at_end and lines else "")
    source = put(tmp_path, text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", size)
        assert fast(source).equals(strict(source))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=st.sampled_from([b",", b"\n", b'"', b"x", b"\r", b"\xff", b"\0"]), data=st.data())
def test_damaged_csv_is_refused_or_reads_as_at_the_door(
    tmp_path: Path, damage: bytes, data: st.DataObject
) -> None:
    whole = b'1,pH,Blood,Gas\n2,"a, b",Urine,\n3,,,"two\nlines"\n4,x,y,z\n' * 2
    place = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 3))
    source = put(tmp_path, whole[:place] + damage + whole[place + length :])
    try:
        expected = strict(open_source(tmp_path, [TABLE]))
    except DataContractError:
        with pytest.raises(DataContractError):
            fast(source)
    else:
        assert fast(source).equals(expected)


@pytest.mark.parametrize(
    "cell",
    [
        "7",
        "007",
        "+7",
        " 7",
        "7.0",
        "7.",
        "7.5",
        "7e0",
        "0x7",
        "1_7",
        "\u0667",
        "inf",
        "nan",
        "9" * 10,
    ],
)
def test_numbers_are_read_or_refused_as_at_the_door(tmp_path: Path, cell: str) -> None:
    found = {}
    source = put(tmp_path, f"{cell},a,b,c\n".encode())
    for reader in (fast, strict):
        try:
            found[reader] = reader(source)["itemid"].to_list()
        except DataContractError as error:
            found[reader] = str(error)
    assert found[fast] == found[strict]
    assert (found[fast] == [7]) == (cell.strip(" +0.") == "7")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (b"1,a,b\n", 2),
        (b"1,a,b,c\n2,a,b,c,d\n", 3),
        (b'1,a,b,c\n2,"two\nlines",b,c\n3,a\n', 4),
        (b"1,a,b,c\nx,a,b,c\n", 3),
        (b"1,a,b,c\n2,a,\0,c\n", 3),
        (b"1,a,b,c\n2,\xff,b,c\n", 3),
    ],
)
@pytest.mark.parametrize("size", [12, 1 << 20])
def test_message_names_file_and_line(tmp_path: Path, rows: bytes, line: int, size: int) -> None:
    source = put(tmp_path, rows, ".csv.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", size)
        with pytest.raises(DataContractError, match=rf"d_labitems\.csv\.gz, line {line}: "):
            fast(source)


def test_a_gzip_cut_short_is_refused(tmp_path: Path) -> None:
    source = put(tmp_path, b"1,a,b,c\n" * 5000, ".csv.gz")
    path = source.path(TABLE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataContractError, match="not a whole gzip file"):
        fast(source)


def test_a_quote_never_closed_is_refused_without_reading_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(tmp_path, b'1,"a,b,c\n' + b"2,a,b,c\n" * 5000)
    monkeypatch.setattr(module, "BLOCK", 256)
    monkeypatch.setattr(module, "LONGEST_ROW", 1024)
    with pytest.raises(DataContractError, match="a quote is never closed"):
        fast(source)


def test_times_are_text_in_csv_and_typed_in_parquet(tmp_path: Path) -> None:
    table, columns = "icu/icustays", ["stay_id", "intime"]
    row = b"1,2,3,MICU,MICU,2180-01-01 00:00:00,2180-01-03 12:00:00,2.5\n"
    source = put(tmp_path / "csv", row, table=table)
    found = next(blocks(source, connect(threads=1), table, columns))
    assert found.schema == {"stay_id": pl.Int32, "intime": pl.String}
    whole = source.read(connect(threads=1), table, [c.name for c in source.files[table].layout])
    (tmp_path / "parquet" / "icu").mkdir(parents=True)
    whole.write_parquet(tmp_path / "parquet" / "icu" / "icustays.parquet")
    source = open_source(tmp_path / "parquet", [table], streamed=[table])
    again = next(blocks(source, connect(threads=1), table, columns))
    assert again.with_columns(cs.temporal().dt.to_string("%Y-%m-%d %H:%M:%S")).equals(found)
