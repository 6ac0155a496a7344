"""The memory limit of a step is that of its process, and the least that works is named."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from preprocessing.__main__ import app
from preprocessing.datasets.amazon import reviews, text
from preprocessing.datasets.amazon.schemas import Text
from preprocessing.engine.duckdb import connect_within
from preprocessing.engine.memory import SLACK, demand
from preprocessing.errors import ConfigError
from preprocessing.shards import cut, even_sizes, row_groups, write_part, write_pieces

SORTS = """
import re, sys
from pathlib import Path
from preprocessing.engine.duckdb import connect_within
con = connect_within().by(int(sys.argv[1]), 2, Path(sys.argv[2]))
rows = con.sql(
    "SELECT md5(range::VARCHAR) AS a, repeat(a, 9) AS b FROM range(1_500_000) ORDER BY a"
).to_arrow_reader(8192)
assert sum(batch.num_rows for batch in rows) == 1_500_000
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
TAKES = """
import time
from preprocessing.engine import memory
held = bytes(range(256)) * (1 << 20)
with memory.watch_memory():
    pass
memory.keep_memory("100MB")
time.sleep(5 * memory.PAUSE)  # not watched any more
with memory.watch_memory():
    memory.keep_memory("100MB")
    print("watched", flush=True)
    time.sleep(30)
"""

LEAST = 600


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_query_larger_than_the_limit_keeps_the_process_to_it(tmp_path: Path) -> None:
    done = run(SORTS, LEAST, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1000 <= LEAST * (1 + SLACK)


def test_a_process_that_passes_its_limit_ends_with_a_message() -> None:
    done = run(TAKES)
    assert (done.returncode, done.stdout) == (1, "watched\n")
    assert done.stderr.startswith("error: This step has taken more memory than the 100 MB")
    assert done.stderr.endswith("Trying again may help.\n")


@pytest.mark.parametrize(("beside", "least"), [(400, LEAST), (reviews.BESIDE_MB, 800)])
def test_the_least_that_works_is_named_before_anything_begins(beside: int, least: int) -> None:
    connect = connect_within(beside).by
    with pytest.raises(ConfigError, match=f"needs at least {least} MB .* may take 599. Give --mem"):
        connect(599, 1, None)
    assert connect(least, 64, None).sql("SELECT current_setting('threads')").fetchall() == [(1,)]


def test_texts_whose_row_groups_do_not_fit_are_refused(tmp_path: Path) -> None:
    rows, words = 40_000, [f"{number} " * 100 for number in range(40_000)]
    part = tmp_path / "reviews.parquet"
    told = {"sample_id": range(rows), "split": "train", "summary": None, "review": words}
    pl.DataFrame(told, schema_overrides={"summary": pl.String}).write_parquet(part)
    options = {"outputs": [tmp_path / "a"], "facts": tmp_path / "b", "ledger_path": tmp_path / "c"}
    with pytest.raises(ConfigError) as refusal:
        text.join_words([part], limit_mb=250, **options)
    least = int(re.search(r"at least (\d+) MB", str(refusal.value))[1])
    assert 250 < least < 1000 and not (tmp_path / "a").exists()
    text.join_words([part], limit_mb=least, **options)


@pytest.mark.parametrize("size", ["lots", "2", "2TB", "-1GB", "½GB"])
def test_a_limit_that_is_no_size_is_refused(size: str, tmp_path: Path) -> None:
    """Whatever else is wrong."""
    told = ["--reviews", "a", "--output", "b", "--facts", "c", "--ledger", "d"]
    with pytest.raises(ConfigError, match="allowed: a whole number of MB or GB"):
        app(["amazon-text", *told, "--memory-limit", size], standalone_mode=False)


def test_a_limit_that_suffices_is_not_refused() -> None:
    demand(600, 600)


@pytest.mark.parametrize("rows", [0, 5, 163_840, 163_841, 300_001, 421_304])
def test_pieces_are_written_as_the_whole_would_be(rows: int, tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 50, rows).astype(str)
    whole = pl.DataFrame(
        {"sample_id": np.arange(rows), "split": "train", "text": words},
        schema={"sample_id": pl.Int64, "split": pl.String, "text": pl.String},
    )
    write_part(whole, tmp_path / "whole")
    pieces = cut(whole.iter_slices(8192), even_sizes(rows))
    assert write_pieces(pieces, tmp_path / "pieces", Text) == rows
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()
    again = row_groups(tmp_path / "pieces", whole.columns)
    assert write_pieces(again, tmp_path / "again", Text) == rows
    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()
