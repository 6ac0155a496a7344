"""The manifest: what it says, and that it refuses shards and facts that do not belong together."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.card import Card
from preprocessing.datasets.mimic import manifest, outcomes
from preprocessing.datasets.mimic.schemas import Cohort
from preprocessing.errors import DataContractError, SourceMissingError

COUNTS = {"finetune": {"train": {"timeseries": 1}, "valid": {}, "test": {}}}


def blank(schema: type, rows: int) -> pl.DataFrame:
    """Rows in a schema's columns; the manifest reads footers only, so they may be null."""
    dtypes = {name: column.dtype.type for name, column in schema.to_schema().columns.items()}
    return pl.DataFrame({name: [None] * rows for name in dtypes}, schema=dtypes)


def made(folder: Path) -> dict[str, dict[str, Any]]:
    """Write shards, facts and raw files; return the facts."""
    facts: dict[str, dict[str, Any]] = {
        "timeseries": {"profile": "corrected", "switches": {"gcs": True}, "mean": [0.5], "rows": 3},
        "images": {"px": 64, "rows": 2},
        "notes": {"source": "discharge", "leaky": True, "rows": 0},
        "tabular": {"age_mean": 61.0},
        "samples": {
            "text_source": "discharge",
            "rows": 1,
            "counts": COUNTS,
            "tasks": {
                "in_hospital_mortality": {"train": 3},
                "length_of_stay": {"train": 3, "mean": 90.0, "std": 30.0},
            },
        },
    }
    rows = {"timeseries": (1, 2), "images": (2, 0), "notes": (0, 0), "tabular": (3, 1)}
    for table, schema in manifest.TABLES.items():
        (folder / "shards" / table).mkdir(parents=True)
        for part, n in enumerate(rows.get(table, (1, 0))):
            path = folder / "shards" / table / f"part-{part:05d}.parquet"
            blank(schema, n).write_parquet(path)
    blank(Cohort, 4).write_parquet(folder / "shards" / "cohort.parquet")
    (folder / "raw" / "hosp").mkdir(parents=True)
    (folder / "raw" / "hosp" / "patients.csv").write_text("a\n")
    (folder / "raw" / "mimic-cxr-2.0.0-metadata.csv").write_text("b\n")
    tell(folder, facts)
    return facts


def tell(folder: Path, facts: dict[str, dict[str, Any]]) -> None:
    (folder / "facts").mkdir(exist_ok=True)
    for table, told in facts.items():
        (folder / "facts" / f"{table}.json").write_text(json.dumps(told))


def written(folder: Path) -> dict[str, Any]:
    raw = [folder / "raw/hosp/patients.csv", folder / "raw/mimic-cxr-2.0.0-metadata.csv"]
    output = folder / "manifest.json"
    manifest.write_manifest(folder / "shards", folder / "facts", raw, scale="smoke", output=output)
    return dict(json.loads(output.read_text()))


def test_says_what_the_steps_told(tmp_path: Path) -> None:
    facts = made(tmp_path)
    said = written(tmp_path)
    assert said["schema_version"] == 1
    assert (said["dataset"], said["scale"]) == ("mimic", "smoke")
    assert (said["profile"], said["switches"]) == ("corrected", {"gcs": True})
    assert (said["text_source"], said["leaky_text"]) == ("discharge", True)
    assert said["timeseries"] == {"mean": [0.5], "rows": 3}
    assert said["image"] == facts["images"]
    assert said["tabular"] == facts["tabular"]
    assert said["counts"] == COUNTS


def test_tables_are_counted_from_the_files(tmp_path: Path) -> None:
    made(tmp_path)
    tables = written(tmp_path)["tables"]
    assert {name: (t["rows"], t["parts"]) for name, t in tables.items()} == {
        "cohort": (4, 1), "timeseries": (3, 2), "images": (2, 2), "notes": (0, 2),
        "tabular": (4, 2), "samples": (1, 2),
    }  # fmt: skip
    assert tables["cohort"]["columns"]["intime"] == "Datetime(time_unit='us', time_zone=None)"
    assert list(tables["samples"]["columns"])[:2] == ["sample_id", "stage"]


def test_digest_follows_the_shards_and_nothing_else(tmp_path: Path) -> None:
    made(tmp_path)
    before = written(tmp_path)
    assert set(before["inputs"]) == {"hosp/patients.csv", "mimic-cxr-2.0.0-metadata.csv"}
    (tmp_path / "raw" / "hosp" / "patients.csv").write_text("c\n")
    after = written(tmp_path)
    assert after["inputs"]["hosp/patients.csv"] != before["inputs"]["hosp/patients.csv"]
    assert after["digest"] == before["digest"]
    blank(Cohort, 5).write_parquet(tmp_path / "shards" / "cohort.parquet")
    assert written(tmp_path)["digest"] != before["digest"]


def test_a_variant_beside_the_tables_does_not_change_the_digest(tmp_path: Path) -> None:
    made(tmp_path)
    before = written(tmp_path)
    (tmp_path / "shards" / "radiology_48h" / "notes").mkdir(parents=True)
    blank(Cohort, 1).write_parquet(tmp_path / "shards/radiology_48h/notes/part-00000.parquet")
    after = written(tmp_path)
    assert after["digest"] == before["digest"] and after["shards"] == before["shards"]


def test_the_card_has_the_tasks_that_training_can_learn(tmp_path: Path) -> None:
    facts = made(tmp_path)
    said = written(tmp_path)
    card = Card.model_validate(said["card"])
    assert [task.name for task in card.tasks] == ["in_hospital_mortality", "length_of_stay"]
    assert (card.tasks[1].mean, card.tasks[1].std) == (90.0, 30.0)
    for place in card.modalities.values():
        assert place.key in said["tables"][place.table]["columns"]
        assert place.key in said["tables"]["samples"]["columns"]
    assert set(outcomes.TASKS) <= said["tables"]["samples"]["columns"].keys()
    facts["samples"]["tasks"] = {}
    tell(tmp_path, facts)
    with pytest.raises(DataContractError, match="nothing to learn"):
        written(tmp_path)


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("images", {"rows": 7}, "images: 2 rows in the parts, 7 in its facts"),
        ("samples", {"text_source": "radiology_48h"}, "pair text of radiology_48h, the notes are"),
    ],
)
def test_facts_of_another_run_are_refused(
    tmp_path: Path, table: str, change: dict[str, Any], message: str
) -> None:
    facts = made(tmp_path)
    facts[table].update(change)
    tell(tmp_path, facts)
    with pytest.raises(DataContractError, match=message):
        written(tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_other_columns_are_refused(tmp_path: Path) -> None:
    made(tmp_path)
    blank(Cohort, 2).drop("age").write_parquet(tmp_path / "shards" / "cohort.parquet")
    with pytest.raises(DataContractError, match=r"cohort\.parquet is not as .*Cohort.*age Int32"):
        written(tmp_path)


def test_missing_parts_and_facts_are_named(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "facts" / "notes.json").unlink()
    with pytest.raises(SourceMissingError, match=r"notes\.json .*mimic-notes"):
        written(tmp_path)
    tell(tmp_path, {"notes": {"source": "discharge", "leaky": True}})
    for path in (tmp_path / "shards" / "images").iterdir():
        path.unlink()
    with pytest.raises(SourceMissingError, match="Images"):
        written(tmp_path)
