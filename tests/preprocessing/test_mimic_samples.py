"""The sample index on made-up shards: time rules, absences, its determinism."""

import json
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.schemas import Samples
from preprocessing.engine.duckdb import connect
from preprocessing.errors import ConfigError, DataContractError
from tests.preprocessing.made_up_samples import (
    HOUR,
    INTIME,
    SECOND,
    World,
    only,
    patients,
    run,
)

STAY = {"subject_id": 1, "hadm_id": 11, "stay_id": 111}


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], "no readable radiograph of the patient"),
        ([("a", INTIME, "PA")], "no AP radiograph in the first 48 h"),
        ([("a", INTIME, None)], "no AP radiograph in the first 48 h"),
        ([("a", INTIME - SECOND, "AP")], "no AP radiograph in the first 48 h"),
        ([("a", INTIME, "AP")], "a"),
        ([("a", INTIME + 48 * HOUR, "AP")], "a"),
        ([("a", INTIME + 48 * HOUR + SECOND, "AP")], "no AP radiograph in the first 48 h"),
        ([("a", INTIME + HOUR, "AP"), ("b", INTIME + 2 * HOUR, "AP"), ("c", INTIME, "AP")], "b"),
        ([("a", INTIME + HOUR, "AP"), ("b", INTIME + 2 * HOUR, "LATERAL")], "a"),
        ([("a", INTIME, "AP"), ("b", INTIME, "AP")], "b"),
    ],
)
def test_last_ap_radiograph_of_the_first_48_h(
    tmp_path: Path, images: list[tuple[str, datetime, str | None]], expected: str
) -> None:
    rows = [{"dicom_id": d, "subject_id": 1, "study_time": t, "view": v} for d, t, v in images]
    (sample,) = only(run(World([STAY], rows), tmp_path), "finetune")
    assert (sample["dicom_id"] or sample["image_absence"]) == expected
    assert sample["has_image"] == (sample["image_absence"] is None)
    assert sample["sample_id"] == 111


def test_nothing_from_after_discharge(tmp_path: Path) -> None:
    stay = STAY | {"dischtime": INTIME + 30 * HOUR}
    late = INTIME + 31 * HOUR
    world = World(
        [stay],
        [{"dicom_id": "a", "subject_id": 1, "study_time": late}],
        [{"note_id": "1-RR-1", "subject_id": 1, "charttime": late}],
    )
    (sample,) = only(run(world, tmp_path), "finetune")
    assert (sample["has_image"], sample["has_text"]) == (False, False)


def note(sequence: int, **columns: Any) -> dict[str, Any]:
    kind = columns.pop("kind", "RR")
    return {"note_id": f"1-{kind}-{sequence}", "subject_id": 1} | columns


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([], "no note of the patient"),
        ([note(1)], "1-RR-1"),
        ([note(1, hadm_id=11)], "1-RR-1"),
        ([note(1, hadm_id=12)], "no report before 48 h"),
        ([note(1, charttime=INTIME - 24 * HOUR)], "1-RR-1"),
        ([note(1, charttime=INTIME - 24 * HOUR - SECOND)], "no report before 48 h"),
        ([note(1, charttime=INTIME + 48 * HOUR)], "1-RR-1"),
        ([note(1, charttime=INTIME + 48 * HOUR + SECOND)], "no report before 48 h"),
        ([note(1, storetime=INTIME + 48 * HOUR)], "1-RR-1"),
        ([note(1, storetime=INTIME + 48 * HOUR + SECOND)], "no report before 48 h"),
        ([note(1, charttime=INTIME + HOUR), note(2)], "1-RR-1"),
        ([note(9), note(10)], "1-RR-10"),
    ],
)
def test_last_report_readable_within_48_h(
    tmp_path: Path, notes: list[dict[str, Any]], expected: str
) -> None:
    (sample,) = only(run(World([STAY], notes=notes), tmp_path), "finetune")
    assert (sample["note_id"] or sample["text_absence"]) == expected
    assert sample["has_text"] == (sample["text_absence"] is None)


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([note(1, kind="DS", hadm_id=12)], "no note of the admission"),
        # Of the admission, whenever it was charted.
        ([note(1, kind="DS", hadm_id=11, charttime=INTIME + 900 * HOUR)], "1-DS-1"),
        ([note(9, kind="DS", hadm_id=11), note(10, kind="DS", hadm_id=11)], "1-DS-10"),
        ([note(3, kind="DS", hadm_id=11), note(5, kind="AD", hadm_id=11)], "1-DS-3"),
        ([note(5, kind="AD", hadm_id=11)], "1-AD-5"),
        # Never the note of a later admission, which the patient lived to see.
        ([note(1, kind="DS", hadm_id=11), note(2, kind="DS", hadm_id=12)], "1-DS-1"),
    ],
)
@pytest.mark.parametrize("source", ["discharge", "discharge_admission_sections"])
def test_discharge_note_of_the_same_admission(
    tmp_path: Path, source: str, notes: list[dict[str, Any]], expected: str
) -> None:
    (sample,) = only(run(World([STAY], notes=notes), tmp_path, source), "finetune")
    assert (sample["note_id"] or sample["text_absence"]) == expected


def test_only_stays_with_a_series_are_samples(tmp_path: Path) -> None:
    second = {"subject_id": 1, "hadm_id": 12, "stay_id": 112}
    world = World([STAY, second], with_series=[112], with_tabular=[])
    (sample,) = only(run(world, tmp_path), "finetune")
    assert sample["stay_id"] == 112
    assert sample["has_timeseries"]
    assert not sample["has_tabular"]
    assert sample["tabular_absence"] == "no demographics of the stay"


def test_flags_and_reasons_agree(tmp_path: Path) -> None:
    world = patients([(n, m, k, "train") for n, m, k in product((0, 2), repeat=3)])
    frame = run(world, tmp_path)
    for modality in ("image", "text", "timeseries", "tabular"):
        assert (frame[f"has_{modality}"] == frame[f"{modality}_absence"].is_null()).all()
    assert (frame["has_image"] == frame["dicom_id"].is_not_null()).all()
    assert (frame["has_text"] == frame["note_id"].is_not_null()).all()
    assert (frame["has_timeseries"] == frame["stay_id"].is_not_null()).all()
    assert frame.filter(~pl.any_horizontal(pl.col("^has_.*$"))).is_empty()


def test_facts_and_ledger_count_every_sample(tmp_path: Path) -> None:
    world = patients(
        [(1, 2, 1, "train"), (2, 0, 1, "valid"), (1, 1, 1, "test"), (0, 1, 0, "train")]
    )
    frame = run(world, tmp_path)
    facts = json.loads((tmp_path / "samples.json").read_text())
    assert facts["text_source"] == "radiology_48h"
    assert facts["rows"] == frame.height == 3 + 2 + 2 + 1
    assert facts["counts"] == {
        "finetune": {
            "train": {"image+text+timeseries+tabular": 1},
            "valid": {"image+timeseries+tabular": 1},
            "test": {"image+text+timeseries+tabular": 1},
        },
        "pretrain": {
            "train": {"image+text+timeseries+tabular": 2, "text": 1},
            "valid": {"image+timeseries+tabular": 2},
            "test": {},
        },
    }
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    found = {(e["table"], e["reason"]): (e["rows_before"], e["rows_after"]) for e in entries}
    assert found["images", "of a test patient: not in pretraining"] == (4, 3)
    assert found["samples of pretrain", "text absent: no note of the patient"] == (2, 2)
    assert found["samples of finetune", "text absent: no note of the patient"] == (1, 1)


@pytest.mark.parametrize("rounds", [1, 16])
def test_bytes_depend_on_neither_threads_nor_row_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(samples, "CHUNK", 7)
    world = patients([(n % 4, n % 3, n % 2, "train") for n in range(40)])
    run(world, tmp_path / "a", parts=3, threads=1, rounds=rounds)
    for rows in (world.images, world.notes, world.stays):
        rows.reverse()
    run(world, tmp_path / "b", parts=3, threads=4, rounds=rounds)
    for part in range(3):
        name = f"samples/part-{part}.parquet"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_parts_keep_patients_and_the_contract(tmp_path: Path) -> None:
    world = patients([(2, 2, 1, "train")] * 20)
    run(world, tmp_path, parts=3)
    frames = [pl.read_parquet(tmp_path / "samples" / f"part-{part}.parquet") for part in range(3)]
    subjects = [set(frame["subject_id"]) for frame in frames]
    assert sum(map(len, subjects)) == len(set.union(*subjects)) == 20
    assert all(frame.columns == list(Samples.to_schema().columns) for frame in frames)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.images[0].update(split="valid"), "1 patients in two splits"),
        (lambda w: w.notes.append(w.notes[0]), "1 repeated note_id"),
        (lambda w: w.images.append(w.images[0]), "1 repeated dicom_id"),
    ],
)
def test_contradicting_shards_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    world = patients([(1, 1, 1, "train")])
    change(world)
    with pytest.raises(DataContractError, match=message):
        run(world, tmp_path)


def test_series_of_another_cohort_are_refused(tmp_path: Path) -> None:
    cohort, shards = World([STAY]).write(tmp_path)
    other = {"subject_id": 2, "hadm_id": 12, "stay_id": 112}
    _, others = World([other]).write(tmp_path / "other")
    mixed = samples.Shards(others.timeseries, shards.images, shards.notes, shards.tabular)
    with pytest.raises(DataContractError, match="1 time series whose stay"):
        samples.pair_samples(
            cohort, mixed, source_name="discharge", outputs=[], facts=tmp_path / "f",
            ledger_path=tmp_path / "l", con=connect(threads=1),
        )  # fmt: skip


def test_unknown_text_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'nursing'.*radiology_48h"):
        run(World([STAY]), tmp_path, "nursing")


def outcomes_of(*answers: tuple[float, int | None, list[int] | None], split: str) -> list[dict]:
    return [
        {
            "subject_id": n,
            "hadm_id": n + 10,
            "stay_id": n + 100,
            "split": split,
            "in_hospital_mortality": n % 2,
            "length_of_stay": hours,
            "readmission_30d": again,
            "phenotypes": flags,
        }
        for n, (hours, again, flags) in enumerate(answers, start=1 if split == "train" else 50)
    ]


def test_samples_carry_the_answers_of_their_stays_and_facts_those_of_training(
    tmp_path: Path,
) -> None:
    one, none = [1] + [0] * 24, [0] * 25
    world = World(
        stays=outcomes_of((60.0, 0, one), (100.0, 0, none), (200.0, None, None), split="train")
        + outcomes_of((900.0, 1, one), split="test")
    )
    found = {row["sample_id"]: row for row in only(run(world, tmp_path), "finetune")}
    assert [found[n]["length_of_stay"] for n in (101, 102, 103, 150)] == [60, 100, 200, 900]
    assert [found[n]["readmission_30d"] for n in (101, 102, 103, 150)] == [0, 0, None, 1]
    assert [found[n]["phenotypes"] for n in (101, 102, 103, 150)] == [one, none, None, one]
    told = json.loads((tmp_path / "samples.json").read_text())["tasks"]
    assert told["length_of_stay"] == {
        "train": 3,
        "mean": pytest.approx(120.0),
        "std": pytest.approx(58.878406),
    }
    assert told["phenotypes"] == {"train": 2}
    # Of the patients in training nobody came back: that cannot be learned, and the ledger says so.
    assert set(told) == {"in_hospital_mortality", "length_of_stay", "phenotypes"}
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    (entry,) = [e for e in entries if e["table"] == "tasks"]
    assert entry["reason"].startswith("readmission_30d: no two answers")
    assert entry["rows_after"] == 2
