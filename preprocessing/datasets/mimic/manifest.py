"""The manifest: what the shards hold and where it comes from, in the one file lanistr reads first.

It holds counts, column names, vocabularies and statistics of the training split; no row.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandera.polars as pa
from typer import Option

from preprocessing.datasets.mimic.card import describe_mimic
from preprocessing.datasets.mimic.schemas import Cohort, Images, Notes, Samples, Tabular, TimeSeries
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.manifest import SCHEMA_VERSION, describe, digests_of, short_digest
from preprocessing.options import ManifestFile, Scale
from preprocessing.shards import write_facts

# Tables in parts, each in a folder of its name; the cohort is one file.
TABLES: Mapping[str, type[pa.DataFrameModel]] = {
    "timeseries": TimeSeries,
    "images": Images,
    "notes": Notes,
    "tabular": Tabular,
    "samples": Samples,
}

logger = logging.getLogger(__name__)


def write_manifest(
    shards: Annotated[Path, Option(help="Folder with cohort.parquet and a folder per table")],
    facts: Annotated[Path, Option(help="Folder of what each step wrote with --facts")],
    raw: Annotated[list[Path], Option(help="Raw table to digest; repeat it for more")],
    *,
    scale: Scale,
    output: ManifestFile,
) -> None:
    """Write the manifest of the shards.

    Args:
        shards: holds cohort.parquet and a folder per table.
        facts: holds what each step told, as <table>.json.
        raw: the raw tables that the shards were made from, to be digested.
        scale: "smoke" or "paper", stamped on every result.
        output: the manifest.

    Raises:
        SourceMissingError: a part or the facts of a step are not there.
        DataContractError: shards break their schema or are not those that the facts tell of.
    """
    told = {table: _facts(facts / f"{table}.json") for table in TABLES}
    # Variants lie in further folders beside these: their digests are their own.
    parts = {table: sorted((shards / table).glob("part-*.parquet")) for table in TABLES}
    cohort = shards / "cohort.parquet"
    tables = {"cohort": describe([cohort], Cohort)}
    tables |= {table: describe(parts[table], schema) for table, schema in TABLES.items()}
    _check_agreement(told, tables)
    made = [cohort, *(path for paths in parts.values() for path in paths)]
    digests = digests_of({str(path.relative_to(shards)): path for path in made})
    series, notes = dict(told["timeseries"]), told["notes"]
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "dataset": "mimic",
        "card": describe_mimic(told["samples"]["tasks"]).facts(),
        "scale": scale,
        "profile": series.pop("profile"),
        "switches": series.pop("switches"),
        "text_source": notes["source"],
        "leaky_text": notes["leaky"],
        "tables": tables,
        "timeseries": series,
        "image": told["images"],
        "text": notes,
        "tabular": told["tabular"],
        **index_facts(told["samples"]),
        "inputs": digests_of({_name_in_release(path): path for path in raw}),
        "shards": digests,
        "digest": short_digest(digests),
    }
    write_facts(manifest, output)
    logger.info("shards %s: %s", manifest["digest"], manifest["counts"])


def index_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of the sample index: its counts and, if bound, its pairs."""
    return {key: told[key] for key in ("counts", "pairing_rounds") if key in told}


def _facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there: the step mimic-{path.stem} writes it.")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _check_agreement(
    told: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]
) -> None:
    """Facts and shards must be of one run: sources and row counts agree."""
    counts = {table: facts["rows"] for table, facts in told.items() if "rows" in facts}
    broken = [
        f"  {table}: {tables[table]['rows']} rows in the parts, {rows} in its facts"
        for table, rows in counts.items()
        if tables[table]["rows"] != rows
    ]
    if told["samples"]["text_source"] != told["notes"]["source"]:
        broken.append(
            f"  samples pair text of {told['samples']['text_source']}, "
            f"the notes are {told['notes']['source']}"
        )
    if broken:
        raise DataContractError(
            "\n".join(["Shards and facts are of different runs:", *broken])
            + "\nMake them again: snakemake shards."
        )


def _name_in_release(path: Path) -> str:
    """The path of a raw table below its root.

    >>> _name_in_release(Path("/data/2.2/hosp/patients.csv.gz"))
    'hosp/patients.csv.gz'
    >>> _name_in_release(Path("/data/cxr/mimic-cxr-2.0.0-metadata.csv.gz"))
    'mimic-cxr-2.0.0-metadata.csv.gz'
    """
    in_module = path.parent.name in {"hosp", "icu", "core", "note"}
    return f"{path.parent.name}/{path.name}" if in_module else path.name
