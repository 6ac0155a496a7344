"""The generated tables and radiographs have the names, types and keys of the releases."""

import csv
import gzip
import io
import re
from pathlib import Path

import polars as pl
import pytest

from synthetic.write import TableWriter, layout
from tests.preprocessing.generated_dump import IMAGES, STAYS

PATTERNS = {"timestamp[s]": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "date32": r"\d{4}-\d\d-\d\d"}
PATTERNS |= {"int16": r"-?\d+", "int32": r"-?\d+", "float64": r"-?\d+(\.\d+)?(e[+-]?\d+)?"}


def test_every_table_that_the_pipeline_reads_is_there(dump):
    hosp = "patients admissions transfers services diagnoses_icd d_icd_diagnoses procedures_icd"
    hosp += " drgcodes omr labevents d_labitems"
    icu = "icustays chartevents outputevents d_items"
    note = "discharge radiology discharge_detail radiology_detail"
    expected = {f"hosp/{name}" for name in hosp.split()} | {f"icu/{name}" for name in icu.split()}
    expected |= {f"note/{name}" for name in note.split()}
    expected |= {f"mimic-cxr-2.0.0-{n}" for n in ("metadata", "split", "chexpert", "negbio")}
    assert expected <= set(dump.tables())


def test_headers_types_and_nulls_are_those_of_the_layout(dump):
    for table in dump.tables():
        columns = layout(table)
        frame = dump.read(table)
        assert frame.columns == list(columns), table
        assert frame.height > 0, table
        for name, kind in columns.items():
            if kind in PATTERNS:
                fits = frame[name].drop_nulls().str.contains(f"^{PATTERNS[kind]}$")
                assert fits.all(), (table, name, kind)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("hosp/patients", "subject_id gender anchor_age anchor_year anchor_year_group"),
        ("hosp/admissions", "subject_id hadm_id admittime dischtime admission_type race"),
        ("hosp/labevents", "labevent_id subject_id specimen_id itemid charttime"),
        ("icu/icustays", "subject_id hadm_id stay_id first_careunit last_careunit los"),
        ("icu/chartevents", "subject_id hadm_id stay_id charttime itemid"),
        ("icu/outputevents", "subject_id hadm_id stay_id charttime storetime itemid value"),
        ("note/radiology", "note_id subject_id note_type note_seq charttime text"),
        ("note/discharge", "note_id subject_id hadm_id note_type note_seq charttime text"),
        ("mimic-cxr-2.0.0-metadata", "dicom_id subject_id study_id Rows Columns StudyDate"),
    ],
)
def test_what_must_not_be_null_is_not(dump, table, columns):
    assert dump.read(table).select(columns.split()).null_count().row(0) == (0,) * len(
        columns.split()
    )


@pytest.mark.parametrize("table", ["note/discharge", "note/radiology", "hosp/labevents"])
def test_rows_are_valid_by_rfc_4180(dump, table):
    text = gzip.decompress(dump.tables()[table].read_bytes()).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(layout(table))}
    assert len(rows) - 1 == dump.read(table).height


def test_identifiers_are_distinct_and_of_their_range(dump):
    for table, column, leading in (
        ("hosp/patients", "subject_id", "1"),
        ("hosp/admissions", "hadm_id", "2"),
        ("icu/icustays", "stay_id", "3"),
        ("note/discharge", "note_id", "1"),
        ("note/radiology", "note_id", "1"),
        ("hosp/labevents", "labevent_id", ""),
        ("mimic-cxr-2.0.0-metadata", "dicom_id", ""),
    ):
        ids = dump.read(table)[column]
        assert ids.is_unique().all(), table
        assert ids.str.starts_with(leading).all(), table
    assert dump.read("icu/icustays").height == STAYS
    studies = dump.read("mimic-cxr-2.0.0-metadata")["study_id"]
    assert studies.str.contains(r"^5\d{7}$").all()


def test_foreign_keys_hold(dump):
    patients = dump.read("hosp/patients")["subject_id"]
    admissions = dump.read("hosp/admissions")["hadm_id"]
    for table in dump.tables():
        frame = dump.read(table)
        if "subject_id" in frame.columns:
            assert frame["subject_id"].is_in(patients.implode()).all(), table
        if "hadm_id" in frame.columns:
            assert frame["hadm_id"].drop_nulls().is_in(admissions.implode()).all(), table
    for events, names in (("icu/chartevents", "d_items"), ("hosp/labevents", "d_labitems")):
        known = dump.read(f"{events.split('/')[0]}/{names}")["itemid"]
        assert dump.read(events)["itemid"].is_in(known.implode()).all(), events


def test_item_names_are_those_of_the_open_demo(dump, shared):
    for table, columns in (
        ("icu/d_items", ["itemid", "label", "linksto", "category"]),
        ("hosp/d_labitems", ["itemid", "label", "fluid", "category"]),
    ):
        real = pl.read_csv(shared / f"data/mimic-iv-demo/{table}.csv.gz", infer_schema=False)
        ours = dump.read(table).select(columns)
        assert ours.join(real, on=columns, how="anti").height == 0


def test_labels_are_of_the_release(dump):
    labels = dump.read("mimic-cxr-2.0.0-chexpert").drop("subject_id", "study_id")
    assert set(labels.unpivot()["value"].unique()) <= {"1.0", "0.0", "-1.0", None}


def test_report_identifiers_and_links(dump):
    notes = dump.read("note/radiology")
    parts = notes.select(pl.concat_str("subject_id", "note_type", "note_seq", separator="-"))
    assert (parts.to_series() == notes["note_id"]).all()
    assert set(notes["note_type"]) == {"RR", "AR"}
    assert 0.1 < notes["hadm_id"].null_count() / notes.height < 0.6


def test_radiographs_lie_where_the_release_has_them(dump):
    metadata = dump.read("mimic-cxr-2.0.0-metadata")
    assert metadata.height == IMAGES
    expected = {
        f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg"
        for subject, study, dicom in metadata.select(
            "subject_id", "study_id", "dicom_id"
        ).iter_rows()
    }
    root = dump.roots["cxr"]
    found = {path.relative_to(root).as_posix() for path in (root / "files").rglob("*.jpg")}
    assert found <= expected
    assert len(expected - found) == 1  # the one that is not on disk
    assert all(re.fullmatch(r"([0-9a-f]{8}-){4}[0-9a-f]{8}", Path(p).stem) for p in expected)


def test_a_table_is_written_in_chunks_without_a_second_header(tmp_path):
    with TableWriter(tmp_path, "hosp/d_labitems") as writer:
        for itemid in (1, 2):
            writer.append(pl.DataFrame({"fluid": ["Blood"], "itemid": [itemid], "other": ["x"]}))
    text = gzip.decompress((tmp_path / "hosp/d_labitems.csv.gz").read_bytes()).decode()
    assert text == "itemid,label,fluid,category\n1,,Blood,\n2,,Blood,\n"
