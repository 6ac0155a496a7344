"""Answers of a trained model: on the test split, and on new rows."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from lanistr.errors import ConfigError
from lanistr.options import ROWS, OnDevice, PicturesDir, Threads, Workers


def predict(
    folder: Annotated[str | None, Argument(metavar="MODEL", help="As --model")] = None,
    table: Annotated[Path | None, Argument(metavar="ROWS", help="As --rows")] = None,
    *,
    output: Annotated[
        Path,
        Option("--output", "-o", help="Parquet to write, with --rows also CSV; a row per sample"),
    ],
    model: Annotated[
        str | None, Option(help="Folder of `lanistr fit` or `export`, or a hub name; with --rows")
    ] = None,
    rows: Annotated[Path | None, Option(help=f"{ROWS}; with --model")] = None,
    series: Annotated[
        Path | None, Option(help="Measurements of own rows over time, csv or Parquet")
    ] = None,
    pictures: PicturesDir = None,
    calibrated: Annotated[
        bool,
        Option(help="Calibrate probabilities by the temperature of the model, or leave them"),
    ] = True,
    run: Annotated[
        Path | None, Option(help="Folder of a training, with checkpoint.safetensors; with --cache")
    ] = None,
    cache: Annotated[Path | None, Option(help="Folder of `lanistr cache`")] = None,
    device: OnDevice = "auto",
    threads: Threads = None,
    workers: Workers = 0,
) -> None:
    """Write answers: of a run for every test sample of a cache, or of a model for rows.

    Raises:
        ConfigError: neither pair of options.
    """
    model, rows = model or folder, rows or table
    if run and cache and not (model or rows):
        from lanistr.training import predict as step

        step.predict(run, cache, output, device=device, threads=threads, workers=workers)
    elif model and rows and not (run or cache):
        from lanistr.inference.files import predict_rows

        predict_rows(
            model,
            rows,
            output,
            series=series,
            pictures=pictures,
            calibrated=calibrated,
            device=device,
            threads=threads,
        )
    else:
        raise ConfigError(
            "predict: give --run and --cache for the test samples of a run, or MODEL and ROWS for "
            "rows of your own."
        )
