"""Which rows of which stay count: the reference's rules on made-up rows, and their switches."""

import random
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.series import inference
from preprocessing.datasets.mimic.switches import FAITHFUL
from preprocessing.errors import ConfigError, DataContractError
from tests.preprocessing.made_up_icu import (
    BLOOD_GLUCOSE,
    CHARTS,
    HR,
    LABS,
    NOT_READY,
    RR,
    SPO2,
    MadeUpICU,
    Stay,
    at,
    random_icu,
)
from tests.preprocessing.reference_model import ModelStay, Row, episodes, hourly

EVENT = ("charttime", "itemid", "value")


@pytest.fixture
def icu(tmp_path: Path) -> MadeUpICU:
    return MadeUpICU(tmp_path)


# The reference, rule by rule.


@pytest.mark.parametrize(("seed", "chunk_rows"), [*product(range(4), [131_072]), (4, 5), (5, 40)])
def test_faithful_equals_the_model_on_made_up_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, chunk_rows: int
) -> None:
    icu = random_icu(tmp_path, seed)
    monkeypatch.setattr(f"{inference.__name__}.ROWS_OF_A_CHUNK", chunk_rows)
    monkeypatch.setattr("preprocessing.datasets.mimic.blocks.BLOCK", 4096)
    items = dict(variables.items(FAITHFUL).select("itemid", "variable").iter_rows())
    stays = [
        ModelStay(s.subject_id, s.hadm_id, s.stay_id, at(s.begin), at(s.begin + s.hours))
        for s in icu.stays
    ]
    rows = [
        Row(r["subject_id"], r["hadm_id"] or None, r.get("stay_id") or None, *map(r.get, EVENT))
        for r in [*icu.outputs, *icu.charts, *icu.labs]
    ]
    result = icu.run("faithful", parts=2)
    for stay_id, episode in episodes(rows, stays, items, {NOT_READY}, chunk_rows).items():
        cells = hourly(episode)
        expected_values, expected_observed = np.zeros((48, 59)), np.zeros((48, 17))
        for (hour, variable), value in cells.items():
            is_number = variable in variables.value_names()
            name = variable if is_number else f"{variable}->{value}"
            place = variables.value_names().index(name)
            expected_values[hour, place] = value if is_number else 1
            expected_observed[hour, variables.variable_names().index(variable)] = 1
        hours = next(s.hours for s in icu.stays if s.stay_id == stay_id)
        is_written = stay_id in result.frame["stay_id"]
        assert is_written == (hours >= 48 and bool(cells))
        if is_written:
            assert (result.array(stay_id, "values", 59) == expected_values.astype("f4")).all()
            assert (result.array(stay_id, "observed", 17) == expected_observed).all()


@pytest.mark.parametrize("seconds", [-1, 0, 1, 3599, 3600, 3601, 48 * 3600 - 1, 48 * 3600])
def test_hour_of_each_second_near_a_boundary(icu: MadeUpICU, seconds: int) -> None:
    """Closed: (k, k+1] with 0.0 in hour 0 and 48.0 in hour 47 (2.5, 2.6). Half open: [k, k+1)."""
    icu.chart(10, SPO2, "97").chart(seconds / 3600, HR, "80")
    closed = [] if seconds < 0 else [max(seconds - 1, 0) // 3600]
    assert icu.run("faithful").observed("Heart Rate") == closed
    half_open = [seconds // 3600] if 0 <= seconds < 48 * 3600 else []
    assert icu.run("corrected").observed("Heart Rate") == half_open
    assert icu.run("faithful", boundary="half_open").observed("Heart Rate") == half_open


def test_one_second_past_48_hours_is_out(icu: MadeUpICU) -> None:
    icu.chart(1, HR, "80").chart(48 + 1 / 3600, HR, "90")
    result = icu.run("faithful")
    assert result.observed("Heart Rate") == [0]
    assert result.dropped("rows of stays", "after hour 48") == 1


def test_los_of_exactly_two_days_stays(tmp_path: Path) -> None:
    """2.5: the margin is below a second; los is the column's, not the times'."""
    stays = [
        Stay(1, 11, 111, hours=48, los_hours=48 - 5e-7),
        Stay(2, 12, 112, hours=48, los_hours=48 - 2e-6),
    ]
    icu = MadeUpICU(tmp_path, stays=stays)
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    result = icu.run("faithful")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "shorter than 48 h") == 1


def test_last_value_of_the_hour_counts(icu: MadeUpICU) -> None:
    icu.chart(3.9, HR, "70").chart(3.1, HR, "90").chart(3.5, HR, "80")
    assert icu.run("faithful").value("Heart Rate", 3) == 70


def test_stay_without_a_row_is_left_out_and_counted(tmp_path: Path) -> None:
    """Q12: the reference dies of a patient without events."""
    icu = MadeUpICU(tmp_path, stays=[Stay(), Stay(2, 12, 112)])
    result = icu.chart(1, HR, "80").run("faithful")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "nothing observed in the first 48 h") == 1


def test_no_stay_at_all_gives_an_empty_part(tmp_path: Path) -> None:
    icu = MadeUpICU(tmp_path, stays=[Stay(hours=20)])
    result = icu.chart(1, HR, "80").run("corrected", parts=2)
    assert result.frame.height == result.facts["rows"] == 0
    assert result.frame.width == 6


def test_rows_of_other_stays_are_shared_only_by_the_reference(tmp_path: Path) -> None:
    """2.4.7: an event of another admission that falls into the window is added."""
    icu = MadeUpICU(tmp_path, stays=[Stay(1, 11, 111, 0), Stay(1, 12, 112, 10)])
    icu.chart(20.5, HR, "80").chart(21.5, SPO2, "97", hadm_id=12, stay_id=112)
    shared = icu.run("faithful")
    assert shared.observed("Heart Rate", 111) == [20]
    assert shared.observed("Heart Rate", 112) == [10]
    assert shared.observed("Oxygen saturation", 111) == [21]
    own = icu.run("corrected")
    assert own.observed("Oxygen saturation", 111) == []
    assert own.observed("Oxygen saturation", 112) == [11]
    assert own.observed("Heart Rate", 112) == []


@pytest.mark.parametrize(("seconds", "is_shared"), [(-1, False), (0, True)])
def test_what_is_shared_includes_intime_and_outtime(
    tmp_path: Path, seconds: int, is_shared: bool
) -> None:
    """2.4.7: a row of another stay counts from intime to outtime, both included."""
    icu = MadeUpICU(tmp_path, stays=[Stay(1, 11, 111, 0, 48), Stay(1, 12, 112, 200)])
    other = {"hadm_id": 12, "stay_id": 112}
    icu.chart(5, SPO2, "97").chart(seconds / 3600, HR, "80", **other)
    icu.chart(48 - seconds / 3600, RR, "20", **other)
    result = icu.run("faithful")
    assert result.observed("Heart Rate") == ([0] if is_shared else [])
    assert result.observed("Respiratory rate") == ([47] if is_shared else [])


def test_labs_of_the_admission_hours_before_the_stay_are_no_rows(icu: MadeUpICU) -> None:
    icu.lab(-5, BLOOD_GLUCOSE, "100").lab(5, BLOOD_GLUCOSE, "120")
    result = icu.run("faithful")
    assert result.observed("Glucose") == [4]
    # Outside of intime..outtime a row counts by its stay, but its hour is out of the window.
    assert result.dropped("rows of stays", "before hour 0") == 1


def test_labs_without_hadm_id(icu: MadeUpICU) -> None:
    icu.lab(5.5, BLOOD_GLUCOSE, "100", hadm_id="").lab(7.5, BLOOD_GLUCOSE, "120")
    icu.lab(9.5, BLOOD_GLUCOSE, "130", hadm_id=99).lab(60, BLOOD_GLUCOSE, "140")
    faithful = icu.run("faithful")
    assert faithful.observed("Glucose") == [7]
    assert faithful.dropped(LABS, "no admission given") == 1
    assert faithful.dropped(LABS, "admission not in the cohort") == 1
    corrected = icu.run("corrected")
    assert corrected.observed("Glucose") == [5, 7, 9]
    assert corrected.dropped(LABS, "outside of the first 48 hours") == 1
    assert icu.run("faithful", lab_link="subject_and_time").observed("Glucose") == [5, 7, 9]


def test_chart_rows_need_the_stay_of_their_admission(icu: MadeUpICU) -> None:
    """2.3: no recovery of hadm_id; a missing stay_id is taken from it; another one drops."""
    icu.chart(1.5, HR, "80").chart(2.5, HR, "81", stay_id="")
    icu.chart(3.5, HR, "82", hadm_id="").chart(4.5, HR, "83", stay_id=999)
    result = icu.run("faithful")
    assert result.observed("Heart Rate") == [1, 2]
    assert result.dropped(CHARTS, "no admission given") == 1
    assert result.dropped(CHARTS, "another stay of the admission") == 1


def test_horizon_wants_values_that_could_be_read_in_time(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80", storetime=at(2)).chart(47.5, HR, "81", storetime=at(49))
    icu.chart(5.5, HR, "82").lab(6.5, BLOOD_GLUCOSE, "100", storetime=at(48))
    assert icu.run("corrected").observed("Heart Rate") == [1, 5, 47]
    result = icu.run("corrected", horizon="storetime")
    assert result.observed("Heart Rate") == [1]
    assert result.observed("Glucose") == [6]
    assert result.dropped(CHARTS, "not stored by hour 48") == 2
    with pytest.raises(ConfigError, match="horizon"):
        icu.run("faithful", horizon="storetime")


def test_early_deaths(tmp_path: Path) -> None:
    stays = [Stay(), Stay(2, 12, 112, died=1)]
    icu = MadeUpICU(tmp_path, stays=stays, deaths={12: at(47)})
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    assert icu.run("faithful").frame.height == 2
    result = icu.run("corrected")
    assert result.frame["stay_id"].to_list() == [111]
    assert result.dropped("cohort", "died before hour 48") == 1


def test_stays_without_a_diagnosis(tmp_path: Path) -> None:
    """2.4.9: the reference's label file is then empty."""
    icu = MadeUpICU(tmp_path, stays=[Stay(), Stay(2, 12, 112)], diagnosed=[12])
    icu.chart(1, HR, "80").chart(1, HR, "80", subject_id=2, hadm_id=12, stay_id=112)
    result = icu.run("faithful")
    assert result.frame["stay_id"].to_list() == [112]
    assert result.dropped("cohort", "no billed diagnosis") == 1
    assert icu.run("corrected").frame.height == 2


def test_order_of_rows_and_number_of_buckets_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    icu = random_icu(tmp_path, seed=7)
    expected = {profile: icu.run(profile) for profile in ("faithful", "corrected")}
    random.Random(1).shuffle(icu.charts)
    icu.labs.reverse()
    monkeypatch.setattr("preprocessing.datasets.mimic.series.stays.BUCKET_SUBJECTS", 2)
    monkeypatch.setattr("preprocessing.datasets.mimic.blocks.BLOCK", 4096)
    for profile, result in expected.items():
        again = icu.run(profile)
        assert again.frame.equals(result.frame)
        assert again.ledger == result.ledger
        assert again.facts["mean"] == pytest.approx(result.facts["mean"])


@pytest.mark.parametrize("release", ["v1", "v2.0"])
@pytest.mark.parametrize("profile", ["faithful", "corrected"])
def test_other_releases_give_the_same(tmp_path: Path, release: str, profile: str) -> None:
    expected = random_icu(tmp_path / "v2.2", seed=8).run(profile)
    icu = random_icu(tmp_path / release, seed=8)
    icu.release = release
    result = icu.run(profile)
    assert result.frame.equals(expected.frame)
    assert result.ledger == expected.ledger


# Damaged and odd input (issue 3).


def test_a_charttime_a_year_off_is_counted(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, HR, "90")
    icu.charts[-1]["charttime"] = at(2.5) + timedelta(days=365)
    result = icu.run("corrected")
    assert result.dropped(CHARTS, "a year off") == 1
    assert icu.run("faithful").dropped("rows of stays", "after hour 48") == 1


def test_a_broken_charttime_is_refused_without_showing_it(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").chart(2.5, HR, "90", charttime="soonish")
    with pytest.raises(DataContractError, match=r"charttime .*; 1 such times") as caught:
        icu.run("corrected")
    assert "soonish" not in str(caught.value)
    assert not (icu.root / "out" / "part-0.parquet").exists()


def test_a_row_of_too_many_fields_is_refused(icu: MadeUpICU) -> None:
    icu.chart(1.5, HR, "80").write()
    path = icu.root / "icu" / "chartevents.csv"
    path.write_text(path.read_text() + "1,11,111,,2150-01-01 02:00:00,,220045,80,80,bpm,0,0\n")
    with pytest.raises(DataContractError, match=r"chartevents.csv, line 3"):
        icu.run("corrected", write=False)
