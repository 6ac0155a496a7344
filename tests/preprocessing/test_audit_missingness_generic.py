"""What is counted of a data set that declares nothing but its card."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from preprocessing.audit.missingness import cells, publish, report
from preprocessing.audit.missingness.counts import Group, Unit
from preprocessing.audit.missingness.dataset import Counts
from tests.preprocessing.generic_shards import NAMES, STEPS, write_generic
from tests.preprocessing.leakage_shards import Tables

NO_PICTURE = "no picture given"


def absent(tables: Tables, manifest: dict[str, Any]) -> None:
    """Every fourth row lacks its picture, and every customer one of two of these or none."""
    lacks = pl.col("row_id") % 4 == 0
    tables["samples"] = tables["samples"].with_columns(
        has_image=~lacks, image_absence=pl.when(lacks).then(pl.lit(NO_PICTURE))
    )


def refused() -> duckdb.DuckDBPyConnection:
    raise AssertionError("no engine is needed")


def counted(folder: Path, *tasks: str, plant: Callable[..., None] | None = absent) -> Counts:
    (counts,) = report.count_dataset(write_generic(folder, *tasks, plant=plant), {}, refused)
    return counts


def unit_of(counts: Counts, name: str) -> Unit:
    return next(unit for unit in counts.units if unit.name == name)


def test_samples_and_units_as_planted(tmp_path: Path) -> None:
    counts = counted(tmp_path, "sold")
    rows = pl.read_parquet(tmp_path / "samples" / "*.parquet").filter(stage="finetune")
    samples = unit_of(counts, "sample")
    without = "text+tabular+timeseries"
    lacking = rows.filter(pl.col("row_id") % 4 == 0)
    sold = int(lacking["sold"].sum())
    assert samples.group("all", "all", without) == Group(sold, lacking.height - sold)
    assert samples.total("split", "test").count == 80
    assert samples.absences["test", "image", NO_PICTURE] == lacking.filter(split="test").height
    assert samples.outcome == "sold: bought"
    customers = unit_of(counts, "unit")
    # Of each customer, a row has a picture.
    assert customers.group("all", "all", without).count == 0
    happy = rows.group_by("group").agg(pl.col("sold").max())["sold"].sum()
    assert customers.total("all", "all") == Group(int(happy), 200 - int(happy))


@pytest.mark.parametrize("task", ["season", "tags", "cost"])
def test_only_classes_have_an_outcome(tmp_path: Path, task: str) -> None:
    samples = unit_of(counted(tmp_path, task), "sample")
    total = samples.total("all", "all")
    if task == "season":
        rows = pl.read_parquet(tmp_path / "samples" / "*.parquet").drop_nulls("season")
        assert total.with_outcome == rows["season"].value_counts()["count"].max()
    else:
        assert samples.outcome == "" and total == Group(0, 0, 400)


def test_rows_that_are_their_own_units_are_counted_once(tmp_path: Path) -> None:
    def alone(tables: Tables, manifest: dict[str, Any]) -> None:
        own = pl.col("row_id").cast(pl.String)
        tables["samples"] = tables["samples"].with_columns(group=own)

    assert [unit.name for unit in counted(tmp_path, plant=alone).units] == ["sample"]


def test_what_the_series_hold(tmp_path: Path) -> None:
    counts = counted(tmp_path)
    rows = pl.read_parquet(tmp_path / "timeseries" / "*.parquet").filter(split="valid")
    assert counts.series is not None
    series, seen = counts.series.groups["valid"]
    observed = np.array(rows["observed"].to_list()).reshape(-1, STEPS, len(NAMES))
    assert series == 80 and (seen == observed.sum(axis=0)).all()


def test_files_say_what_the_card_says_and_no_more_than_may_be_told(tmp_path: Path) -> None:
    counts = counted(tmp_path / "shards")
    hidden = publish.tables(counts).withheld()
    files = {"output_csv": tmp_path / "m.csv", "output_json": tmp_path / "m.json"}
    report.write_audit([counts], hidden, **files)
    (entry,) = json.loads((tmp_path / "m.json").read_text())["datasets"]
    assert (entry["dataset"], entry["title"], entry["note"]) == ("rows", "My products", "")
    assert entry["complete_with"] == ["text", "image", "tabular", "timeseries"]
    assert [unit["title"] for unit in entry["units"]] == ["Rows", "Customers"]
    assert entry["observed"]["hours"] == STEPS and entry["provenance"]["text_source"] is None
    told = {int(row["count"]) for row in csv.DictReader((tmp_path / "m.csv").open())
            if row["count"]}  # fmt: skip
    assert not told & set(range(1, 10))


def test_relations_hold(tmp_path: Path) -> None:
    for unit in counted(tmp_path).units:
        every = cells.list_cells(unit)
        for relation in cells.list_relations(unit):
            assert sum(sign * every.get(cell, 0) for cell, sign in relation.items()) == 0
