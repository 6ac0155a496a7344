"""Profiles are sets of switches; what does not exist is refused."""

from typing import get_args

import pytest

from preprocessing.datasets.mimic.switches import (
    CORRECTED,
    FAITHFUL,
    PROFILES,
    Switches,
    parse_overrides,
    switches_of,
    table,
)
from preprocessing.errors import ConfigError


def test_every_switch_has_a_meaning_and_allowed_values() -> None:
    for name, field in Switches.model_fields.items():
        assert field.description, name
        for profile in PROFILES.values():
            assert getattr(profile, name) in get_args(field.annotation)


def test_profiles_differ_in_all_but_what_is_off_or_open_in_both() -> None:
    same = {n for n in Switches.model_fields if getattr(FAITHFUL, n) == getattr(CORRECTED, n)}
    assert same == {"horizon", "gcs_intubated", "imputation"}


def test_a_switch_is_turned_over_its_profile() -> None:
    switches = switches_of("faithful", parse_overrides(["age=admission", "fio2=fraction"]))
    turned = {"age": "admission", "fio2": "fraction"}
    assert switches.model_dump() == FAITHFUL.model_dump() | turned


@pytest.mark.parametrize(
    ("profile", "options", "named"),
    [
        ("original", [], "corrected"),
        ("faithful", ["agee=anchor"], "agee"),
        ("faithful", ["age=birthday"], "admission"),
        ("faithful", ["age"], "name=value"),
        ("faithful", ["horizon=storetime"], "window=own_stay"),
    ],
)
def test_what_does_not_exist_is_refused(profile: str, options: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        switches_of(profile, parse_overrides(options))


def test_table_lists_every_switch() -> None:
    lines = table().splitlines()
    assert len(lines) == len(Switches.model_fields) + 2
    assert all(line.count("|") == 5 for line in lines)
