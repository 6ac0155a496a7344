"""MIMIC-IV-Note to note shards, on made-up notes."""

import datetime as dt
import gzip
import io
import json
import random
from pathlib import Path

import polars as pl
import pytest

from preprocessing.datasets.mimic import notes
from preprocessing.datasets.mimic.schemas import Notes
from preprocessing.engine.duckdb import connect
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from preprocessing.splits import Splitter

SPLITTER = Splitter({"test": frozenset({10000003}), "valid": frozenset()}, 0, 0.1, 0.2)
SECTIONS = "Chief Complaint:\nFall\nDischarge Condition:\nExpired\n"


def note(number: int, **changes) -> dict:
    kind = changes.get("note_type", "RR")
    row = {
        "note_id": f"1000000{number}-{kind}-1",
        "subject_id": 10000000 + number,
        "hadm_id": 20000000 + number,
        "note_type": kind,
        "note_seq": 1,
        "charttime": "2180-05-06 12:00:00",
        "storetime": "2180-05-06 13:00:00",
        "text": f'EXAMINATION: CHEST {number}\n\nHe said "no", clear.\n',
    }
    return row | changes


def source(root: Path, rows: list[dict], table: str = "radiology") -> Path:
    folder = root / "note"
    folder.mkdir(parents=True)
    buffer = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_csv(buffer)
    with gzip.open(folder / f"{table}.csv.gz", "wb") as file:
        file.write(buffer.getvalue())
    return root


def run(tmp_path: Path, root: Path, name: str = "radiology_48h", parts: int = 1, splits=SPLITTER):
    tmp_path.mkdir(exist_ok=True)
    cohort = tmp_path / "cohort.parquet"
    SPLITTER.assign(pl.DataFrame({"subject_id": [10000001, 10000003]})).write_parquet(cohort)
    outputs = [tmp_path / "notes" / f"part-{part:05}.parquet" for part in range(parts)]
    notes.clean_notes(
        root,
        cohort,
        splits,
        source_name=name,
        outputs=outputs,
        facts=tmp_path / "notes.json",
        ledger_path=tmp_path / "ledger.json",
        con=connect(memory_limit="500MB", threads=2, temp_dir=tmp_path / "spill"),
    )
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    rows = pl.concat([pl.read_parquet(path) for path in outputs])
    return rows, json.loads((tmp_path / "notes.json").read_text()), entries


def lost(entries: list[dict]) -> dict[str, int]:
    counts = {entry["reason"]: entry["rows_before"] - entry["rows_after"] for entry in entries}
    return {reason: count for reason, count in counts.items() if count}


def test_radiology_reports_of_all_patients(tmp_path):
    rows = [note(3), note(1, hadm_id=None), note(2, note_type="AR", storetime=None)]
    found, facts, entries = run(tmp_path, source(tmp_path / "raw", rows))
    assert found.columns == list(Notes.to_schema().columns)
    assert found["subject_id"].to_list() == [10000001, 10000002, 10000003]
    assert found["split"].to_list() == ["train", "train", "test"]
    assert found["hadm_id"].to_list() == [None, 20000002, 20000003]
    assert found["charttime"][0] == dt.datetime(2180, 5, 6, 12)  # noqa: DTZ001
    assert found["text"][0] == rows[1]["text"].strip()
    assert lost(entries) == {}
    assert facts["source"] == "radiology_48h"
    assert facts["leaky"] is False
    assert facts["rows"] == 3
    assert facts["median_chars"] == len(rows[0]["text"].strip())


@pytest.mark.parametrize(
    ("name", "text", "leaky"),
    [
        ("discharge", SECTIONS.strip(), True),
        ("discharge_admission_sections", "Chief Complaint:\nFall", False),
    ],
)
def test_discharge_sources(tmp_path, name, text, leaky):
    raw = f" \nName:  ___   Unit No:   ___\n{SECTIONS}"
    rows = [note(1, note_type="DS", text=raw), note(2, note_type="AD", text="Addendum")]
    found, facts, entries = run(tmp_path, source(tmp_path / "raw", rows, "discharge"), name)
    assert found["text"][0] == text
    assert facts["leaky"] is leaky
    assert facts["cleaning"]
    dropped = {} if leaky else {"none of the admission sections found": 1}
    assert lost(entries) == dropped


def test_every_dropped_note_has_a_reason(tmp_path):
    rows = [
        note(1),
        note(1),
        note(2),
        note(3, note_type="XX"),
        note(9, note_type=None),
        note(4, text=" \n "),
        note(5, text=""),
        note(6, text=note(2)["text"]),
        note(7, charttime=None),
        note(8, subject_id=None),
    ]
    found, facts, entries = run(tmp_path, source(tmp_path / "raw", rows))
    assert lost(entries) == {
        "one of note_id, subject_id, charttime is missing": 2,
        "note_type is none of RR, AR": 2,
        "row repeated": 1,
        "text empty": 2,
    }
    copies = next(entry for entry in entries if "copy" in entry["reason"])
    assert copies["rows_after"] == 1
    assert entries[0]["rows_before"] == len(rows)
    assert entries[-1]["rows_after"] == found.height == facts["rows"] == 3


def test_bytes_depend_neither_on_row_order_nor_on_threads(tmp_path):
    rows = [note(number % 9, note_id=f"{number}", text=f"{number} " * 50) for number in range(9000)]
    shuffled = random.Random(0).sample(rows, len(rows))
    for name, content in {"one": rows, "two": shuffled}.items():
        run(tmp_path / name, source(tmp_path / f"raw-{name}", content), parts=2)
    for part in ("part-00000.parquet", "part-00001.parquet"):
        first, second = (tmp_path / name / "notes" / part for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_one_name_for_two_notes_is_refused(tmp_path):
    rows = [note(1), note(1, text="other"), note(2)]
    with pytest.raises(DataContractError, match="1 note_id") as caught:
        run(tmp_path, source(tmp_path / "raw", rows))
    assert "1000000" not in str(caught.value)


def test_no_notes_at_all(tmp_path):
    found, facts, _ = run(tmp_path, source(tmp_path / "raw", [note(1, note_type="XX")]))
    assert found.height == facts["rows"] == 0
    assert facts["median_chars"] is None


def test_unknown_source_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="discharge_admission_sections"):
        run(tmp_path, tmp_path, "nursing")


def test_missing_table_is_named(tmp_path):
    with pytest.raises(SourceMissingError, match="radiology"):
        run(tmp_path, source(tmp_path / "raw", [note(1)], "discharge"))


def test_other_splits_than_the_cohort_are_refused(tmp_path):
    other = Splitter({"test": frozenset({10000001}), "valid": frozenset()}, 0, 0.1, 0.2)
    with pytest.raises(DataContractError, match="another split"):
        run(tmp_path, source(tmp_path / "raw", [note(1)]), splits=other)
