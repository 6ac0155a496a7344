"""The missingness audit: from shards to the two files that may be shared."""

import csv
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.audit.declared import find_module
from preprocessing.audit.missingness import observed, publish
from preprocessing.audit.missingness.cells import SPLIT, Cell
from preprocessing.audit.missingness.counts import ALL
from preprocessing.audit.missingness.dataset import Counts, Series
from preprocessing.audit.missingness.generic import count_samples
from preprocessing.audit.shards import open_variants
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Key, Tables
from preprocessing.engine.duckdb import Connection
from preprocessing.options import (
    AmazonInterim,
    MimicRoot,
    MissingnessCsv,
    MissingnessJson,
    ShardFolders,
)
from reading.spreadsheets import escape_formula

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 1
COLUMNS = (
    "dataset",
    "unit",
    "breakdown",
    "level",
    "kind",
    "name",
    "count",
    "share",
    "known",
    "outcome",
    "suppressed",
    "outcome_suppressed",
)
PROVENANCE = ("digest", "scale", "profile", "switches", "text_source", "leaky_text")

log = logging.getLogger(__name__)


def audit_missingness(
    shards: ShardFolders,
    con: Connection,
    *,
    output_csv: MissingnessCsv,
    output_json: MissingnessJson,
    mimic_root: MimicRoot = None,
    amazon_interim: AmazonInterim = None,
) -> None:
    """Count the data sets and write what may be shared of it, where nothing else is.

    Raises:
        ConfigError: a data set needs more than its shards.
        SourceMissingError: a file is not there.
        DataContractError: the shards contradict each other or their manifest.
    """
    found = count_datasets(shards, {"mimic": mimic_root, "amazon": amazon_interim}, con)
    tables = Tables()
    for counts in found:
        tables.add(publish.tables(counts))
    write_audit(found, tables.withheld(), output_csv=output_csv, output_json=output_json)


def count_datasets(
    shards: Sequence[Path], beside: Mapping[str, Path | None], con: Connection
) -> list[Counts]:
    """The exact counts of several data sets: `count_dataset` of each."""
    extra = {name: folder for name, folder in beside.items() if folder}
    return [
        counts
        for folder in dict.fromkeys(shards)
        for counts in count_dataset(folder, extra, con.cursor)
    ]


def count_dataset(
    shards: Path, extra: Mapping[str, Path], connect: Callable[[], "duckdb.DuckDBPyConnection"]
) -> list[Counts]:
    """The exact counts of a data set: of the units it declares, else of its samples.

    Args:
        shards: folder with manifest.json.
        extra: what is counted beside the shards of a data set, by its name.
        connect: makes a fresh connection for a data set that needs one.

    Raises:
        ConfigError: a data set needs more than its shards.
        SourceMissingError: a file is not there.
        DataContractError: the shards contradict each other or their manifest.
    """
    variants = open_variants(shards)
    name = variants[0].card.name
    if own := find_module(name, "missingness"):
        return list(own.count(shards, extra.get(name), connect))
    return [count_samples(variant) for variant in variants]


def write_audit(
    found: Sequence[Counts],
    hidden: Collection[Key],
    ways: Sequence[Mapping[str, Any]] = (),
    *,
    output_csv: Path,
    output_json: Path,
) -> None:
    """Write what may be shared of the counts, as a table and with all else as JSON.

    Args:
        found: the exact counts.
        hidden: what is withheld of them, as (data set, cell).
        ways: how the units came about, without what is withheld.
        output_csv: to write.
        output_json: to write.
    """
    audits = [shareable(counts, hidden) for counts in found]
    output_csv.parent.mkdir(parents=True, exist_ok=True)
    with output_csv.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for audit in audits:
            rows = ({"dataset": audit["dataset"], **row} for row in audit["rows"])
            writer.writerows(
                {name: escape_formula(value) for name, value in row.items()} for row in rows
            )
    written = {"schema_version": SCHEMA_VERSION, "limit": LIMIT, "datasets": audits, "flow": ways}
    write_compact(written, output_json)
    for audit in audits:
        withheld = sum(row["suppressed"] for row in audit["rows"])
        log.info("%s: %d of %d counts withheld", audit["dataset"], withheld, len(audit["rows"]))


def write_compact(entry: Mapping[str, Any], path: Path) -> None:
    """Write JSON without a NaN, which not every reader takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, allow_nan=False) + "\n", encoding="utf-8")


def shareable(counts: Counts, keys: Collection[Key], limit: int = LIMIT) -> dict[str, Any]:
    """One dataset of the audit, without what must not be told.

    Args:
        counts: of `count_dataset`.
        keys: what is withheld, as (data set, cell); with none, for tests and for one's own eyes.
        limit: of small cells of the series.
    """
    hidden = {cell for name, cell, *_ in keys if name == counts.dataset and isinstance(cell, Cell)}
    needed = counts.complete_with
    return {
        "dataset": counts.dataset,
        "title": counts.title,
        "note": counts.note,
        "provenance": {name: counts.provenance.get(name) for name in PROVENANCE},
        "units": [
            {
                "name": unit.name,
                "title": unit.title,
                "definition": unit.definition,
                "outcome": unit.outcome,
                "modalities": list(unit.modalities),
                "only_in_files": unit.only_in_files,
            }
            for unit in counts.units
        ],
        "rows": [row for unit in counts.units for row in publish.rows(unit, hidden)],
        "complete_with": list(needed),
        "completeness": publish.completeness(counts.units, hidden, needed),
        "published": [dict(entry) for entry in counts.published],
        "observed": observations(counts.series, hidden, limit) if counts.series else None,
    }


def observations(series: Series, hidden: Collection[Cell], limit: int) -> dict[str, Any]:
    """Shares of series with an observation, by group, variable and step; None = withheld.

    A group is told with its number of series, so that it is not if that is withheld. If the
    series of a split are withheld, no split is told, as it is all less the others.
    """
    has = Cell(series.unit, ALL, ALL, "has", "timeseries")
    splits = {name: stays for name, (stays, _) in series.groups.items() if name != ALL}
    secret = any(
        0 < n < limit or has._replace(breakdown=SPLIT, level=name) in hidden
        for name, n in splits.items()
    )
    told = {ALL: series.groups[ALL]} if secret else series.groups
    is_told = series.groups[ALL][0] >= limit and has not in hidden
    shares = observed.shares(told, limit) if is_told else {}
    groups = {
        name: {
            "stays": series.groups[name][0],
            "share": _rounded(by_step[:-1].T),
            "all_hours": _rounded(by_step[-1]),
        }
        for name, by_step in shares.items()
    }
    steps = len(series.groups[ALL][1])
    return {"variables": list(series.variables), "hours": steps, "groups": groups}


def _rounded(values: np.ndarray) -> Any:
    """Nested lists with None for NaN."""
    rounded = values.round(4).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()
