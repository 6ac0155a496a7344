"""The missingness audit: from shards to the two files that may be shared."""

import csv
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from typer import Option

from preprocessing.audit.declared import find_module
from preprocessing.audit.missingness import observed, publish
from preprocessing.audit.missingness.cells import Cell
from preprocessing.audit.missingness.counts import ALL
from preprocessing.audit.missingness.dataset import Counts, Series
from preprocessing.audit.missingness.generic import count_samples
from preprocessing.audit.shards import open_variants
from preprocessing.audit.suppression import LIMIT
from preprocessing.engine.duckdb import Connection

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
    shards: Annotated[
        list[Path],
        Option("--shards", "--mimic", "--amazon", help="Folder with a manifest.json; repeatable"),
    ],
    con: Connection,
    *,
    output_csv: Annotated[Path, Option(help="CSV to write of every count, one per line")],
    output_json: Annotated[
        Path, Option(help="JSON to write of the counts, the series and provenance")
    ],
    mimic_root: Annotated[
        Path | None,
        Option(help="Folder with hosp/: patients and admissions without any shard count too"),
    ] = None,
    amazon_interim: Annotated[
        Path | None, Option(help="Folder with <Category>/reviews/ and links.parquet")
    ] = None,
) -> None:
    """Count the data sets and write what may be shared of it.

    Raises:
        ConfigError: a data set needs more than its shards.
        SourceMissingError: a file is not there.
        DataContractError: the shards contradict each other or their manifest.
    """
    beside = {"mimic": mimic_root, "amazon": amazon_interim}
    extra = {name: folder for name, folder in beside.items() if folder}
    found = [
        counts
        for folder in dict.fromkeys(shards)
        for counts in count_dataset(folder, extra, con.cursor)
    ]
    write_audit(found, output_csv=output_csv, output_json=output_json)


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


def write_audit(found: Sequence[Counts], *, output_csv: Path, output_json: Path) -> None:
    """Write what may be shared of the counts, as a table and with all else as JSON."""
    audits = [shareable(counts) for counts in found]
    output_csv.parent.mkdir(parents=True, exist_ok=True)
    with output_csv.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for audit in audits:
            writer.writerows({"dataset": audit["dataset"], **row} for row in audit["rows"])
    written = {"schema_version": SCHEMA_VERSION, "limit": LIMIT, "datasets": audits}
    write_compact(written, output_json)
    for audit in audits:
        hidden = sum(row["suppressed"] for row in audit["rows"])
        log.info("%s: %d of %d counts withheld", audit["dataset"], hidden, len(audit["rows"]))


def write_compact(entry: Mapping[str, Any], path: Path) -> None:
    """Write JSON without a NaN, which not every reader takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, allow_nan=False) + "\n", encoding="utf-8")


def shareable(counts: Counts, limit: int = LIMIT) -> dict[str, Any]:
    """One dataset of the audit, without what must not be told.

    Args:
        counts: of `count_dataset`.
        limit: of small cells; with 0 nothing is withheld, for tests and for one's own eyes.
    """
    hidden = publish.secrets(counts.units, counts.relations, limit)
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


def observations(series: Series, hidden: frozenset[Cell], limit: int) -> dict[str, Any]:
    """Shares of series with an observation, by group, variable and step; None = withheld.

    If the series of a split are withheld, no split is told, as it is all less the others.
    """
    splits = {name: stays for name, (stays, _) in series.groups.items() if name != ALL}
    secret = any(
        0 < n < limit or Cell(series.unit, "split", name, "has", "timeseries") in hidden
        for name, n in splits.items()
    )
    told = {ALL: series.groups[ALL]} if secret else series.groups
    shares = observed.shares(told, limit) if series.groups[ALL][0] >= limit else {}
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
