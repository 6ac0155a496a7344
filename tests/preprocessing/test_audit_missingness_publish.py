"""What the missingness audit publishes: no small number, no identifier, and both definitions."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from preprocessing.audit.missingness import cells, publish, report
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.audit.suppression import LIMIT
from preprocessing.datasets.mimic import missingness as mimic
from tests.preprocessing.missingness_shards import IMAGES, NOTES, PLANTED, unit_of


def test_relations_hold(planted_counts: Counts) -> None:
    """What suppression believes of the numbers is true of them."""
    tables = publish.tables(planted_counts)
    assert len(tables.relations) > 1000
    for relation in tables.relations:
        assert sum(sign * tables.counts[cell] for cell, sign in relation.items()) == 0


def test_rows_have_every_pattern_and_shares_only_of_what_is_told(
    planted_counts: Counts,
) -> None:
    shared = report.shareable(planted_counts, publish.tables(planted_counts).withheld())
    exact = {row_key(row): row for row in report.shareable(planted_counts, [], limit=0)["rows"]}
    seen: Counter[tuple[str, ...]] = Counter()
    for row in shared["rows"]:
        seen[row["unit"], row["breakdown"], row["level"]] += row["kind"] == "pattern"
        truth = exact[row_key(row)]
        assert row["suppressed"] == (row["count"] is None)
        assert row["count"] in (None, truth["count"])
        if row["count"] is None:
            assert row["share"] is None
        assert not 0 < (row["count"] or 0) < LIMIT
        if row.get("known") is not None and row["outcome"] is not None:
            n = round(row["outcome"] * row["known"])
            assert not 0 < n < LIMIT and not 0 < row["known"] - n < LIMIT
    assert set(seen.values()) == {2 ** len(mimic.MODALITIES)}


def row_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("unit", "breakdown", "level", "kind", "name"))


def test_inflation_and_both_definitions_of_incomplete(planted_counts: Counts) -> None:
    exact = report.shareable(planted_counts, [], limit=0)
    by_unit = {entry["unit"]: entry for entry in exact["completeness"]}
    complete = sum(n for (pattern, *_), n in PLANTED.items() if pattern.count("+") == 3)
    stays = sum(n for (pattern, *_), n in PLANTED.items() if "timeseries" in pattern)
    assert by_unit["stay_48h"]["incomplete"] == stays - complete
    join = unit_of(planted_counts, "join").total("all", "all").count
    assert by_unit["join"]["incomplete"] == join - complete * IMAGES * NOTES
    assert by_unit["stay_48h"]["join_rows"] == pytest.approx(join / stays, abs=1e-5)


def test_files_have_no_ids(planted_shards: Path, planted_counts: Counts, tmp_path: Path) -> None:
    report.write_audit(
        [planted_counts], [], output_csv=tmp_path / "m.csv", output_json=tmp_path / "m.json"
    )
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    assert {row["dataset"] for row in rows} == {"mimic"}
    assert tuple(rows[0]) == report.COLUMNS
    text = (tmp_path / "m.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["datasets"][0]["provenance"]["digest"] == "abc"
    assert not re.search(r"subject_id|hadm_id|stay_id|dicom|note_id", text)


def test_no_split_is_told_if_one_is_withheld(planted_counts: Counts) -> None:
    hidden = frozenset([cells.Cell("stay_48h", "split", "valid", "has", "timeseries")])
    assert set(report.observations(planted_counts.series, hidden, LIMIT)["groups"]) == {"all"}
    assert len(report.observations(planted_counts.series, frozenset(), LIMIT)["groups"]) == 4
    whole = frozenset([cells.Cell("stay_48h", "all", "all", "has", "timeseries")])
    assert not report.observations(planted_counts.series, whole, LIMIT)["groups"]
