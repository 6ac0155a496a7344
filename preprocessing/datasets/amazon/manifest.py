"""The manifest of all review categories: the one file that lanistr reads first.

It holds counts, columns, vocabularies and statistics of the training splits; no row. A table is
listed as `<Category>/<table>`, which is also its folder.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandera.polars as pa

from preprocessing.datasets.amazon.schemas import Images, Samples, Tabular, Text
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.manifest import SCHEMA_VERSION, describe, digests_of, short_digest
from preprocessing.shards import write_facts

TABLES: Mapping[str, type[pa.DataFrameModel]] = {
    "images": Images,
    "text": Text,
    "tabular": Tabular,
    "samples": Samples,
}
STEPS = ("reviews", *TABLES)

log = logging.getLogger(__name__)


def run(shards: Path, facts: Path, categories: Sequence[str], *, scale: str, output: Path) -> None:
    """Write the manifest of the shards of all categories.

    Args:
        shards: holds a folder per category, with a folder per table.
        facts: holds what each step told, as <category>/<step>.json.
        categories: names such as "All_Beauty".
        scale: "smoke" or "paper", stamped on every result.
        output: the manifest.

    Raises:
        SourceMissingError: a part or the facts of a step are not there.
        DataContractError: shards and facts are of different runs, or categories differ in
            how their text or pictures were made.
    """
    told = {
        category: {step: _facts(facts / category / f"{step}.json") for step in STEPS}
        for category in categories
    }
    tables = {
        f"{category}/{table}": describe(sorted((shards / category / table).glob("part-*")), schema)
        for category in categories
        for table, schema in TABLES.items()
    }
    _check_agreement(told, tables)
    text = _same(told, "text", ("source", "limit"))
    made = sorted(
        path for category in categories for path in (shards / category).rglob("*.parquet")
    )
    digests = digests_of({str(path.relative_to(shards)): path for path in made})
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "dataset": "amazon",
        "scale": scale,
        # There is no reference to reproduce value for value; the switches are in force either way.
        "profile": "corrected",
        "switches": {
            "text_limit": text["limit"],
            **_same(told, "reviews", ("image_source", "split_seed")),
        },
        "text_source": text["source"],
        # The summary often is the label in words: "Five Stars".
        "leaky_text": "summary" in text["source"],
        "tables": tables,
        "image": _same(told, "images", ("px", "channels")),
        "text": text,
        "tabular": {category: told[category]["tabular"] for category in categories},
        "reviews": {category: told[category]["reviews"] for category in categories},
        "counts": {category: told[category]["samples"]["counts"] for category in categories},
        "inputs": {
            name: digest
            for category in categories
            for name, digest in told[category]["reviews"]["inputs"].items()
        },
        "shards": digests,
        "digest": short_digest(digests),
    }
    write_facts(manifest, output)
    log.info("shards %s: %s", manifest["digest"], manifest["counts"])


def _facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there: the step amazon-{path.stem} writes it.")
    return dict(json.loads(path.read_text()))


def _same(told: Mapping[str, Mapping[str, Any]], step: str, keys: Sequence[str]) -> dict[str, Any]:
    """What every category must have in common, since one model sees them all."""
    found = [{key: facts[step][key] for key in keys} for facts in told.values()]
    if any(values != found[0] for values in found):
        listed = [f"  {category}: {values}" for category, values in zip(told, found, strict=True)]
        raise DataContractError(
            "\n".join([f"The categories differ in how amazon-{step} was run:", *listed])
            + "\nRun it with the same options for all of them."
        )
    return found[0]


def _check_agreement(
    told: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]
) -> None:
    told_rows = {
        f"{category}/{step}": facts[step]["rows"]
        for category, facts in told.items()
        for step in TABLES
    }
    broken = [
        f"  {name}: {table['rows']} rows in the parts, {told_rows[name]} in its facts"
        for name, table in tables.items()
        if table["rows"] != told_rows[name]
    ]
    if broken:
        raise DataContractError(
            "\n".join(["Shards and facts are of different runs:", *broken])
            + "\nMake them again: snakemake shards."
        )
