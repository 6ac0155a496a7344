"""Folders read and written: patients of an existing root, its faults, and what is replaced."""

from pathlib import Path

import polars as pl
import pytest

from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from synthetic.release import generate
from synthetic.write import MARKER, layout, prepare_root
from tests.preprocessing.generated_dump import Dump, files_below, small


def made_root(root: Path, patients: int = 40) -> Path:
    """A little MIMIC-IV: one admission and one ICU stay each, every fourth patient dies."""
    number = pl.int_range(patients, eager=True)
    ids = {"subject_id": number + 10_000_100, "hadm_id": number + 20_000_100}
    dead = number % 4 == 0
    lines = pl.DataFrame(ids | {"n": number})
    end = pl.when(pl.Series(dead)).then(pl.lit("2150-01-06 12:00:00"))
    tables = {
        "hosp/patients": lines.with_columns(
            gender=pl.lit("F"), anchor_age=60, anchor_year=2150,
            anchor_year_group=pl.lit("2011 - 2013"), dod=end.str.slice(0, 10),
        ),
        "hosp/admissions": lines.with_columns(
            admittime=pl.lit("2150-01-01 10:00:00"), dischtime=pl.lit("2150-01-06 12:00:00"),
            deathtime=end, admission_type=pl.lit("EW EMER."), race=pl.lit("WHITE"),
            discharge_location=pl.when(pl.Series(dead)).then(pl.lit("DIED")),
            edregtime=pl.lit("2150-01-01 06:00:00"), edouttime=pl.lit("2150-01-01 11:00:00"),
            hospital_expire_flag=dead.cast(int),
        ),
        "icu/icustays": lines.with_columns(
            stay_id=pl.col("n") + 30_000_100, first_careunit=pl.lit("MICU"),
            last_careunit=pl.lit("MICU"), intime=pl.lit("2150-01-01 12:00:00"),
            outtime=pl.lit("2150-01-05 12:00:00"), los=4.0,
        ),
    }  # fmt: skip
    for table, frame in tables.items():
        path = root / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        absent = [name for name in layout(table) if name not in frame.columns]
        frame.with_columns(pl.lit(None).alias(name) for name in absent).select(
            list(layout(table))
        ).write_csv(path)
    return root


def test_patients_of_a_root_get_notes_and_radiographs(tmp_path):
    root = made_root(tmp_path / "real")
    before = files_below(root)
    made = Dump(tmp_path)
    generate(
        notes=made.roots["notes"],
        cxr=made.roots["cxr"],
        truth=made.truth_path,
        patients_of=root,
    )
    assert files_below(root) == before
    admissions = pl.read_csv(root / "hosp/admissions.csv", infer_schema=False)
    for table in ("note/radiology", "note/discharge", "mimic-cxr-2.0.0-metadata"):
        subjects = made.read(table)["subject_id"]
        assert subjects.is_in(admissions["subject_id"].implode()).all(), table
        assert subjects.n_unique() > 20, table
    notes = made.read("note/discharge").join(admissions, on="hadm_id")
    expired = notes["text"].str.contains("Expired", literal=True)
    assert (expired == (notes["hospital_expire_flag"] == "1")).all()
    truth = made.truth
    assert truth["died"].sum() == 10
    assert truth.filter("died")["z"].mean() > truth.filter(~pl.col("died"))["z"].mean() + 1
    assert "existing MIMIC-IV root" in (made.roots["cxr"] / MARKER).read_text()


def test_images_limit_the_radiographs_of_a_root(tmp_path):
    made = Dump(tmp_path)
    generate(cxr=made.roots["cxr"], patients_of=made_root(tmp_path / "real"), images=7)
    assert made.read("mimic-cxr-2.0.0-metadata").height == 7


def test_all_missing_tables_of_a_root_are_named(tmp_path):
    root = made_root(tmp_path / "real", 4)
    (root / "hosp/patients.csv").unlink()
    (root / "icu/icustays.csv").unlink()
    with pytest.raises(SourceMissingError, match=r"(?s)hosp/patients .*icu/icustays "):
        generate(notes=tmp_path / "notes", patients_of=root)
    assert not (tmp_path / "notes").exists()


def test_a_missing_column_of_a_root_is_named(tmp_path):
    root = made_root(tmp_path / "real", 4)
    path = root / "hosp/admissions.csv"
    pl.read_csv(path).drop("edregtime").write_csv(path)
    with pytest.raises(DataContractError, match=r"missing: edregtime"):
        generate(notes=tmp_path / "notes", patients_of=root)


def test_real_data_are_never_overwritten(tmp_path):
    (tmp_path / "hosp").mkdir()
    (tmp_path / "hosp/patients.csv.gz").write_bytes(b"precious")
    with pytest.raises(ConfigError, match="hosp but no GENERATED"):
        generate(mimic=tmp_path, stays=3, images=3)
    assert (tmp_path / "hosp/patients.csv.gz").read_bytes() == b"precious"


def test_generated_data_are_replaced_and_nothing_else(tmp_path):
    prepare_root(tmp_path, "generated\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/old.jpg").touch()
    (tmp_path / "my notes").touch()
    prepare_root(tmp_path, "again\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [MARKER, "my notes"]
    assert (tmp_path / MARKER).read_text() == "again\n"


def test_every_root_is_marked(dump):
    for root in dump.roots.values():
        assert "synthetic" in (root / MARKER).read_text()


def test_contradicting_options_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="Nothing to write"):
        generate(stays=3)
    with pytest.raises(ConfigError, match="--patients-of"):
        generate(mimic=tmp_path / "mimic", patients_of=made_root(tmp_path / "real", 4))


def test_sizes_of_one(tmp_path):
    small(tmp_path, stays=1, images=1)
    assert pl.read_csv(tmp_path / "mimic/icu/icustays.csv.gz").height == 1
    assert pl.read_csv(tmp_path / "cxr/mimic-cxr-2.0.0-metadata.csv.gz").height == 1


def test_no_radiograph_at_all_is_refused_where_some_are_asked_for(tmp_path):
    with pytest.raises(ConfigError, match="ICU stays have no radiographs of emergency patients"):
        generate(cxr=tmp_path / "cxr", stays=3, images=0)
    generate(mimic=tmp_path / "mimic", stays=3, images=0)
