"""Rows of MIMIC's tables that are there twice, and tables that end early."""

import gzip
import hashlib
import json
from pathlib import Path

import polars as pl

from tests.field.case import SECRET, Seen, case
from tests.field.mimic_root import MimicRoot

KIND = "Repeated, cut and redacted rows"
CHARTS = "icu/chartevents"


def repeated(folder: Path, table: str) -> Seen:
    """What mimic-cohort loses of a root with one row of a table twice; its cohort is the same."""
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    expected = pl.read_parquet(folder / "cohort.parquet")
    root.tables[table].append(dict(root.tables[table][1]))
    seen = root.write().cohort()
    assert pl.read_parquet(folder / "cohort.parquet").equals(expected)
    assert seen.dropped == {"row repeated word for word": 1}
    if table != "icu/icustays":
        assert root.tabular().dropped == seen.dropped
        assert root.series().message is None
        assert pl.read_parquet(folder / "series.parquet").height == expected.height
    return seen


def contradicted(folder: Path, table: str, column: str, cell: object) -> Seen:
    """What mimic-cohort says of two rows of one key that differ."""
    root = MimicRoot(folder)
    root.tables[table].append(root.tables[table][1] | {column: cell})
    seen = root.write().cohort()
    assert "0000102" not in str(seen.message)
    return seen


TWICE = {
    "an admission": ("hosp/admissions", "hadm_id", "hospital_expire_flag", 1),
    "a patient": ("hosp/patients", "subject_id", "anchor_year_group", SECRET),
    "an ICU stay": ("icu/icustays", "stay_id", "first_careunit", SECRET),
}
for what, (table, key, column, cell) in TWICE.items():
    case(KIND, f"{what} twice, word for word", "dropped", "row repeated word for word")(
        lambda folder, table=table: repeated(folder, table)  # type: ignore[misc]
    )
    message = f"{table}: 1 of 7 rows repeat the {key} of another row with other contents. ..."
    case(KIND, f"{what} twice, with other contents", "refused", message)(
        lambda folder, change=(table, column, cell): contradicted(folder, *change)  # type: ignore[misc]
    )


@case(
    KIND,
    "chartevents that end early at the end of a line",
    "noted",
    "stay with laboratory values and no charted ones",
)
def cut(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    root.tables[CHARTS] = root.tables[CHARTS][:-18]
    seen = root.write().series()
    entries = json.loads((folder / "mimic-timeseries.json").read_text(encoding="utf-8"))["entries"]
    uncharted = [e["rows_after"] for e in entries if "no charted" in e["reason"]]
    assert uncharted == [2]
    return seen


def with_sums(root: MimicRoot, place: Path) -> None:
    """Write SHA256SUMS.txt as PhysioNet does, of all tables, below one of its folders."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(place).as_posix()}\n"
        for path in sorted(root.mimic.rglob("*.gz"))
    ]
    (place / "SHA256SUMS.txt").write_text("".join(lines), encoding="utf-8")


@case(
    KIND,
    "a table that ends early, beside the SHA256SUMS.txt of the release",
    "refused",
    "mimic/icu/chartevents.csv.gz is not the file of the release: its SHA-256 is not the one in "
    "mimic/SHA256SUMS.txt.",
)
def cut_beside_sums(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    with_sums(root, root.mimic)
    assert root.cohort().message is None
    path = root.mimic / f"{CHARTS}.csv.gz"
    rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    root.put(CHARTS, b"".join(rows[:-18]))
    seen = root.series()
    assert "delete mimic/SHA256SUMS.txt" in str(seen.message)
    return seen


@case(
    KIND,
    "tables that are those of the SHA256SUMS.txt in the folder above, or are unpacked",
    "read",
    "as they are; what cannot be compared is in the log",
)
def whole_beside_sums(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    with_sums(root, folder)
    assert root.cohort().message is None
    root.put(CHARTS, root.text(CHARTS).encode(), ".csv")
    return root.series()
