"""The exact counts of the missingness audit are those that were planted."""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from preprocessing.audit.missingness.counts import Group, Unit, groups, members, patterns
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.audit.missingness.report import audit_missingness
from preprocessing.datasets.amazon import missingness as reviews
from preprocessing.datasets.mimic import missingness as mimic
from preprocessing.engine.duckdb import connect
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from tests.preprocessing.leakage_shards import amazon_shards
from tests.preprocessing.missingness_shards import (
    ELSEWHERE,
    IMAGES,
    NOTES,
    PLANTED,
    planted,
    unit_of,
    write_shards,
)

CONNECT = partial(connect, memory_limit="300MB")


def planted_sums(*, place: int | None = None, long: bool | None = None) -> dict[Any, Group]:
    """Planted stays by level and pattern, with and without the outcome."""
    found: dict[Any, Group] = {}
    for key, n in PLANTED.items():
        pattern, died = key[0], key[3]
        if long is None or ("timeseries" in pattern) == long:
            where = ("all" if place is None else key[place], pattern)
            found[where] = found.get(where, Group()) + (Group(n) if died else Group(0, n))
    return found


def counted(unit: Unit, breakdown: str) -> dict[Any, Group]:
    return {
        (level, pattern): group
        for (name, level, pattern), group in unit.groups.items()
        if name == breakdown
    }


@pytest.mark.parametrize(("name", "long"), [("stay", None), ("stay_48h", True),
                                            ("stay_under_48h", False)])  # fmt: skip
@pytest.mark.parametrize(("breakdown", "place"), [("all", None), ("split", 1), ("careunit", 2)])
def test_stays_as_planted(
    planted_counts: Counts, name: str, long: bool | None, breakdown: str, place: int | None
) -> None:
    assert counted(unit_of(planted_counts, name), breakdown) == planted_sums(place=place, long=long)


def test_patients_as_planted(planted_counts: Counts) -> None:
    expected = {pattern: group for (_, pattern), group in planted_sums().items()}
    expected |= {pattern: Group(0, 0, n) for pattern, n in ELSEWHERE.items()}
    found = counted(unit_of(planted_counts, "patient"), "all")
    assert {pattern: group for (_, pattern), group in found.items()} == expected


def test_rows_of_the_join_as_planted(planted_counts: Counts) -> None:
    per_patient = {"image": IMAGES, "text": NOTES}
    expected: Counter[str] = Counter()
    stays = {(pattern, *rest): n for (pattern, *rest), n in PLANTED.items()}
    for key, n in [*stays.items(), *(((p, ""), n) for p, n in ELSEWHERE.items())]:
        names = members(key[0]) if "timeseries" in key[0] else set(members(key[0])) - {"tabular"}
        if names:
            pattern = "+".join(m for m in mimic.MODALITIES if m in names)
            expected[pattern] += n * int(np.prod([per_patient.get(m, 1) for m in names]))
    found = counted(unit_of(planted_counts, "join"), "all")
    assert {pattern: group.count for (_, pattern), group in found.items()} == dict(expected)


def test_the_join_is_what_pretraining_reads(planted_shards: Path, planted_counts: Counts) -> None:
    rows = pl.read_parquet(planted_shards / "samples" / "*.parquet").filter(stage="pretrain")
    flags = [f"has_{name}" for name in mimic.MODALITIES]
    expected = {
        (split, "+".join(m for m, there in zip(mimic.MODALITIES, has, strict=True) if there)): n
        for split, *has, n in rows.group_by("split", *flags).len().iter_rows()
    }
    found = counted(unit_of(planted_counts, "join"), "split")
    assert {key: group.count for key, group in found.items() if key[0] != "test"} == expected


def test_the_join_has_as_many_pairs_as_pretraining(tmp_path: Path) -> None:
    (counts,) = mimic.count(write_shards(planted(), tmp_path, rounds=1), None, CONNECT)
    join = unit_of(counts, "join").total("all", "all").count
    (every,) = mimic.count(write_shards(planted(), tmp_path / "all", rounds=2), None, CONNECT)
    having_both = 12 + 40 + 30 + 4
    fewer = having_both * (IMAGES * NOTES - max(IMAGES, NOTES))
    assert join == unit_of(every, "join").total("all", "all").count - fewer


def test_studies_as_planted(planted_counts: Counts) -> None:
    found = counted(unit_of(planted_counts, "study"), "careunit")
    with_image = {
        (careunit, pattern): IMAGES * n
        for (pattern, split, careunit, died), n in PLANTED.items()
        if "image" in pattern and split == "test"
    }
    for key, n in with_image.items():
        assert found[key].count >= n
    outside = sum(n for pattern, n in ELSEWHERE.items() if "image" in pattern)
    assert found["outside of any known admission", "image"].count == IMAGES * outside
    assert sum(group.count for group in found.values()) == len(planted().images)


def test_a_raw_root_adds_who_has_nothing(planted_shards: Path, tmp_path: Path) -> None:
    hosp = tmp_path / "hosp"
    hosp.mkdir()
    first = next(iter(planted().stays))["subject_id"]
    (hosp / "patients.csv").write_text(
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
        f"{first},F,60,2180,2014 - 2016,\n" + "9999,M,60,2150,2008 - 2010,\n"
    )
    header = (
        "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,admit_provider_id,"
        "admission_location,discharge_location,insurance,language,marital_status,race,edregtime,"
        "edouttime,hospital_expire_flag\n"
    )
    row = "9999,8888,2150-01-01 00:00:00,2150-01-03 00:00:00,,URGENT,,,,,,,,,,1\n"
    (hosp / "admissions.csv").write_text(header + row)
    (units,) = mimic.count(planted_shards, tmp_path, CONNECT)
    patients, admissions = unit_of(units, "patient"), unit_of(units, "admission")
    assert patients.group("all", "all", "none") == Group(1)
    assert patients.group("period", "2008 - 2010", "none") == Group(1)
    assert patients.total("period", "2014 - 2016").count == 1
    assert admissions.group("careunit", "no ICU stay in the cohort", "none") == Group(1)
    assert admissions.group("split", "nothing in the shards", "none") == Group(1)


def test_reasons_are_those_of_the_samples(planted_counts: Counts) -> None:
    stays = unit_of(planted_counts, "stay_48h")
    assert stays.absences["train", "image", "no readable radiograph of the patient"] == 25 + 11
    assert stays.absences["valid", "text", "no note of the patient"] == 20


def test_shards_of_another_run_are_refused(planted_shards: Path, tmp_path: Path) -> None:
    told = json.loads((planted_shards / "manifest.json").read_text())
    told["counts"]["finetune"]["train"] = {"timeseries+tabular": 1}
    other = tmp_path / "shards"
    other.mkdir()
    for path in planted_shards.iterdir():
        if path.name != "manifest.json":
            (other / path.name).symlink_to(path)
    (other / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(DataContractError, match="different runs"):
        mimic.count(other, None, CONNECT)
    with pytest.raises(SourceMissingError, match="snakemake shards"):
        mimic.count(tmp_path, None, CONNECT)


def test_what_reviews_need_beside_their_shards_is_asked_for(tmp_path: Path) -> None:
    files = {"output_csv": tmp_path / "m.csv", "output_json": tmp_path / "m.json"}
    with pytest.raises(ConfigError, match="--amazon-interim"):
        audit_missingness([amazon_shards(tmp_path / "amazon")], CONNECT(), **files)


def test_every_pattern_is_listed() -> None:
    names = patterns(["image", "text", "tabular"])
    assert len(names) == len(set(names)) == 8
    assert names[0] == "image+text+tabular" and names[-1] == "none"


def test_weights_stand_for_rows() -> None:
    rows = pl.DataFrame({"has_image": [True, False], "outcome": [1, 0], "weight": [7, 5]})
    assert groups(rows, ["image"], []) == {
        ("all", "all", "image"): Group(7), ("all", "all", "none"): Group(0, 5),
    }  # fmt: skip


def test_products_have_what_a_review_has() -> None:
    rows = pl.DataFrame(
        {
            "asin": ["A", "A", "B"], "split": ["train", "train", "test"], "stars": [4, 4, 2],
            "has_image": [True, False, False], "has_text": True, "has_tabular": True,
        }
    )  # fmt: skip
    found = reviews.products(rows).sort("asin")
    assert found["has_image"].to_list() == [True, False]
    assert found["outcome"].to_list() == [1, 0]
