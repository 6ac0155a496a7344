"""Each modelling step on its own: `python -m lanistr SUBCOMMAND --help`."""

import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lanistr.errors import LanistrError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


class Device(StrEnum):
    """Where tensors are computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


CacheDir = Annotated[Path, typer.Option(help="Folder made by `lanistr cache`.")]
RegistryFile = Annotated[Path, typer.Option(help="Registry of experiments (YAML).")]
RecipeFile = Annotated[Path, typer.Option(help="Sizes and optimisation per stage (YAML).")]
OnDevice = Annotated[Device, typer.Option(help="auto = a GPU where there is one.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Of torch; default: its own choice.")]
Resamples = Annotated[int, typer.Option(min=1, help="Of the bootstrap over subjects.")]


@app.command()
def cache(
    manifest: Annotated[Path, typer.Option(help="manifest.json of the shards.")],
    recipe: RecipeFile,
    output_dir: Annotated[Path, typer.Option(help="Receives the arrays and spec.json.")],
    category: Annotated[str | None, typer.Option(help="Of reviews, such as All_Beauty.")] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Cache whose tokenizer is used, so that weights fit both.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="That decode images.")] = 2,
) -> None:
    """Make memory-mapped arrays of the shards: tokens, pixels, columns, series, sample index."""
    from lanistr.cache import build_cache
    from lanistr.recipes import load_encoders

    encoders = load_encoders(recipe)
    build_cache(manifest, encoders, output_dir, threads, category=category, vocabulary=vocabulary)


@app.command()
def train(
    registry: RegistryFile,
    recipe: RecipeFile,
    experiment: Annotated[str, typer.Option(help="Entry of the registry.")],
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order, masks and dropout.")],
    cache: CacheDir,
    output_dir: Annotated[Path, typer.Option(help="runs/<experiment>/seed<k>.")],
    init: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoint of each name in the experiment's `init`, same seed."),
    ] = None,
    device: OnDevice = Device.AUTO,
    threads: Threads = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Reading processes; default: 0 on a CPU, 4 on a GPU.")
    ] = None,
    save_every: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds between states; default: as often as is cheap."),
    ] = None,
) -> None:
    """Pretrain or fine-tune; an interrupted run goes on where it stopped.

    Several processes: torchrun --nproc-per-node N -m lanistr train ...
    """
    from lanistr.recipes import load_experiment

    resolved = load_experiment(registry, recipe, experiment)  # before torch takes its seconds
    from lanistr.training.run import train

    train(
        resolved,
        seed,
        cache,
        output_dir,
        init=init or (),
        device=device,
        threads=threads,
        workers=workers,
        save_every=save_every,
    )


@app.command()
def predict(
    run: Annotated[Path, typer.Option(help="Folder with checkpoint.safetensors.")],
    cache: CacheDir,
    output: Annotated[Path, typer.Option(help="Parquet; one row per test sample.")],
    device: OnDevice = Device.AUTO,
    threads: Threads = None,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes.")] = 0,
) -> None:
    """Probabilities for every test sample, exactly once."""
    from lanistr.training.predict import predict

    predict(run, cache, output, device=device, threads=threads, workers=workers)


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Option(help="Made by `lanistr predict`.")],
    cache: CacheDir,
    output: Annotated[Path, typer.Option(help="JSON.")],
    resamples: Resamples = 2000,
) -> None:
    """AUROC and AUPRC, or accuracy and macro F1, with 95 % intervals, over every test sample."""
    from lanistr.evaluation import evaluate

    evaluate(predictions, cache, output, resamples)


@app.command()
def table(
    table: Annotated[str, typer.Option(help="Key in the registry and the paper's numbers.")],
    results: Annotated[Path, typer.Option(help="Holds runs/, predictions/ and metrics/.")],
    registry: RegistryFile,
    seed: Annotated[list[int], typer.Option(help="Seeds that belong to the table.")],
    manifest: Annotated[Path, typer.Option(help="manifest.json of the shards.")],
    paper: Annotated[Path, typer.Option(help="The paper's numbers (TSV).")],
    csv: Annotated[Path, typer.Option(help="Full precision.")],
    md: Annotated[Path, typer.Option(help="For reading.")],
    tex: Annotated[Path, typer.Option(help="For LaTeX, with booktabs.")],
    resamples: Resamples = 2000,
) -> None:
    """One row per method: ours with interval, and the paper's number in its own columns."""
    from lanistr.render import write_table
    from lanistr.tables import assemble

    rows, stamp = assemble(
        table,
        registry=registry,
        results=results,
        seeds=seed,
        paper=paper,
        manifest=manifest,
        resamples=resamples,
    )
    write_table(table, rows, stamp, csv=csv, md=md, tex=tex)


def main() -> int:
    """Run one subcommand; a `LanistrError` becomes one message and exit code 1."""
    rank = os.environ.get("RANK", "0")
    level = logging.INFO if rank == "0" else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    try:
        app()
    except LanistrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
