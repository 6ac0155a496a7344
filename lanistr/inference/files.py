"""Files of new rows to files of answers, for the command line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from lanistr.errors import DataContractError
from lanistr.inference.predictor import Predictor
from lanistr.modality import Modality
from lanistr.options import ModelName, OnDevice, PicturesDir, RowsFile, Threads
from lanistr.training.distributed import world
from reading.spreadsheets import escape_formula

log = logging.getLogger(__name__)


def predict_rows(
    model: str,
    rows: Path,
    output: Path,
    *,
    series: Path | None = None,
    pictures: Path | None = None,
    calibrated: bool = True,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Write what a model says of the rows of a file.

    Args:
        model: folder or hub name.
        rows: .parquet or .csv; see `lanistr.inference.rows`.
        output: .parquet or .csv; see `Predictor.predict`.
        series: measurements of own rows.
        pictures: folder that all pictures are below; None = that of `rows`.
        calibrated: whether probabilities are under the model's temperature.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.
    """
    with world(device, threads) as here:
        predictor = Predictor.from_pretrained(model, device=here.device)
        answers = predictor.predict(rows, series, pictures=pictures, calibrated=calibrated)
        write_table(answers, output)


def embed_rows(
    model: ModelName,
    rows: RowsFile,
    output: Annotated[Path, Option(help="Parquet to write, one row for each row")],
    modalities: Annotated[
        list[Modality] | None,
        Option("--modality", help="Modality to look at; default: all that a row has"),
    ] = None,
    *,
    pictures: PicturesDir = None,
    device: OnDevice = "auto",
    threads: Threads = None,
) -> None:
    """Write the embeddings of the rows of a file.

    Args:
        model: folder or hub name, of LANISTR.
        rows: .parquet or .csv.
        output: .parquet; see `Predictor.embed`.
        modalities: what to look at; None or empty = all that a row has.
        pictures: folder that all pictures are below; None = that of `rows`.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.
    """
    with world(device, threads) as here:
        predictor = Predictor.from_pretrained(model, device=here.device)
        write_table(predictor.embed(rows, modalities or None, pictures=pictures), output)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as its file's ending says; no spreadsheet runs a cell or a name of a CSV.

    Raises:
        DataContractError: another ending than .parquet or .csv, or lists for a CSV.
    """
    flat = not any(kind.is_nested() for kind in table.dtypes)
    allowed = [".parquet", ".csv"] if flat else [".parquet"]
    if path.suffix not in allowed:
        raise DataContractError(f"{path}: found the ending {path.suffix!r}, allowed are {allowed}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        escaped = pl.col(pl.String).map_elements(escape_formula, return_dtype=pl.String)
        table.with_columns(escaped).rename(escape_formula).write_csv(path)
    else:
        table.write_parquet(path)
    log.info("%d rows written to %s", table.height, path)
