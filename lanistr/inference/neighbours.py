"""Files of embeddings to a file of neighbours: any modality to any other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import torch
from typer import Option

from lanistr.errors import DataContractError
from lanistr.inference.files import write_table
from lanistr.inference.rows import SAMPLE_ID
from lanistr.methods.lanistr.retrieval import nearest


def write_neighbours(
    queries: Annotated[Path, Option(help="File of `lanistr embed`")],
    gallery: Annotated[Path, Option(help="File of `lanistr embed` with the same model")],
    output: Annotated[Path, Option(help="Parquet or CSV to write, --count rows for each query")],
    count: Annotated[int, Option(min=1, help="Neighbours of each query")] = 10,
) -> None:
    """Write the rows of a gallery that are most similar to each query; see `neighbours`."""
    write_table(neighbours(queries, gallery, count), output)


def neighbours(queries: Path, gallery: Path, count: int) -> pl.DataFrame:
    """The rows of a gallery that are most similar to each query.

    Args:
        queries: made by `lanistr embed`.
        gallery: made by `lanistr embed` with the same model.
        count: neighbours per query; fewer where the gallery is smaller.

    Returns:
        `query`, `rank` (from 1), `neighbour`, `similarity` (cosine); queries and neighbours are
        named by their `sample_id`, else by their row, from 0.

    Raises:
        DataContractError: not such files, or of models with other widths.
    """
    ours, theirs = (_read(path) for path in (queries, gallery))
    count = min(count, theirs.height)
    left, right = (torch.from_numpy(t["embedding"].to_numpy(writable=True)) for t in (ours, theirs))
    if left.shape[1] != right.shape[1]:
        raise DataContractError(
            f"{queries} has embeddings of width {left.shape[1]}, {gallery} of {right.shape[1]}. "
            "Embed both with one model."
        )
    rows, similarities = nearest(left, right, count)
    return pl.DataFrame(
        {
            "query": _names(ours).gather(torch.arange(len(left)).repeat_interleave(count).numpy()),
            "rank": list(range(1, count + 1)) * len(left),
            "neighbour": _names(theirs).gather(rows.flatten().numpy()),
            "similarity": similarities.flatten().numpy(),
        }
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path, glob=False)
        if isinstance(table.schema["embedding"], pl.Array):
            return table
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not a file of `python -m lanistr embed` ({type(error).__name__})."
        ) from None
    raise DataContractError(f"{path}: its column embedding is not of fixed width. Embed again.")


def _names(table: pl.DataFrame) -> pl.Series:
    """What names the rows."""
    if SAMPLE_ID in table.columns:
        return table[SAMPLE_ID]
    return pl.int_range(table.height, eager=True)
