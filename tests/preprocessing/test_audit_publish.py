"""Both audits attacked together, from their files alone: no withheld count is known to within 3."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from preprocessing.audit import flow
from preprocessing.audit.leakage import report as leakage
from preprocessing.audit.leakage.gates import every_gate
from preprocessing.audit.leakage.measure import DEVIATIONS
from preprocessing.audit.publish import publish_audits
from preprocessing.engine.duckdb import connect
from tests.preprocessing.attack import Attack, ranges
from tests.preprocessing.generic_shards import write_generic
from tests.preprocessing.leakage_shards import Tables, mimic_shards

STOPPING = [name for name, gate in every_gate().items() if gate.stops]


def sparse(seed: int, flags: list[str]) -> Any:
    """Plants samples that lack modalities, and notes and radiographs out of their time."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        rng = np.random.default_rng(seed)
        samples = tables["samples"]
        keys = samples["sample_id"].unique(maintain_order=True)
        there = {name: rng.random(len(keys)) < rng.uniform(0.2, 0.95) for name in flags}
        chosen = pl.DataFrame({"sample_id": keys, **there})
        rows = samples.drop(flags).join(chosen, on="sample_id", maintain_order="left")
        tables["samples"] = rows.select(samples.columns)

    return plant


def publish(shards: Path, folder: Path, ledgers: Path | None = None) -> tuple[Path, Path]:
    """The files of both audits."""
    gates, files = folder / "gates.json", (folder / "m.json", folder / "l.json")
    leakage.check_shards(shards, STOPPING, resamples=5, output=gates)
    publish_audits(
        [shards],
        connect(memory_limit="300MB"),
        [gates],
        acknowledged=STOPPING,
        ledgers=ledgers,
        output_csv=folder / "m.csv",
        output_json=files[0],
        output_leakage=files[1],
    )
    return files


@pytest.mark.parametrize("seed", range(4))
def test_no_withheld_count_of_a_random_population_is_known(seed: int, tmp_path: Path) -> None:
    flags = ["has_text", "has_image", "has_timeseries"]
    shards = write_generic(tmp_path, "sold", plant=sparse(seed, flags))
    attack = Attack(*publish(shards, tmp_path))
    assert attack.targets
    assert not list(ranges(attack))


def test_the_attack_finds_what_is_told_twice(tmp_path: Path) -> None:
    """A total that one audit withholds and the other tells is found: the attack is one."""
    flags = ["has_text", "has_image", "has_timeseries"]
    files = publish(write_generic(tmp_path, "sold", plant=sparse(0, flags)), tmp_path)
    audit = json.loads(files[0].read_text())
    for row in audit["datasets"][0]["rows"]:
        if (row["unit"], row["kind"], row["level"]) == ("sample", "total", "valid"):
            row |= {"count": None, "known": None, "outcome": None}
            row |= {"suppressed": True, "outcome_suppressed": True}
    files[0].write_text(json.dumps(audit))
    told = {name: (least, most) for name, least, most in ranges(Attack(*files))}
    least, most = told["rows", "sample", "split", "valid", "total", "any"]
    assert least == most


def test_a_way_ends_in_what_is_counted(tmp_path: Path) -> None:
    entries = [("icustays", 100, 97), ("icustays", 97, 60), ("remark", 4, 4)]
    ledger = {
        "flow": {"rows": "stays", "tables": ["icustays"], "order": 1, "ends_in": ["m", "stay"]},
        "entries": [
            {"table": table, "reason": "r", "rows_before": before, "rows_after": after}
            for table, before, after in entries
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(ledger))
    (tmp_path / "b.json").write_text(json.dumps({"flow": None, "entries": []}))
    (way,) = flow.read_ways(tmp_path)
    assert (way.rows, way.read) == ("stays", 100)
    assert way.steps == [("r", 3, 97, ()), ("r", 37, 60, ("m", "stay"))]


def test_figures_are_rounded_so_that_they_name_no_count(tmp_path: Path) -> None:
    shards = mimic_shards(tmp_path / "shards")
    leakage.check_shards(shards, [], resamples=5, output=tmp_path / "gates.json")
    for gate in json.loads((tmp_path / "gates.json").read_text())["gates"]:
        for measure in gate["measures"]:
            if measure["metric"] != DEVIATIONS:
                told = [measure[name] or 0 for name in ("value", "low", "high", "chance")]
                assert told == [round(figure, 2) for figure in told]
