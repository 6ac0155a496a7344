"""What a trained model makes of each modality."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import CacheDir, Device, OnDevice, Resamples, RunDir, Threads

Files = Annotated[
    list[Path], typer.Option("--presence", help="Made by `lanistr presence`; repeat it for more.")
]
Csv = Annotated[Path, typer.Option(help="One row per estimate.")]
Json = Annotated[Path, typer.Option(help="The same with a note on how it was made.")]


def presence(
    run: RunDir,
    cache: CacheDir,
    output: Annotated[Path, typer.Option(help="Parquet; one row per test sample.")],
    device: OnDevice = Device.AUTO,
    threads: Threads = None,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes.")] = 0,
) -> None:
    """Probabilities for every test sample under each subset of the modalities."""
    from lanistr.analysis.presence import presence

    presence(run, cache, output, device=device, threads=threads, workers=workers)


def shapley(files: Files, csv: Csv, json: Json, resamples: Resamples = 2000) -> None:
    """Exact Shapley values of the modalities, with 95 % intervals."""
    from lanistr.analysis.shapley import shapley

    shapley(files, csv=csv, json=json, resamples=resamples)


def removal(files: Files, csv: Csv, json: Json, resamples: Resamples = 2000) -> None:
    """Performance against the share of each modality removed at test time."""
    from lanistr.analysis.removal import removal

    removal(files, csv=csv, json=json, resamples=resamples)
