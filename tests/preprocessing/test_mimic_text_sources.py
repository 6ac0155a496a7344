"""A text source as a variant of MIMIC: its own notes and samples, all else of the same stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.datasets.mimic import manifest
from preprocessing.datasets.mimic.schemas import Notes, Samples
from preprocessing.datasets.mimic.text_sources import write_variant
from preprocessing.errors import DataContractError, SourceMissingError
from tests.preprocessing.test_mimic_manifest import COUNTS, blank, made

SOURCES = ["discharge", "radiology_48h"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards of MIMIC with their manifest, and two text sources that differ in their notes."""
    made(tmp_path)
    shards, facts = tmp_path / "shards", tmp_path / "facts"
    manifest.write_manifest(shards, facts, [], scale="smoke", output=shards / "manifest.json")
    for rows, source in enumerate(SOURCES, start=5):
        for table, schema, height in (("notes", Notes, rows), ("samples", Samples, 2)):
            (shards / source / table).mkdir(parents=True)
            blank(schema, height).write_parquet(shards / source / table / "part-00000.parquet")
            told = {"rows": height, "source": source, "counts": COUNTS}
            tell(tmp_path, source, table, told | {"leaky": source == "discharge"})
    return tmp_path


def tell(folder: Path, source: str, table: str, told: dict[str, Any]) -> None:
    (folder / "facts" / source).mkdir(exist_ok=True)
    (folder / "facts" / source / f"{table}.json").write_text(json.dumps(told))


def written(folder: Path, source: str) -> dict[str, Any]:
    output = folder / "shards" / source / "manifest.json"
    write_variant(folder / "shards", folder / "facts", source, output=output)
    return dict(json.loads(output.read_text()))


@pytest.mark.parametrize("source", SOURCES)
def test_a_variant_is_whole_and_names_where_shared_tables_lie(folder: Path, source: str) -> None:
    base = json.loads((folder / "shards/manifest.json").read_text())
    said = written(folder, source)
    assert said["dataset"] == f"mimic/{source}"
    assert (said["text_source"], said["leaky_text"]) == (source, source == "discharge")
    assert said.keys() == base.keys()
    assert said["card"] == base["card"] and said["timeseries"] == base["timeseries"]
    assert said["tables"].keys() == base["tables"].keys()
    here = folder / "shards" / source
    for name, table in said["tables"].items():
        shared = (here / table.get("folder", ".")).resolve() == (folder / "shards").resolve()
        assert shared == (name not in {"notes", "samples"})
    assert all((here / name).is_file() for name in said["shards"])


def test_the_digest_follows_own_and_shared_tables_and_not_the_other_notes(folder: Path) -> None:
    before = {source: written(folder, source)["digest"] for source in SOURCES}
    assert len(set(before.values())) == 2
    blank(Notes, 3).write_parquet(folder / "shards/notes/part-00000.parquet")
    told = json.loads((folder / "facts/notes.json").read_text()) | {"rows": 3}
    (folder / "facts/notes.json").write_text(json.dumps(told))
    arguments = {"scale": "smoke", "output": folder / "shards/manifest.json"}
    manifest.write_manifest(folder / "shards", folder / "facts", [], **arguments)
    assert {source: written(folder, source)["digest"] for source in SOURCES} == before
    (folder / "shards/tabular/part-00001.parquet").unlink()
    manifest.write_manifest(folder / "shards", folder / "facts", [], **arguments)
    assert not {written(folder, source)["digest"] for source in SOURCES} & {*before.values()}


def test_facts_of_another_run_are_refused(folder: Path) -> None:
    tell(folder, "discharge", "notes", {"rows": 3, "source": "discharge", "leaky": True})
    with pytest.raises(DataContractError, match=r"discharge/notes: 5 rows in the parts, 3 of"):
        written(folder, "discharge")


def test_a_missing_step_is_named(folder: Path) -> None:
    (folder / "facts/discharge/notes.json").unlink()
    with pytest.raises(SourceMissingError, match="snakemake textsources"):
        written(folder, "discharge")
