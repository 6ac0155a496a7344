"""Every gate of MIMIC on shards without a leak, and on shards in which its leak is planted."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.audit import tables as linked
from preprocessing.audit.leakage import publish, report
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.gates import every_gate
from preprocessing.audit.shards import open_variants
from preprocessing.errors import LeakageError
from tests.preprocessing.leakage_shards import (
    ADMITTED,
    HOUR,
    Plant,
    Tables,
    mimic_manifest,
    mimic_shards,
)

FIRST_TEST = 1003  # the fourth patient


def found(folder: Path, plant: Plant | None = None) -> dict[str, Finding]:
    variants = open_variants(mimic_shards(folder, plant))
    return {finding.gate: finding for finding in report.findings(variants, resamples=50)}


def caught(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.found}


def stopping(findings: dict[str, Finding]) -> set[str]:
    return {name for name in caught(findings) if every_gate()[name].stops}


def of_test(column: pl.Expr, value: Any) -> pl.Expr:
    """The value for the test split, else the column."""
    return pl.when(pl.col("split") == "test").then(value).otherwise(column)


def changed(table: str, **columns: pl.Expr) -> Plant:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        tables[table] = tables[table].with_columns(**columns)

    return plant


def copied_patient(tables: Tables, manifest: dict[str, Any]) -> None:
    """A test patient's note among those of training, as two lists that overlap would give."""
    note = tables["notes"].filter(pl.col("subject_id") == FIRST_TEST)
    copy = note.with_columns(split=pl.lit("train"), note_id=pl.lit("n-copy"))
    tables["notes"] = pl.concat([tables["notes"], copy])


def anothers_image(tables: Tables, manifest: dict[str, Any]) -> None:
    tables["samples"] = tables["samples"].with_columns(
        dicom_id=of_test(pl.col("dicom_id"), pl.lit("d3000"))
    )


def anothers_note(tables: Tables, manifest: dict[str, Any]) -> None:
    tables["samples"] = tables["samples"].with_columns(
        note_id=of_test(pl.col("note_id"), pl.lit("n3000"))
    )


def pretraining_on_test(tables: Tables, manifest: dict[str, Any]) -> None:
    test = tables["samples"].filter(split="test")
    unlabeled = test.with_columns(
        stage=pl.lit("pretrain"), in_hospital_mortality=pl.lit(None, pl.Int8)
    )
    tables["samples"] = pl.concat([tables["samples"], unlabeled])


def validation_is_test(tables: Tables, manifest: dict[str, Any]) -> None:
    """As in the official code: mimic_utils.py:834-838."""
    samples = tables["samples"].filter(pl.col("split") != "valid")
    test = samples.filter(split="test").with_columns(split=pl.lit("valid"))
    tables["samples"] = pl.concat([samples, test])


def statistics_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    manifest |= {"timeseries": mimic_manifest(tables, ("train", "valid", "test"))["timeseries"]}


def age_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    manifest |= {"tabular": mimic_manifest(tables, ("train", "valid", "test"))["tabular"]}


def category_of_test(tables: Tables, manifest: dict[str, Any]) -> None:
    gender = of_test(pl.col("gender"), pl.lit("M"))
    tables["tabular"] = tables["tabular"].with_columns(gender=gender)
    manifest["tabular"]["categorical"]["gender"].append("M")


def copied_text(tables: Tables, manifest: dict[str, Any]) -> None:
    """One test note is a training note with a word changed."""
    original = tables["notes"]["text"][0]
    altered = original.rsplit(" ", 1)[0] + " otherwise"
    is_copy = pl.col("subject_id") == FIRST_TEST
    text = pl.when(is_copy).then(pl.lit(altered)).otherwise("text")
    tables["notes"] = tables["notes"].with_columns(text=text)


def measured_after_discharge(tables: Tables, manifest: dict[str, Any]) -> None:
    """One stay was over after 30 hours, and is observed in hours after that."""
    over = pl.col("subject_id") == FIRST_TEST
    dischtime = pl.when(over).then(pl.lit(ADMITTED + 54 * HOUR)).otherwise("dischtime")
    tables["cohort"] = tables["cohort"].with_columns(dischtime=dischtime)


def set_to(switch: str, value: str) -> Plant:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        manifest["switches"][switch] = value

    return plant


def of_the_dead(table: str, **columns: pl.Expr) -> Plant:
    """Other values for the patients who died, in all splits."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        dead = tables["cohort"].filter(in_hospital_mortality=1)["subject_id"].implode()
        changes = {
            name: pl.when(pl.col("subject_id").is_in(dead)).then(value).otherwise(name)
            for name, value in columns.items()
        }
        tables[table] = tables[table].with_columns(**changes)

    return plant


DIED = pl.col("text") + " the patient expired"

PLANTED = {
    "patients-in-two-splits": [copied_patient, anothers_image, anothers_note],
    "test-in-pretraining": [pretraining_on_test],
    "selection-on-test": [validation_is_test],
    "image-after-horizon": [
        changed("images", study_time=of_test(pl.col("study_time"), ADMITTED + 80 * HOUR)),
        changed("images", study_time=of_test(pl.col("study_time"), ADMITTED)),
    ],
    "series-after-horizon": [measured_after_discharge],
    "stay-over-early": [measured_after_discharge],
    "note-after-horizon": [
        changed("notes", charttime=of_test(pl.col("charttime"), ADMITTED + 300 * HOUR)),
        changed("notes", storetime=of_test(pl.col("storetime"), ADMITTED + 80 * HOUR)),
    ],
    "note-of-other-admission": [changed("notes", hadm_id=pl.col("hadm_id") + 1)],
    "outcome-words": [changed("notes", text=of_test(pl.col("text"), DIED))],
    "fitted-outside-training": [statistics_of_all, age_of_all, category_of_test],
    "label-columns": [
        of_the_dead("tabular", age=pl.lit(90)),
        of_the_dead("tabular", gender=pl.lit("M")),
    ],
    "duplicate-texts": [copied_text],
    "late-results": [set_to("horizon", "charttime")],
    "borrowed-statistics": [set_to("statistics", "reference")],
    "modality-pattern": [of_the_dead("samples", has_image=pl.lit(False))],
    "text-length": [of_the_dead("notes", text=pl.col("text") + " again" * 40)],
    "image-time": [of_the_dead("images", study_time=pl.col("study_time") + 30 * HOUR)],
}


def test_clean_shards_pass_every_gate(tmp_path: Path) -> None:
    assert caught(found(tmp_path)) == set()


@pytest.mark.parametrize(
    ("gate", "plant"), [(gate, plant) for gate, plants in PLANTED.items() for plant in plants]
)
def test_a_planted_leak_is_caught(tmp_path: Path, gate: str, plant: Plant) -> None:
    assert gate in caught(found(tmp_path, plant))


@pytest.mark.parametrize("gate", [gate for gate in PLANTED if not every_gate()[gate].stops])
def test_what_only_is_reported_stops_nothing(tmp_path: Path, gate: str) -> None:
    for number, plant in enumerate(PLANTED[gate]):
        assert stopping(found(tmp_path / str(number), plant)) == set()


def test_every_gate_of_the_shards_has_a_planted_leak(tmp_path: Path) -> None:
    assert set(found(tmp_path)) == set(PLANTED)


def test_the_giveaway_of_death_words_is_measured(tmp_path: Path) -> None:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        died = tables["cohort"].select("subject_id", died="in_hospital_mortality")
        notes = tables["notes"].join(died, on="subject_id", maintain_order="left")
        text = pl.when(pl.col("died") == 1).then(DIED).otherwise("text")
        tables["notes"] = notes.with_columns(text=text).drop("died")

    (measure,) = found(tmp_path, plant)["outcome-words"].measures
    assert (measure.metric, measure.value, measure.n) == ("AUROC", 1.0, 40)
    assert measure.better_than_chance


def test_the_giveaway_of_a_known_patient_is_measured(tmp_path: Path) -> None:
    """Each test patient is a training patient of the same outcome."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        for name in ("samples", "timeseries", "tabular", "images", "notes"):
            twin = of_test(pl.col("subject_id"), pl.col("subject_id") - 3)
            tables[name] = tables[name].with_columns(subject_id=twin)

    (measure,) = found(tmp_path, plant)["patients-in-two-splits"].measures
    assert measure.value == 1.0


def test_a_date_of_discharge_is_not_taken_for_midnight(tmp_path: Path) -> None:
    """MIMIC has midnight before for many deaths; the stay may have gone on all that day."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        midnight = pl.lit(ADMITTED.replace(hour=0) + 72 * HOUR)  # 40 h after intime
        tables["cohort"] = tables["cohort"].with_columns(dischtime=midnight)

    assert "stay-over-early" not in stopping(found(tmp_path, plant))


def test_counts_that_lead_to_a_small_one_are_withheld(tmp_path: Path) -> None:
    """All but three notes are late: the three follow from the others and the total."""
    plant = changed(
        "notes",
        charttime=pl.when(pl.col("subject_id") > 1002)
        .then(pl.lit(ADMITTED + 300 * HOUR))
        .otherwise("charttime"),
    )
    entry = found(tmp_path, plant)["note-after-horizon"].entry([])
    assert entry["status"] == "leak"
    told, tables = {"dataset": "mimic", "gates": [entry]}, linked.Tables()
    publish.add_gates(tables, told, [])
    (gate,) = publish.shareable(told, tables.withheld())["gates"]
    assert gate["counts"]["notes written or filed after 48 hours or discharge"] is None


def test_a_text_source_is_asked_about_its_own_notes(tmp_path: Path) -> None:
    """All but notes and samples lies where the shards of MIMIC have it."""
    folder = mimic_shards(tmp_path)
    told = json.loads((folder / "manifest.json").read_text())
    own = {
        name: {} if name in ("notes", "samples") else {"folder": ".."} for name in told["tables"]
    }
    for table in ("notes", "samples"):
        shutil.copytree(folder / table, folder / "discharge" / table)
    for path in (folder / "discharge/notes").iterdir():
        pl.read_parquet(path).with_columns(text=DIED).write_parquet(path)
    manifest = json.dumps(told | {"dataset": "mimic/discharge", "tables": own})
    (folder / "discharge/manifest.json").write_text(manifest)
    output = tmp_path / "leakage.json"
    with pytest.raises(LeakageError, match="leakage in mimic/discharge"):
        report.check_shards(folder, [], variant="discharge", resamples=20, output=output)
    statuses = {g["gate"]: g["status"] for g in json.loads(output.read_text())["gates"]}
    assert [name for name, status in statuses.items() if status == "leak"] == ["outcome-words"]
    report.check_shards(folder, [], resamples=20, output=output)
