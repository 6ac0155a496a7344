"""What the runs of a table cost."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from lanistr.options import RecipeFile, RegistryFile, TableName


def cost(
    registry: RegistryFile,
    recipe: RecipeFile,
    table: TableName,
    samples: Annotated[Path, Option(help="The paper's numbers of samples (TSV)")] = Path(
        "config/paper_samples.tsv"
    ),
    manifest: Annotated[
        Path | None,
        Option(exists=True, help="manifest.json of shards that are counted instead"),
    ] = None,
    image_px: Annotated[int, Option(min=1, help="Side of the images, in pixels")] = 224,
    tflops: Annotated[float, Option(min=0.1, help="TFLOP/s that one GPU sustains")] = 100.0,
    seeds: Annotated[int, Option(min=1, help="Number of runs of each experiment")] = 1,
) -> None:
    """GPU hours of all that a table is trained from; `lanistr.experiments.cost` says how."""
    from lanistr.experiments.cost import cost, counts_of
    from lanistr.experiments.recipes import load_experiment, needed_for, read_registry

    total = 0.0
    typer.echo(f"{'experiment':<36}{'samples':>13}{'10^15 FLOP':>13}{'GPU hours':>11}")
    for name in needed_for(read_registry(registry), table):
        experiment = load_experiment(registry, recipe, name)
        counts = counts_of(manifest, samples, experiment.dataset, experiment.stage)
        one = cost(experiment, counts, image_px)
        hours = one.gpu_hours(tflops)
        total += seeds * hours
        typer.echo(f"{name:<36}{one.samples:>13,}{one.flops / 1e15:>13,.0f}{hours:>11,.1f}")
    typer.echo(f"{table}, {seeds} seed(s), {tflops:g} TFLOP/s per GPU: {total:,.1f} GPU hours")
