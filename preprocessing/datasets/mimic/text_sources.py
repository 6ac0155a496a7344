"""One manifest of several text sources of the same stays, to compare them in one table.

A text source is to MIMIC what a category is to the reviews: it has notes and samples of its own.
All else lies where the shards of MIMIC have it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preprocessing.datasets.mimic.schemas import Notes, Samples
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.manifest import describe, digests_of, short_digest
from preprocessing.shards import write_facts

OWN = {"notes": Notes, "samples": Samples}


def run(mimic: Path, shards: Path, facts: Path, sources: Sequence[str], *, output: Path) -> None:
    """Write the manifest of the text sources.

    Args:
        mimic: shards of MIMIC, with their manifest.
        shards: holds a folder per text source, with the folders notes and samples.
        facts: holds what these steps told, as <source>/<table>.json.
        sources: names of text sources.
        output: the manifest, in `shards`.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: shards break their schema or are not those that the facts tell of.
    """
    base = _read(mimic / "manifest.json")
    told = {s: {table: _read(facts / s / f"{table}.json") for table in OWN} for s in sources}
    tables: dict[str, Any] = {}
    for source in sources:
        elsewhere = {"folder": os.path.relpath(mimic, shards / source)}
        shared = {name: facts for name, facts in base["tables"].items() if name not in OWN}
        tables |= {f"{source}/{name}": facts | elsewhere for name, facts in shared.items()}
        for table, schema in OWN.items():
            parts = sorted((shards / source / table).glob("part-*.parquet"))
            tables[f"{source}/{table}"] = described = describe(parts, schema)
            _check_rows(source, table, described, told[source][table])
    made = sorted(shards.glob("*/*/part-*.parquet"))
    digests = digests_of({str(path.relative_to(shards)): path for path in made})
    manifest = base | {
        "text_source": "by row",
        "leaky_text": any(facts["notes"]["leaky"] for facts in told.values()),
        "text_sources": {
            source: {"text_source": source, "leaky_text": facts["notes"]["leaky"]}
            for source, facts in told.items()
        },
        "tables": tables,
        "text": {source: facts["notes"] for source, facts in told.items()},
        "tabular": dict.fromkeys(sources, base["tabular"]),
        "counts": {source: facts["samples"]["counts"] for source, facts in told.items()},
        "shards": digests,
        "digest": short_digest({**digests, "mimic": base["digest"]}),
    }
    write_facts(manifest, output)


def _check_rows(source: str, table: str, described: dict[str, Any], told: dict[str, Any]) -> None:
    """Facts and shards must be of one run."""
    named = told.get("source") or told["text_source"]
    if (described["rows"], source) != (told["rows"], named):
        raise DataContractError(
            f"{source}/{table}: {described['rows']} rows in the parts, {told['rows']} of {named} "
            "in the facts. Make them again: snakemake textsources."
        )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there. Make it: snakemake textsources.")
    return dict(json.loads(path.read_text()))
