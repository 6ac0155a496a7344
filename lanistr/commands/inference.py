"""Use of a trained model: on the test split, and on new rows."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import CacheDir, Device, OnDevice, RunDir, Threads
from lanistr.errors import ConfigError
from lanistr.modality import Modality

ROWS = "Parquet, or CSV without time series; null = absent."
MODEL = "Folder made by `lanistr export`, or a hub name."


def export(
    run: RunDir,
    cache: CacheDir,
    output_dir: Annotated[Path, typer.Option(help="Receives the model.")],
) -> None:
    """Make a folder of a run that needs nothing else: weights, tokenizer, statistics, labels."""
    from lanistr.inference.export import export

    export(run, cache, output_dir)


def predict(
    output: Annotated[Path, typer.Option(help="Parquet, of --rows also CSV; one row per sample.")],
    run: Annotated[Path | None, typer.Option(help="Folder with checkpoint.safetensors.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder made by `lanistr cache`.")] = None,
    model: Annotated[str | None, typer.Option(help=MODEL)] = None,
    rows: Annotated[Path | None, typer.Option(help=ROWS)] = None,
    device: OnDevice = Device.AUTO,
    threads: Threads = None,
    workers: Annotated[int, typer.Option(min=0, help="That read the cache.")] = 0,
) -> None:
    """Probabilities: of --run for every test sample of --cache, or of --model for --rows."""
    if run and cache and not (model or rows):
        from lanistr.training.predict import predict

        predict(run, cache, output, device=device, threads=threads, workers=workers)
    elif model and rows and not (run or cache):
        from lanistr.inference.files import predict_rows

        predict_rows(model, rows, output, device=device, threads=threads)
    else:
        raise ConfigError(
            "predict: give --run and --cache for the test samples of a run, or --model and --rows "
            "for rows of your own."
        )


def embed(
    model: Annotated[str, typer.Option(help=MODEL)],
    rows: Annotated[Path, typer.Option(help=ROWS)],
    output: Annotated[Path, typer.Option(help="Parquet; one row per row.")],
    modality: Annotated[
        list[Modality] | None, typer.Option(help="Look at these alone; default: at all there are.")
    ] = None,
    device: OnDevice = Device.AUTO,
    threads: Threads = None,
) -> None:
    """One vector per row, whatever it consists of; similar rows have similar vectors."""
    from lanistr.inference.files import embed_rows

    embed_rows(model, rows, output, modality, device=device, threads=threads)


def nearest(
    queries: Annotated[Path, typer.Option(help="Made by `lanistr embed`.")],
    gallery: Annotated[Path, typer.Option(help="Made by `lanistr embed` with the same model.")],
    output: Annotated[Path, typer.Option(help="Parquet or CSV; --count rows per query.")],
    count: Annotated[int, typer.Option(min=1, help="Neighbours of each query.")] = 10,
) -> None:
    """The rows of a gallery that are most like each query: any modality to any other."""
    from lanistr.inference.files import write_table
    from lanistr.inference.neighbours import neighbours

    write_table(neighbours(queries, gallery, count), output)
