"""What the manifests of all datasets share: descriptions of tables, and digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq

from preprocessing.contracts import place_of
from preprocessing.errors import DataContractError, SourceMissingError

SCHEMA_VERSION = 1


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
                f"{path} is not as {place_of(schema)} says: "
                f"{', '.join(f'{name} {dtype}' for name, dtype in differing)} in one of them only."
            )
    rows = sum(pq.read_metadata(path).num_rows for path in parts)
    return {"columns": expected, "rows": rows, "parts": len(parts)}


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
