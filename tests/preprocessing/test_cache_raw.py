"""The Parquet copy of a raw root is a raw root."""

from pathlib import Path

import pytest

from preprocessing import cache_raw
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.errors import DataContractError
from tests.preprocessing.made_up_icu import MadeUpICU, connection

TABLES = ["icu/chartevents", "hosp/labevents", "hosp/admissions"]


@pytest.mark.parametrize("release", ["v1", "v2.0", "v2.2"])
def test_reads_the_same_from_the_copy(tmp_path: Path, release: str) -> None:
    icu = MadeUpICU(tmp_path / "raw", release=release)
    icu.chart(1, 220045, "80").chart(2, 220739, "None").lab(3, 50931, "___").write()
    cache_raw.run(icu.root, tmp_path / "copy", connection(), TABLES)
    raw, copy = (open_source(root, TABLES) for root in (icu.root, tmp_path / "copy"))
    assert copy.release == raw.release == release
    assert all(copy.path(table).suffix == ".parquet" for table in TABLES)
    for table in TABLES:
        names = [column.name for column in raw.files[table].layout]
        frames = [source.read(connection(), table, names) for source in (raw, copy)]
        assert frames[0].sort(names).equals(frames[1].sort(names))


def test_a_damaged_table_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    icu = MadeUpICU(tmp_path / "raw")
    icu.chart(1, 220045, "80").chart(2, 220045, "90", stay_id="many").write()
    with pytest.raises(DataContractError, match="chartevents"):
        cache_raw.run(icu.root, tmp_path / "copy", connection(), TABLES)
    assert not list((tmp_path / "copy").rglob("*.parquet"))
