"""The manifest of one text source: a variant of MIMIC with notes and samples of its own.

All else lies where the shards of MIMIC have it, and is named from there.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from preprocessing.datasets.mimic.manifest import index_facts
from preprocessing.datasets.mimic.options import SourceName
from preprocessing.datasets.mimic.schemas import Notes, Samples
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.manifest import describe, digests_of, short_digest
from preprocessing.shards import write_facts

OWN = {"notes": Notes, "samples": Samples}


def write_variant(
    mimic: Annotated[Path, Option(help="Shards of MIMIC, with their manifest")],
    facts: Annotated[Path, Option(help="Folder of what its steps wrote, as SOURCE/<table>.json")],
    source: SourceName,
    *,
    output: Annotated[Path, Option(help="manifest.json to write, beside its notes and samples")],
) -> None:
    """Write the manifest of a text source, beside its folders notes and samples.

    Args:
        mimic: shards of MIMIC, with their manifest.
        facts: holds what the steps of the source told, as <source>/<table>.json.
        source: name of the text source.
        output: the manifest.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: shards break their schema or are not those that the facts tell of.
    """
    base, folder = _read(mimic / "manifest.json"), output.parent
    told = {table: _read(facts / source / f"{table}.json") for table in OWN}
    elsewhere = os.path.relpath(mimic, folder)
    parts = {table: sorted((folder / table).glob("part-*.parquet")) for table in OWN}
    own = {table: describe(parts[table], schema) for table, schema in OWN.items()}
    for table in OWN:
        _check_rows(source, table, own[table], told[table])
    shared = {name: told for name, told in base["tables"].items() if name not in OWN}
    made = [path for paths in parts.values() for path in paths]
    digests = digests_of({str(path.relative_to(folder)): path for path in made})
    digests |= {
        f"{elsewhere}/{name}": digest
        for name, digest in base["shards"].items()
        if name.split("/")[0] not in OWN
    }
    base.pop("pairing_rounds", None)
    manifest = base | {
        "dataset": f"{base['dataset']}/{source}",
        "text_source": source,
        "leaky_text": told["notes"]["leaky"],
        "tables": {name: {**facts, "folder": elsewhere} for name, facts in shared.items()} | own,
        "text": told["notes"],
        **index_facts(told["samples"]),
        "shards": digests,
        "digest": short_digest(digests),
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
    return dict(json.loads(path.read_text(encoding="utf-8")))
