"""The missingness audit: from shards to the two files that may be shared."""

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from preprocessing.audit.missingness import observed, publish
from preprocessing.audit.missingness.cells import Cell
from preprocessing.audit.missingness.counts import ALL, Unit
from preprocessing.audit.suppression import LIMIT
from preprocessing.datasets.amazon import missingness as reviews
from preprocessing.datasets.mimic import missingness as mimic

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
# The paper's time series, image and text; demographics come with the series.
NEEDED = {"mimic": ("image", "text", "timeseries"), "amazon": ("image", "text", "tabular")}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counts:
    """The exact counts of one dataset, which are never written.

    Attributes:
        dataset: "mimic" or "amazon/<Category>".
        provenance: of the shards.
        units: with their counts.
        series: stays and observations of `observed.count`, by group; empty without series.
        variables: names of the series' variables.
    """

    dataset: str
    provenance: Mapping[str, Any]
    units: Sequence[Unit]
    series: Mapping[str, tuple[int, np.ndarray]]
    variables: Sequence[str]


def run(found: Sequence[Counts], *, output_csv: Path, output_json: Path) -> None:
    """Write what may be shared of the counts, as a table and with all else as JSON."""
    audits = [shareable(counts) for counts in found]
    output_csv.parent.mkdir(parents=True, exist_ok=True)
    with output_csv.open("w", newline="") as file:
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
    path.write_text(json.dumps(entry, allow_nan=False) + "\n")


def shareable(counts: Counts, limit: int = LIMIT) -> dict[str, Any]:
    """One dataset of the audit, without what must not be told.

    Args:
        counts: of `of_mimic` or `of_reviews`.
        limit: of small cells; with 0 nothing is withheld, for tests and for one's own eyes.
    """
    hidden = publish.secrets(counts.units, limit)
    needed = NEEDED[counts.dataset.split("/")[0]]
    return {
        "dataset": counts.dataset,
        "provenance": {name: counts.provenance[name] for name in PROVENANCE},
        "units": [
            {
                "name": unit.name,
                "definition": unit.definition,
                "outcome": unit.outcome,
                "modalities": list(unit.modalities),
            }
            for unit in counts.units
        ],
        "rows": [row for unit in counts.units for row in publish.rows(unit, hidden)],
        "complete_with": list(needed),
        "completeness": publish.completeness(counts.units, hidden, needed),
        "observed": observations(counts, hidden, limit) if counts.series else None,
    }


def observations(counts: Counts, hidden: frozenset[Cell], limit: int) -> dict[str, Any]:
    """Shares of stays with an observation, by group, variable and hour; None = withheld.

    If the stays of a split are withheld, no split is told, as it is all less the others.
    """
    splits = {name: stays for name, (stays, _) in counts.series.items() if name != ALL}
    secret = any(0 < stays < limit or _total_of(name) in hidden for name, stays in splits.items())
    told = {ALL: counts.series[ALL]} if secret else counts.series
    shares = observed.shares(told, limit) if counts.series[ALL][0] >= limit else {}
    groups = {
        name: {
            "stays": counts.series[name][0],
            "share": _rounded(by_hour[:-1].T),
            "all_hours": _rounded(by_hour[-1]),
        }
        for name, by_hour in shares.items()
    }
    return {"variables": list(counts.variables), "hours": observed.HOURS, "groups": groups}


def _total_of(split: str) -> Cell:
    """The cell with the stays of a split that have a series."""
    return Cell("stay_48h", "split", split, "has", "timeseries")


def _rounded(values: np.ndarray) -> Any:
    """Nested lists with None for NaN."""
    rounded = values.round(4).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()


def of_mimic(shards: Path, con: duckdb.DuckDBPyConnection, root: Path | None = None) -> Counts:
    """The exact counts of MIMIC shards; see `mimic.count`."""
    manifest = mimic.read_manifest(shards)
    return Counts(
        "mimic",
        manifest,
        mimic.count(shards, con, root),
        observed.count(sorted((shards / "timeseries").glob("part-*.parquet"))),
        manifest["timeseries"]["variable_names"],
    )


def of_reviews(shards: Path, interim: Path) -> list[Counts]:
    """The exact counts of each category of Amazon shards; see `reviews.count`."""
    manifest = mimic.read_manifest(shards)
    return [
        Counts(
            f"amazon/{category}",
            manifest,
            reviews.count(
                shards, interim, category, manifest["tables"][f"{category}/tabular"]["rows"]
            ),
            {},
            [],
        )
        for category in manifest["reviews"]
    ]
