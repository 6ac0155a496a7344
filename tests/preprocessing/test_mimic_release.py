"""Releases are told by their columns; what none of them has is refused with the nearest named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.release import (
    CORE,
    RELEASES,
    Header,
    layouts,
    releases_of,
)
from preprocessing.datasets.mimic.told import release_of
from preprocessing.engine.duckdb import connect
from preprocessing.errors import DataContractError

TELLING = ["hosp/admissions", "hosp/labevents", "icu/chartevents"]


def names(release: str, table: str) -> list[str]:
    return [column.header for column in layouts(release)[table]]


def write(root: Path, release: str, tables: list[str], folder: str = "hosp") -> None:
    for table in tables:
        place = table.replace("hosp", folder) if table in CORE else table
        path = root / f"{place}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = layouts(release)[table]
        nobody = ["0" if column.type.startswith(("int", "float")) else "" for column in columns]
        path.write_text("\n".join([",".join(names(release, table)), ",".join(nobody), ""]))


def test_layouts_differ_where_the_releases_do() -> None:
    assert "caregiver_id" not in names("v2.0", "icu/chartevents")
    assert names("v2.2", "icu/chartevents")[3] == "caregiver_id"
    assert "order_provider_id" not in names("v1", "hosp/labevents")
    assert "ethnicity" in names("v1", "hosp/admissions")
    assert "race" in names("v2.0", "hosp/admissions")
    assert "hosp/provider" not in layouts("v2.0")
    assert "icu/ingredientevents" in layouts("v2.0")
    assert "icu/ingredientevents" not in layouts("v1")
    assert layouts("v1")["note/discharge"] == layouts("v2.2")["note/discharge"]


@pytest.mark.parametrize("folder", ["core", "hosp"])
@pytest.mark.parametrize("release", RELEASES)
def test_release_is_told_by_columns_not_folders(tmp_path: Path, release: str, folder: str) -> None:
    write(tmp_path, release, [*TELLING, "hosp/patients"], folder)
    source = open_source(tmp_path, ["hosp/patients", *TELLING])
    assert source.release == release
    assert source.path("hosp/patients").parent.name == folder


def test_every_step_comes_to_the_same_release(tmp_path: Path) -> None:
    write(tmp_path, "v1", ["hosp/admissions", "icu/icustays"])
    # icustays is alike in all releases: the admissions beside it tell.
    assert open_source(tmp_path, ["icu/icustays"]).release == "v1"


@pytest.mark.parametrize(
    ("groups", "release"),
    [(["2008 - 2010", "2017 - 2019"], "v2.2"), (["2017 - 2019", "2020 - 2022"], "v3.1")],
)
def test_years_tell_v31_from_v22(tmp_path: Path, groups: list[str], release: str) -> None:
    write(tmp_path, "v2.2", ["hosp/patients", "hosp/admissions", "icu/icustays"])
    with (tmp_path / "hosp" / "patients.csv").open("a") as file:
        file.writelines(f"{n},F,60,2180,{group},\n" for n, group in enumerate(groups))
    source = open_source(tmp_path, ["icu/icustays"])
    assert source.release == release
    assert source.read(connect(threads=1), "icu/icustays", ["stay_id"]).height == 1


def test_ethnicity_comes_out_as_race(tmp_path: Path) -> None:
    write(tmp_path, "v1", ["hosp/admissions"], "core")
    with (tmp_path / "core" / "admissions.csv").open("a") as file:
        file.write("1,2,2180-01-01 00:00:00,,,URGENT,,,,,,WHITE,,,0\n")
    frame = open_source(tmp_path, ["hosp/admissions"]).read(
        connect(threads=1), "hosp/admissions", ["race", "hadm_id"]
    )
    assert frame.to_dicts()[1:] == [{"race": "WHITE", "hadm_id": 2}]


def test_mixture_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "v2.2", ["hosp/admissions", "hosp/labevents"])
    write(tmp_path, "v1", ["icu/chartevents"])
    for tables in (["hosp/admissions", "icu/chartevents"], ["icu/chartevents"]):
        with pytest.raises(DataContractError, match="different MIMIC-IV releases") as caught:
            open_source(tmp_path, tables)
        assert "chartevents.csv: v1 or v2.0" in str(caught.value)
        assert "admissions.csv: v2.2" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c[:-1], ["missing: warning", "found 10"]),
        (lambda c: [*c, "site"], ["unexpected: site"]),
        (lambda c: ["unit" if n == "valueuom" else n for n in c],
         ["missing: valueuom", "unexpected: column 10, whose name no table has\n"]),
        (lambda c: [*c[:3], *c[4:], c[3]], ["out of order: caregiver_id"]),
        (lambda c: [*c, c[-1]], ["repeated: warning"]),
        (lambda c: [n.upper() for n in c], ["missing: subject_id", "unexpected: SUBJECT_ID"]),
    ],
    ids=["missing", "inserted", "renamed", "moved", "repeated", "upper case"],
)  # fmt: skip
def test_unknown_layout_names_the_nearest(
    change: Callable[[list[str]], list[str]], expected: list[str]
) -> None:
    header = Header("a/chartevents.csv.gz", tuple(change(names("v2.2", "icu/chartevents"))))
    with pytest.raises(DataContractError) as caught:
        release_of({"icu/chartevents": header})
    for words in ["a/chartevents.csv.gz", "icu/chartevents of v2.2", "allowed", *expected]:
        assert words in str(caught.value)


def test_nearest_may_be_an_old_release() -> None:
    columns = names("v1", "hosp/admissions")
    header = Header("admissions.csv", tuple(c for c in columns if c != "insurance"))
    with pytest.raises(DataContractError, match=r"admissions of v1(.|\n)*missing: insurance\n"):
        release_of({"hosp/admissions": header})


def test_all_unknown_layouts_are_named_at_once() -> None:
    headers = {table: Header(f"{table}.csv", ("subject_id",)) for table in TELLING}
    with pytest.raises(DataContractError) as caught:
        release_of(headers)
    assert all(f"{table}.csv" in str(caught.value) for table in TELLING)


@given(data=st.data(), release=st.sampled_from(RELEASES))
def test_only_the_exact_order_fits_csv_and_any_order_parquet(
    data: st.DataObject, release: str
) -> None:
    table = data.draw(st.sampled_from(sorted(layouts(release))))
    expected = names(release, table)
    shuffled = data.draw(st.permutations(expected))
    assert (release in releases_of(table, Header("f", tuple(shuffled)))) == (shuffled == expected)
    assert release in releases_of(table, Header("f", tuple(shuffled), ordered=False))
