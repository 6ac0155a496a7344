"""The missingness audit on a population whose modalities were planted one by one."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from preprocessing.audit.missingness import cells, observed, publish
from preprocessing.audit.missingness import run as audit
from preprocessing.audit.missingness.counts import Group, Unit, groups, members, patterns
from preprocessing.audit.suppression import LIMIT
from preprocessing.datasets.amazon import missingness as reviews
from preprocessing.datasets.mimic import missingness as mimic
from preprocessing.datasets.mimic import samples
from preprocessing.datasets.mimic.raw import connect
from preprocessing.datasets.mimic.schemas import HOURS, VARIABLES
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from tests.preprocessing.test_audit_missingness_suppression import interval
from tests.preprocessing.test_mimic_samples import HOUR, INTIME, World

MICU, SICU = "Medical Intensive Care Unit (MICU)", "Surgical Intensive Care Unit (SICU)"
IMAGES, NOTES = 3, 2

# Patients with one stay each: modalities of the stay, split, care unit, died; and how many.
PLANTED = {
    ("image+text+timeseries+tabular", "train", MICU, 1): 12,
    ("image+text+timeseries+tabular", "train", SICU, 0): 40,
    ("image+text+timeseries+tabular", "test", MICU, 0): 30,
    ("text+timeseries+tabular", "train", MICU, 0): 25,
    ("text+timeseries+tabular", "valid", MICU, 1): 3,
    ("image+timeseries+tabular", "test", SICU, 0): 7,
    ("timeseries+tabular", "train", SICU, 1): 11,
    ("timeseries+tabular", "valid", SICU, 0): 20,
    ("text+tabular", "train", MICU, 0): 14,
    ("tabular", "train", MICU, 1): 2,
}
# Patients outside of the cohort.
ELSEWHERE = {"image": 15, "image+text": 4, "text": 21}


def planted() -> World:
    """The shards of `PLANTED` and `ELSEWHERE`."""
    world = World(with_series=[])
    subject = 0
    for (pattern, split, careunit, died), n in PLANTED.items():
        for _ in range(n):
            subject += 1
            long = "timeseries" in pattern
            world.stays.append(
                {"subject_id": subject, "hadm_id": subject, "stay_id": subject, "split": split,
                 "careunit": careunit, "period": "2011 - 2013" if subject % 2 else None,
                 "in_hospital_mortality": died, "los_hours": 60.0 if long else 20.0}
            )  # fmt: skip
            if long:
                world.with_series.append(subject)
            give(world, subject, pattern, split, hadm_id=subject)
    for pattern, n in ELSEWHERE.items():
        for _ in range(n):
            subject += 1
            give(world, subject, pattern, "train", hadm_id=None)
    return world


def give(world: World, subject: int, pattern: str, split: str, hadm_id: int | None) -> None:
    if "image" in members(pattern):
        world.images += [
            {"dicom_id": f"{subject}-{n}", "subject_id": subject, "study_id": IMAGES * subject + n,
             "study_time": INTIME + n * HOUR, "split": split}
            for n in range(IMAGES)
        ]  # fmt: skip
    if "text" in members(pattern):
        world.notes += [
            {"note_id": f"{subject}-RR-{n}", "subject_id": subject, "hadm_id": hadm_id,
             "split": split}
            for n in range(NOTES)
        ]  # fmt: skip


def write_shards(world: World, folder: Path, seen: np.ndarray | None = None) -> Path:
    """A folder of shards as the workflow makes it, with the little of the manifest that is read."""
    loose = folder / "loose"
    cohort, _ = world.write(loose)
    shards = folder / "shards"
    for name in ("timeseries", "images", "notes", "tabular"):
        (shards / name).mkdir(parents=True)
        (loose / f"{name}.parquet").rename(shards / name / "part-00000.parquet")
    if seen is not None:
        path = shards / "timeseries" / "part-00000.parquet"
        kind = pl.Array(pl.UInt8, HOURS * VARIABLES)
        flags = pl.Series("observed", seen.reshape(len(seen), -1).astype(np.uint8)).cast(kind)
        pl.read_parquet(path).with_columns(flags).write_parquet(path)
    cohort.rename(shards / "cohort.parquet")
    samples.run(
        shards / "cohort.parquet",
        samples.Shards(*([shards / name / "part-00000.parquet"] for name in
                         ("timeseries", "images", "notes", "tabular"))),
        source_name="radiology_48h",
        outputs=[shards / "samples" / "part-00000.parquet"],
        facts=folder / "samples.json",
        ledger_path=folder / "ledger.json",
        con=connect(memory_limit="300MB"),
    )  # fmt: skip
    told = {
        "counts": json.loads((folder / "samples.json").read_text())["counts"],
        "timeseries": {"variable_names": [f"v{n}" for n in range(VARIABLES)]},
        **{"digest": "abc", "scale": "smoke", "profile": "corrected", "switches": {}},
        **{"text_source": "radiology_48h", "leaky_text": False, "dataset": "mimic"},
    }
    (shards / "manifest.json").write_text(json.dumps(told))
    return shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(planted(), tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def counts(shards: Path) -> audit.Counts:
    return audit.of_mimic(shards, connect(memory_limit="300MB"))


def unit_of(counts: audit.Counts, name: str) -> Unit:
    return next(unit for unit in counts.units if unit.name == name)


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
    counts: audit.Counts, name: str, long: bool | None, breakdown: str, place: int | None
) -> None:
    assert counted(unit_of(counts, name), breakdown) == planted_sums(place=place, long=long)


def test_patients_as_planted(counts: audit.Counts) -> None:
    expected = {pattern: group for (_, pattern), group in planted_sums().items()}
    expected |= {pattern: Group(0, 0, n) for pattern, n in ELSEWHERE.items()}
    found = counted(unit_of(counts, "patient"), "all")
    assert {pattern: group for (_, pattern), group in found.items()} == expected


def test_rows_of_the_join_as_planted(counts: audit.Counts) -> None:
    per_patient = {"image": IMAGES, "text": NOTES}
    expected: Counter[str] = Counter()
    stays = {(pattern, *rest): n for (pattern, *rest), n in PLANTED.items()}
    for key, n in [*stays.items(), *(((p, ""), n) for p, n in ELSEWHERE.items())]:
        names = members(key[0]) if "timeseries" in key[0] else set(members(key[0])) - {"tabular"}
        if names:
            pattern = "+".join(m for m in mimic.MODALITIES if m in names)
            expected[pattern] += n * int(np.prod([per_patient.get(m, 1) for m in names]))
    found = counted(unit_of(counts, "join"), "all")
    assert {pattern: group.count for (_, pattern), group in found.items()} == dict(expected)


def test_the_join_is_what_pretraining_reads(shards: Path, counts: audit.Counts) -> None:
    rows = pl.read_parquet(shards / "samples" / "*.parquet").filter(stage="pretrain")
    flags = [f"has_{name}" for name in mimic.MODALITIES]
    expected = {
        (split, "+".join(m for m, there in zip(mimic.MODALITIES, has, strict=True) if there)): n
        for split, *has, n in rows.group_by("split", *flags).len().iter_rows()
    }
    found = counted(unit_of(counts, "join"), "split")
    assert {key: group.count for key, group in found.items() if key[0] != "test"} == expected


def test_studies_as_planted(counts: audit.Counts) -> None:
    found = counted(unit_of(counts, "study"), "careunit")
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


def test_a_raw_root_adds_who_has_nothing(shards: Path, tmp_path: Path) -> None:
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
    units = audit.of_mimic(shards, connect(memory_limit="300MB"), tmp_path)
    patients, admissions = unit_of(units, "patient"), unit_of(units, "admission")
    assert patients.group("all", "all", "none") == Group(1)
    assert patients.group("period", "2008 - 2010", "none") == Group(1)
    assert patients.total("period", "2014 - 2016").count == 1
    assert admissions.group("careunit", "no ICU stay in the cohort", "none") == Group(1)
    assert admissions.group("split", "nothing in the shards", "none") == Group(1)


def test_reasons_are_those_of_the_samples(counts: audit.Counts) -> None:
    stays = unit_of(counts, "stay_48h")
    assert stays.absences["train", "image", "no readable radiograph of the patient"] == 25 + 11
    assert stays.absences["valid", "text", "no note of the patient"] == 20


def test_relations_hold(counts: audit.Counts) -> None:
    """What suppression believes of the numbers is true of them."""
    every = {cell: n for unit in counts.units for cell, n in cells.cells_of(unit).items()}
    relations = [relation for unit in counts.units for relation in cells.relations_of(unit)]
    relations += cells.relations_between(counts.units)
    assert len(relations) > 1000
    for relation in relations:
        assert sum(sign * every.get(cell, 0) for cell, sign in relation.items()) == 0


def test_what_is_shared_tells_no_small_number(counts: audit.Counts) -> None:
    hidden = publish.secrets(counts.units)
    every = {cell: n for unit in counts.units for cell, n in cells.cells_of(unit).items()}
    relations = [relation for unit in counts.units for relation in cells.relations_of(unit)]
    relations += cells.relations_between(counts.units)
    relations = [{c: n for c, n in one.items() if every.get(c)} for one in relations]
    positive = {cell: n for cell, n in every.items() if n}
    small = [cell for cell, n in positive.items() if n < LIMIT]
    assert hidden.issuperset(small)
    sparse = {(c.unit, c.breakdown) for c in hidden if every[c] == 0}
    whole = {cell for cell in positive if (cell.unit, cell.breakdown) in sparse}
    for cell in small[:: max(1, len(small) // 6)]:
        least, most = interval(cell, positive, relations, hidden, also=whole)
        assert most - least >= 1 - 1e-6


def test_rows_have_every_pattern_and_shares_only_of_what_is_told(counts: audit.Counts) -> None:
    shared = audit.shareable(counts)
    exact = {row_key(row): row for row in audit.shareable(counts, limit=0)["rows"]}
    seen: Counter[tuple[str, ...]] = Counter()
    for row in shared["rows"]:
        seen[row["unit"], row["breakdown"], row["level"]] += row["kind"] == "pattern"
        truth = exact[row_key(row)]
        assert row["suppressed"] == (row["count"] is None)
        assert row["count"] in (None, truth["count"])
        if row["count"] is None:
            assert row["share"] is None
        assert not 0 < (row["count"] or 0) < LIMIT
        if row.get("outcome") is not None:
            n = round(row["outcome"] * row["known"])
            assert not 0 < n < LIMIT and not 0 < row["known"] - n < LIMIT
    assert set(seen.values()) == {2 ** len(mimic.MODALITIES)}


def row_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("unit", "breakdown", "level", "kind", "name"))


def test_inflation_and_both_definitions_of_incomplete(counts: audit.Counts) -> None:
    exact = audit.shareable(counts, limit=0)
    by_unit = {entry["unit"]: entry for entry in exact["completeness"]}
    complete = sum(n for (pattern, *_), n in PLANTED.items() if pattern.count("+") == 3)
    stays = sum(n for (pattern, *_), n in PLANTED.items() if "timeseries" in pattern)
    assert by_unit["stay_48h"]["incomplete"] == stays - complete
    join = unit_of(counts, "join").total("all", "all").count
    assert by_unit["join"]["incomplete"] == join - complete * IMAGES * NOTES
    assert by_unit["stay_48h"]["join_rows"] == pytest.approx(join / stays, abs=1e-5)


def test_files_have_no_ids(shards: Path, counts: audit.Counts, tmp_path: Path) -> None:
    audit.run([counts], output_csv=tmp_path / "m.csv", output_json=tmp_path / "m.json")
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    assert {row["dataset"] for row in rows} == {"mimic"}
    assert tuple(rows[0]) == audit.COLUMNS
    text = (tmp_path / "m.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["datasets"][0]["provenance"]["digest"] == "abc"
    assert not re.search(r"subject_id|hadm_id|stay_id|dicom|note_id", text)


def test_shards_of_another_run_are_refused(shards: Path, tmp_path: Path) -> None:
    told = json.loads((shards / "manifest.json").read_text())
    told["counts"]["finetune"]["train"] = {"timeseries+tabular": 1}
    other = tmp_path / "shards"
    other.mkdir()
    for path in shards.iterdir():
        if path.name != "manifest.json":
            (other / path.name).symlink_to(path)
    (other / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(DataContractError, match="different runs"):
        audit.of_mimic(other, connect(memory_limit="300MB"))
    with pytest.raises(SourceMissingError, match="snakemake shards"):
        audit.of_mimic(tmp_path, connect(memory_limit="300MB"))


def test_observed_shares(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    world = planted()
    hours = rng.random((1, HOURS, VARIABLES))
    series = [s for s in world.stays if s["stay_id"] in world.with_series]
    seen = rng.random((len(series), HOURS, VARIABLES)) < hours
    seen[:, :, 4:] = False
    seen[:, :, 0], seen[:, :, 1] = False, True
    shards = write_shards(world, tmp_path, seen)
    found = observed.count([shards / "timeseries" / "part-00000.parquet"])
    in_train = np.array([s["split"] == "train" for s in series])
    assert {name: n for name, (n, _) in found.items()} == {
        "all": len(series), "train": in_train.sum(), "valid": 23, "test": 37,
    }  # fmt: skip
    assert (found["train"][1] == seen[in_train].sum(axis=0)).all()
    exact = observed.shares(found, limit=0)
    assert np.allclose(exact["all"][:-1], seen.mean(axis=0))
    assert np.allclose(exact["train"][-1], seen[in_train].mean(axis=(0, 1)))
    shared = observed.shares(found)
    assert (shared["all"][:, 0] == 0).all() and (shared["all"][:, 1] == 1).all()
    for name, (stays, n) in found.items():
        told = shared[name][:-1]
        small = ((n > 0) & (n < LIMIT)) | ((stays - n > 0) & (stays - n < LIMIT))
        assert small.any() and np.isnan(told[small]).all()
        assert np.allclose(told[~np.isnan(told)], exact[name][:-1][~np.isnan(told)])
    # No split is all less the others.
    lacking = np.stack([np.isnan(share) for share in shared.values()]).sum(axis=0)
    assert (lacking != 1).all()


def test_no_split_is_told_if_one_is_withheld(counts: audit.Counts) -> None:
    hidden = frozenset([cells.Cell("stay_48h", "split", "valid", "has", "timeseries")])
    assert set(audit.observations(counts, hidden, LIMIT)["groups"]) == {"all"}
    assert len(audit.observations(counts, frozenset(), LIMIT)["groups"]) == 4


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
            "asin": ["A", "A", "B"], "split": ["train", "train", "test"], "label": [4, 4, 2],
            "has_image": [True, False, False], "has_text": True, "has_tabular": True,
        }
    )  # fmt: skip
    found = reviews.products(rows).sort("asin")
    assert found["has_image"].to_list() == [True, False]
    assert found["outcome"].to_list() == [1, 0]


def test_commands_say_what_is_missing(tmp_path: Path) -> None:
    from preprocessing.commands.audit import audit_missingness

    with pytest.raises(ConfigError, match="--amazon-interim"):
        audit_missingness(tmp_path / "m.csv", tmp_path / "m.json", amazon=tmp_path)
