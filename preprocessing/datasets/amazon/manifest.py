"""The manifests of all review categories together and of each: the files that lanistr reads first.

They hold counts, columns, vocabularies and statistics of the training splits; no row. The joint one
lists a table as `<Category>/<table>`, which is also its folder. All name the same digest: one run
makes all categories, which may share encoders.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandera.polars as pa
from typer import Option

from preprocessing.datasets.amazon.card import describe_reviews
from preprocessing.datasets.amazon.schemas import Images, Samples, Tabular, Text
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.manifest import SCHEMA_VERSION, describe, digests_of, short_digest
from preprocessing.options import Scale
from preprocessing.shards import write_facts

TABLES: Mapping[str, type[pa.DataFrameModel]] = {
    "images": Images,
    "text": Text,
    "tabular": Tabular,
    "samples": Samples,
}
STEPS = ("reviews", *TABLES)

log = logging.getLogger(__name__)


def write_manifests(
    shards: Annotated[Path, Option(help="Folder of a folder per category, each of one per table")],
    facts: Annotated[
        Path, Option(help="Folder of what each step wrote, as <category>/<step>.json")
    ],
    categories: Annotated[
        list[str],
        Option("--variant", "--category", help="Category such as All_Beauty; repeat it for more"),
    ],
    *,
    scale: Scale,
    output: Annotated[
        Path, Option(help="manifest.json of all; that of a category is <category>/manifest.json")
    ],
) -> None:
    """Write the manifest of the shards of all categories, and one in the folder of each.

    Args:
        shards: holds a folder per category, with a folder per table.
        facts: holds what each step told, as <category>/<step>.json.
        categories: names such as "All_Beauty".
        scale: "smoke" or "paper", stamped on every result.
        output: the manifest of all; that of a category is <folder of it>/<category>/manifest.json.

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
        category: {
            table: describe(sorted((shards / category / table).glob("part-*")), schema)
            for table, schema in TABLES.items()
        }
        for category in categories
    }
    _check_agreement(told, tables)
    made = sorted(
        path for category in categories for path in (shards / category).rglob("*.parquet")
    )
    digests = digests_of({str(path.relative_to(shards)): path for path in made})
    common = _common(told, scale) | {"digest": short_digest(digests)}
    variants = {c: _own(c, told[c], tables[c], digests) for c in categories}
    for category, own in variants.items():
        write_facts(common | own, output.parent / category / output.name)
    joint: dict[str, Any] = {
        key: {category: own[key] for category, own in variants.items()}
        for key in ("tabular", "reviews", "counts")
    }
    joint |= {
        "dataset": "amazon",
        "tables": {
            f"{category}/{name}": table
            for category, own in variants.items()
            for name, table in own["tables"].items()
        },
        "inputs": {name: d for own in variants.values() for name, d in own["inputs"].items()},
        "shards": digests,
    }
    write_facts(common | joint, output)
    log.info("shards %s: %s", common["digest"], joint["counts"])


def _own(
    category: str,
    steps: Mapping[str, Any],
    tables: Mapping[str, Any],
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """What the manifest of a category says beside what all say alike."""
    prefix = f"{category}/"
    return {
        "dataset": f"amazon/{category}",
        "tables": tables,
        "tabular": steps["tabular"],
        "reviews": steps["reviews"],
        "counts": steps["samples"]["counts"],
        "inputs": steps["reviews"]["inputs"],
        "shards": {
            name.removeprefix(prefix): digest
            for name, digest in digests.items()
            if name.startswith(prefix)
        },
    }


def _common(told: Mapping[str, Mapping[str, Any]], scale: str) -> dict[str, Any]:
    """What the manifests of all categories say alike."""
    text = _same(told, "text", ("source", "limit"))
    return {
        "schema_version": SCHEMA_VERSION,
        "card": describe_reviews().facts(),
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
        "image": _same(told, "images", ("px", "channels")),
        "text": text,
    }


def _facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there: the step amazon-{path.stem} writes it.")
    return dict(json.loads(path.read_text(encoding="utf-8")))


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
    broken = [
        f"  {category}/{name}: {table['rows']} rows in the parts, {rows} in its facts"
        for category, described in tables.items()
        for name, table in described.items()
        if table["rows"] != (rows := told[category][name]["rows"])
    ]
    if broken:
        raise DataContractError(
            "\n".join(["Shards and facts are of different runs:", *broken])
            + "\nMake them again: snakemake shards."
        )
