"""The run over the bytes that decides how a csv file may be read."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessing.engine import intact
from preprocessing.errors import DataContractError

rows = st.lists(
    st.lists(st.text(alphabet='ab",\n ', max_size=6), min_size=2, max_size=3), max_size=8
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=rows, block=st.integers(1, 9))
def test_lines_inside_fields_are_seen_wherever_blocks_end(
    tmp_path: Path, table: list[list[str]], block: int
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\n" + text.getvalue() + "1,2,3\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intact, "BLOCK", block)
        found = intact.has_multiline_fields(path)
    assert found == any("\n" in cell for row in table for cell in row)


def test_line_of_a_nul_byte(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a\n" * 300_000 + b"b\0\n")
    with pytest.raises(DataContractError, match="line 300001: a NUL byte"):
        intact.has_multiline_fields(path)


def test_header_without_mark_and_line_end(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffa,b\r\n1,2\r\n".encode())
    assert intact.first_line(path) == "a,b"
