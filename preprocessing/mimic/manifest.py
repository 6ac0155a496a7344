"""The manifest: what the shards hold and where it comes from, in the one file lanistr reads first.

It holds counts, column names, vocabularies and statistics of the training split; no row.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq

from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.schemas import Cohort, Images, Notes, Samples, Tabular, TimeSeries
from preprocessing.shards import write_facts

SCHEMA_VERSION = 1

# Tables in parts, each in a folder of its name; the cohort is one file.
TABLES: Mapping[str, type[pa.DataFrameModel]] = {
    "timeseries": TimeSeries,
    "images": Images,
    "notes": Notes,
    "tabular": Tabular,
    "samples": Samples,
}

logger = logging.getLogger(__name__)


def run(shards: Path, facts: Path, raw: Sequence[Path], *, scale: str, output: Path) -> None:
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
    tables = {"cohort": describe([shards / "cohort.parquet"], Cohort)}
    for table, schema in TABLES.items():
        tables[table] = describe(sorted((shards / table).glob("part-*.parquet")), schema)
    _check_agreement(told, tables)
    made = sorted(shards.glob("**/*.parquet"))
    digests = digests_of({str(path.relative_to(shards)): path for path in made})
    series, notes = dict(told["timeseries"]), told["notes"]
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "dataset": "mimic",
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
        "counts": told["samples"]["counts"],
        "inputs": digests_of({_name_in_release(path): path for path in raw}),
        "shards": digests,
        "digest": short_digest(digests),
    }
    write_facts(manifest, output)
    logger.info("shards %s: %s", manifest["digest"], manifest["counts"])


def _facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there: the step mimic-{path.stem} writes it.")
    return dict(json.loads(path.read_text()))


def describe(parts: Sequence[Path], schema: type[pa.DataFrameModel]) -> dict[str, Any]:
    """Columns and dtypes, rows and parts of a table, from the files' footers alone.

    Raises:
        SourceMissingError: there is no part.
        DataContractError: a part has other columns or dtypes than the schema.
    """
    if missing := [str(path) for path in parts if not path.is_file()] or not parts:
        raise SourceMissingError(f"No shards of {schema.__name__}: {missing or 'no part'}.")
    expected = {name: str(c.dtype.type) for name, c in schema.to_schema().columns.items()}
    for path in parts:
        found = {name: str(dtype) for name, dtype in pl.read_parquet_schema(path).items()}
        if found != expected:
            differing = sorted(set(found.items()) ^ set(expected.items()))
            raise DataContractError(
                f"{path} is not as preprocessing/schemas.py:{schema.__name__} says: "
                f"{', '.join(f'{name} {dtype}' for name, dtype in differing)} in one of them only."
            )
    rows = sum(pq.read_metadata(path).num_rows for path in parts)
    return {"columns": expected, "rows": rows, "parts": len(parts)}


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


def digests_of(paths: Mapping[str, Path]) -> dict[str, str]:
    """The blake2b digest of each file, by the name it is given."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(paths, pool.map(_digest, paths.values()), strict=True))


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def short_digest(digests: Mapping[str, str]) -> str:
    """One digest of many files, by name and content, short enough for a table's caption.

    >>> short_digest({"a": "1", "b": "2"}) == short_digest({"b": "2", "a": "1"})
    True
    """
    lines: Iterable[str] = (f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return blake2b("".join(lines).encode(), digest_size=6).hexdigest()


def _name_in_release(path: Path) -> str:
    """The path of a raw table below its root.

    >>> _name_in_release(Path("/data/2.2/hosp/patients.csv.gz"))
    'hosp/patients.csv.gz'
    >>> _name_in_release(Path("/data/cxr/mimic-cxr-2.0.0-metadata.csv.gz"))
    'mimic-cxr-2.0.0-metadata.csv.gz'
    """
    in_module = path.parent.name in {"hosp", "icu", "core", "note"}
    return f"{path.parent.name}/{path.name}" if in_module else path.name
