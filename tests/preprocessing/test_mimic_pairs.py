"""Samples of pretraining: the outer join by patient, of which reports are paired in rounds."""

import json
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessing.datasets.mimic.outcomes import TASKS
from tests.preprocessing.made_up_samples import World, only, patients, run

counts = st.integers(0, 3)
splits = st.sampled_from(["train", "valid", "test"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draws=st.lists(st.tuples(counts, counts, counts, splits), min_size=1, max_size=6))
def test_pretraining_is_the_outer_join_by_patient(
    tmp_path: Path, draws: list[tuple[int, int, int, str]]
) -> None:
    world = patients(draws)
    found = only(run(world, tmp_path, parts=2), "pretrain")
    expected: Counter[tuple[Any, ...]] = Counter()
    for subject, (*_, split) in enumerate(draws, start=1):
        kinds = [
            [row[key] for row in rows if row["subject_id"] == subject]
            for rows, key in (
                (world.images, "dicom_id"), (world.notes, "note_id"), (world.stays, "stay_id")
            )
        ]  # fmt: skip
        if split != "test" and any(kinds):
            for ids in product(*(kind or [None] for kind in kinds)):
                expected[subject, split, *ids] += 1
    keys = ("subject_id", "split", "dicom_id", "note_id", "stay_id")
    assert Counter(tuple(row[key] for key in keys) for row in found) == expected
    # A running number, in the order of subjects.
    assert [row["sample_id"] for row in found] == list(range(len(found)))
    assert [row["subject_id"] for row in found] == sorted(row["subject_id"] for row in found)
    assert all(row[task] is None for row in found for task in TASKS)


PAIR = ("dicom_id", "note_id", "stay_id")


def made_pairs(frame: pl.DataFrame) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[key] for key in PAIR) for row in only(frame, "pretrain"))


@pytest.mark.parametrize("rounds", [1, 2, 5])
@pytest.mark.parametrize(("images", "notes"), [(40, 30), (30, 40), (12, 12), (1, 50), (0, 50)])
def test_reports_are_paired_in_so_many_rounds(
    tmp_path: Path, images: int, notes: int, rounds: int
) -> None:
    world = patients([(images, notes, 2, "train")])
    pairs = made_pairs(run(world, tmp_path, rounds=rounds))
    possible, most = max(images, 1) * notes, max(images, notes)
    made = min(possible, rounds * most)
    assert set(pairs.values()) == {1} and len(pairs) == 2 * made
    # Each as often as any other of its kind, up to one, and all of them.
    for place, kind in ((0, images), (1, notes)):
        times = Counter(pair[place] for pair in pairs if pair[2] == 100)
        assert len(times) == max(kind, 1)
        assert max(times.values()) - min(times.values()) <= 1
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    (entry,) = [e for e in entries if e["reason"].endswith(f"pair after round {rounds}")]
    assert (entry["rows_before"], entry["rows_after"]) == (2 * possible, 2 * made)
    assert json.loads((tmp_path / "samples.json").read_text())["pairing_rounds"] == rounds


def test_discharge_notes_are_all_paired(tmp_path: Path) -> None:
    frame = run(patients([(40, 30, 2, "train")]), tmp_path, "discharge", rounds=1)
    assert len(made_pairs(frame)) == 2 * 40 * 30
    assert "pairing_rounds" not in json.loads((tmp_path / "samples.json").read_text())


def test_fewer_rounds_leave_samples_out_and_change_none(tmp_path: Path) -> None:
    world = patients([(20, 30, 1, "train"), (9, 3, 2, "valid"), (2, 2, 2, "test")])
    # Of other patients no pair depends.
    alone = World(world.stays[:1], world.images[:20], world.notes[:30])
    many, few, first = (
        run(those, tmp_path / name, rounds=rounds).filter(stage="pretrain")
        for those, name, rounds in ((world, "a", 7), (world, "b", 2), (alone, "c", 2))
    )
    assert many.height > few.height > first.height
    assert few.join(many, on=few.columns, nulls_equal=True).height == few.height
    assert first.equals(few.filter(subject_id=1))
