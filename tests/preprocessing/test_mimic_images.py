"""MIMIC-CXR-JPG to image shards, on a made-up release."""

import datetime as dt
import io
import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from preprocessing.datasets.mimic import image_pieces, images
from preprocessing.datasets.mimic.radiograph_files import path_of
from preprocessing.datasets.mimic.release import layouts
from preprocessing.datasets.mimic.schemas import Images
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.ledger import Ledger
from preprocessing.splits import Splitter

SPLITTER = Splitter({"test": frozenset({10000003}), "valid": frozenset()}, 0, 0.1, 0.2)
SCHEMA = {"StudyDate": pl.Int32, "StudyTime": pl.String}


def parsed(date: int | None, clock: str | None) -> dt.datetime | None:
    frame = pl.DataFrame({"StudyDate": [date], "StudyTime": [clock]}, schema=SCHEMA)
    return frame.select(images.study_time()).item()


@given(
    st.datetimes(dt.datetime(2100, 1, 1), dt.datetime(2220, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["number", "text", "padded"]),
)
def test_study_time_survives_the_loss_of_leading_zeros(when, spelling):
    digits = f"{when:%H%M%S}.{when.microsecond // 1000:03}"
    clock = {
        "number": str(float(digits)),
        "text": f"{int(digits[:6])}{digits[6:]}",
        "padded": f" {digits} ",
    }
    assert parsed(int(f"{when:%Y%m%d}"), clock[spelling]) == when.replace(microsecond=0)


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        (21800101, "240000.0"),
        (21800101, "126000"),
        (21800101, "115960"),
        (21800101, "1e5"),
        (21800101, "-10"),
        (21800101, "1234567"),
        (21800101, "nan"),
        (21800101, ""),
        (21800101, None),
        (None, "120000"),
        (21800230, "120000"),
        (2180101, "120000"),
        (0, "120000"),
    ],
)
def test_what_is_no_time_is_null(date, clock):
    assert parsed(date, clock) is None


@settings(max_examples=30)
@given(st.text(max_size=9), st.integers(-(2**31), 2**31 - 1))
def test_any_text_gives_a_time_or_null(clock, date):
    assert parsed(date, clock) is None or 1 <= parsed(date, clock).year <= 9999


def film(**changes) -> dict:
    columns = [column.name for column in layouts("v2.2")[images.METADATA]]
    row = {
        "dicom_id": "a1",
        "subject_id": 10000001,
        "study_id": 50000001,
        "ViewPosition": "AP",
        "Rows": 390,
        "Columns": 320,
        "StudyDate": 21800506,
        "StudyTime": "12345.678",
    }
    return dict.fromkeys(columns) | row | changes


def release(root: Path, films: list[dict], broken: dict[str, bytes | None] | None = None) -> Path:
    """A CXR root; the file of a dicom_id in `broken` has that content, None: it is missing."""
    root.mkdir(parents=True)
    pl.DataFrame(films, infer_schema_length=None).write_csv(root / f"{images.METADATA}.csv")
    for number, row in enumerate(films):
        path = path_of(root, row["subject_id"], row["study_id"], row["dicom_id"])
        path.parent.mkdir(parents=True, exist_ok=True)
        content = (broken or {}).get(row["dicom_id"], jpeg(50 + number))
        if content is not None:
            path.write_bytes(content)
    return root


def jpeg(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 50), level).save(buffer, "JPEG")
    return buffer.getvalue()


def cohort(folder: Path, subjects: tuple[int, ...] = (10000001, 10000003)) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "cohort.parquet"
    SPLITTER.assign(pl.DataFrame({"subject_id": subjects})).write_parquet(path)
    return path


def run(tmp_path: Path, root: Path, parts: int = 1, **changes) -> tuple[pl.DataFrame, dict, list]:
    outputs = [tmp_path / "images" / f"part-{part:05}.parquet" for part in range(parts)]
    options = {
        "px": 16,
        "outputs": outputs,
        "facts": tmp_path / "images.json",
        "ledger_path": tmp_path / "ledger.json",
        "threads": 2,
    }
    images.resize_radiographs(root, cohort(tmp_path), SPLITTER, **options | changes)
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    rows = pl.concat([pl.read_parquet(path) for path in outputs])
    return rows, json.loads((tmp_path / "images.json").read_text()), entries


FILMS = [
    film(),
    film(dicom_id="a2", study_id=50000002, ViewPosition=None, StudyTime="5.0"),
    film(dicom_id="b1", subject_id=10000002, ViewPosition="PA"),
    film(dicom_id="c1", subject_id=10000003),
]


def test_every_radiograph_of_the_release_is_stored(tmp_path):
    rows, facts, _ = run(tmp_path, release(tmp_path / "cxr", FILMS))
    assert rows.columns == list(Images.to_schema().columns)
    assert rows["dicom_id"].to_list() == ["a2", "a1", "b1", "c1"]  # by patient, then time
    assert rows["split"].to_list() == ["train", "train", "train", "test"]
    assert rows["study_time"][0] == dt.datetime(2180, 5, 6, 0, 0, 5)  # noqa: DTZ001
    assert {Image.open(io.BytesIO(content)).size for content in rows["jpeg"]} == {(16, 16)}
    assert facts["views"] == {"AP": 2, "PA": 1, "not recorded": 1}
    assert facts["px"] == 16
    assert facts["rows"] == 4


def test_grey_statistics_are_those_of_training_alone(tmp_path):
    _, facts, _ = run(tmp_path, release(tmp_path / "cxr", FILMS))
    levels = np.array([50, 51, 52]) / 255  # c1, of level 53, is in test
    assert facts["grey_mean"] == pytest.approx(levels.mean())
    assert facts["grey_std"] == pytest.approx(levels.std())


def test_every_lost_radiograph_has_a_reason(tmp_path):
    films = [
        *FILMS,
        FILMS[0],
        film(dicom_id="d1", StudyTime="noon"),
        film(dicom_id="e1"),
        film(dicom_id="e2"),
        film(dicom_id="e3"),
        film(dicom_id="e4"),
    ]
    broken = {"e1": None, "e2": b"GIF89a", "e3": jpeg(9)[:-40], "e4": b""}
    rows, facts, entries = run(tmp_path, release(tmp_path / "cxr", films, broken))
    lost = {e["reason"]: e["rows_before"] - e["rows_after"] for e in entries}
    assert {reason: count for reason, count in lost.items() if count} == {
        "row repeated": 1,
        "StudyDate or StudyTime is no date or time of day": 1,
        "file missing on disk": 1,
        "not a picture file (JPEG, PNG, GIF, WebP, TIFF or BMP)": 1,
        "picture file truncated or undecodable": 2,
    }
    assert entries[0]["rows_before"] == len(films)
    entries = [entry for entry in entries if entry["table"] != images.CHEXPERT]
    assert entries[-1]["rows_after"] == rows.height == facts["rows"]
    pairs = itertools.pairwise(entries)
    assert all(one["rows_after"] == two["rows_before"] for one, two in pairs)


def test_parts_chunks_and_row_order_change_nothing(tmp_path, monkeypatch):
    root = release(tmp_path / "cxr", FILMS)
    whole, facts, _ = run(tmp_path / "whole", root)
    shuffled = tmp_path / "shuffled"
    release(shuffled, FILMS)
    metadata = shuffled / f"{images.METADATA}.csv"
    pl.read_csv(metadata, infer_schema=False).reverse().write_csv(metadata)
    again, again_facts, _ = run(tmp_path / "again", shuffled)
    # JPEG contents differ by position in FILMS only, so reversing the table changes nothing.
    assert again.equals(whole)
    part = "images/part-00000.parquet"
    assert (tmp_path / "whole" / part).read_bytes() == (tmp_path / "again" / part).read_bytes()
    monkeypatch.setattr(images, "CHUNK", 1)
    parts, parts_facts, _ = run(tmp_path / "parts", root, parts=3)
    assert parts.sort("dicom_id").equals(whole.sort("dicom_id"))
    assert facts == again_facts == parts_facts


def test_a_parquet_table_whose_times_are_numbers_is_read_as_the_csv(tmp_path):
    """As pandas writes it, which takes StudyTime for a float."""
    root = release(tmp_path / "cxr", FILMS)
    expected, *_ = run(tmp_path / "csv", root)
    csv = root / f"{images.METADATA}.csv"
    texts = [column.name for column in layouts("v2.2")[images.METADATA] if column.type == "string"]
    frame = pl.read_csv(csv, schema_overrides=dict.fromkeys(texts, pl.String))
    frame = frame.with_columns(pl.col("StudyTime").cast(pl.Float64))
    frame.write_parquet(csv.with_suffix(".parquet"))
    csv.unlink()
    found, *_ = run(tmp_path / "parquet", root)
    assert found.equals(expected)


def labels(*studies: tuple[int, int], **findings: float | None) -> pl.DataFrame:
    """CheXpert's table of these patients and studies, all with the same labels."""
    row = dict.fromkeys(images.FINDINGS) | findings
    rows = [{"subject_id": subject, "study_id": study} | row for subject, study in studies]
    types = dict.fromkeys(images.STUDY, pl.Int32) | dict.fromkeys(images.FINDINGS, pl.Float64)
    return pl.DataFrame(rows, schema=types)


def test_radiographs_carry_the_labels_of_their_study(tmp_path):
    root = release(tmp_path / "cxr", FILMS)
    edema = labels((10000001, 50000001), Edema=1.0, Fracture=-1.0, Pneumonia=0.0)
    # Another patient's study of the same number is not theirs.
    edema.vstack(labels((10000009, 50000002), Edema=1.0)).write_csv(root / f"{images.CHEXPERT}.csv")
    rows, facts, entries = run(tmp_path, root)
    of = {row["dicom_id"]: row for row in rows.to_dicts()}
    found = dict(zip(facts["findings"], of["a1"]["findings"], strict=True))
    assert {name: value for name, value in found.items() if value is not None} == {
        "Edema": 1,
        "Fracture": -1,
        "Pneumonia": 0,
    }
    assert [of[name]["labelled"] for name in ("a1", "a2", "b1", "c1")] == [True] + 3 * [False]
    assert of["a2"]["findings"] == [None] * 14
    (note,) = (entry for entry in entries if entry["table"] == images.CHEXPERT)
    assert (note["reason"], note["rows_before"]) == ("study without labels", 3)


def test_release_without_labels_gives_radiographs_without(tmp_path, caplog):
    rows, facts, _ = run(tmp_path, release(tmp_path / "cxr", FILMS))
    assert facts["findings"] == []
    assert not rows["labelled"].any()
    assert "no mimic-cxr-2.0.0-chexpert: the radiographs get no labels" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (labels((10000001, 50000001), (10000001, 50000001)), "2 rows repeat a study"),
        (labels((10000001, 50000001), Edema=2.0), "1 rows have a label other than"),
        (labels((10000001, 50000001), Edema=0.5), "1 rows have a label other than"),
    ],
)
def test_labels_that_cannot_be_are_refused(wrong, message):
    rows = pl.DataFrame({"subject_id": [10000001], "study_id": [50000001]})
    with pytest.raises(DataContractError, match=message):
        images.labelled(rows, wrong, Ledger("step"))


def test_one_name_for_two_radiographs_is_refused(tmp_path):
    films = [film(), film(study_id=50000009)]
    with pytest.raises(DataContractError, match="1 rows repeat a dicom_id"):
        images.radiographs(pl.DataFrame(films).select(images.COLUMNS), Ledger("step"))


def test_radiograph_without_a_patient_is_counted():
    frame = pl.DataFrame([film(), film(dicom_id="x", subject_id=None)]).select(images.COLUMNS)
    rows = images.radiographs(frame.cast({"ViewPosition": pl.String}), ledger := Ledger("step"))
    assert rows["dicom_id"].to_list() == ["a1"]
    assert ledger.entries[1].rows_before - ledger.entries[1].rows_after == 1


def test_root_without_files_is_refused(tmp_path):
    root = tmp_path / "cxr"
    root.mkdir()
    pl.DataFrame([film()]).write_csv(root / f"{images.METADATA}.csv")
    with pytest.raises(SourceMissingError, match="files/"):
        run(tmp_path, root)


def test_no_readable_training_radiograph_is_refused(tmp_path):
    root = release(tmp_path / "cxr", [film(subject_id=10000003)])
    with pytest.raises(DataContractError, match="training split"):
        run(tmp_path, root)


def test_other_splits_than_the_cohort_are_refused(tmp_path):
    root = release(tmp_path / "cxr", FILMS)
    other = Splitter({"test": frozenset({10000001}), "valid": frozenset()}, 0, 0.1, 0.2)
    options = {"px": 16, "outputs": [], "facts": tmp_path, "ledger_path": tmp_path, "threads": 1}
    with pytest.raises(DataContractError, match="another split"):
        images.resize_radiographs(root, cohort(tmp_path), other, **options)


def test_pieces_are_the_parts_that_one_process_would_write(tmp_path):
    films = [film(dicom_id=f"d{n}", subject_id=10000001 + n) for n in range(12)]
    root = release(tmp_path / "cxr", films, broken={"d3": None, "d5": b"no picture"})
    (tmp_path / "once").mkdir()
    _, facts, entries = run(tmp_path / "once", root, parts=3)
    made = tmp_path / "pieces"
    for piece in range(3):
        image_pieces.resize_piece(
            root,
            cohort(made),
            SPLITTER,
            px=16,
            piece=piece,
            pieces=3,
            output=made / f"part-{piece:05}.parquet",
            tally=made / f"{piece}.json",
        )
        one = (tmp_path / "once/images" / f"part-{piece:05}.parquet").read_bytes()
        assert (made / f"part-{piece:05}.parquet").read_bytes() == one
    image_pieces.gather_pieces(
        root,
        cohort(made),
        SPLITTER,
        px=16,
        tallies=[made / f"{piece}.json" for piece in range(3)],
        facts=made / "images.json",
        ledger_path=made / "ledger.json",
        sightings=made / "seen.json",
    )
    assert json.loads((made / "images.json").read_text()) == facts
    assert json.loads((made / "ledger.json").read_text())["entries"] == entries
