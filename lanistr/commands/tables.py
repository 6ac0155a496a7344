"""Tables of results: what is in them, where a number comes from, and what they cost."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import CacheDir, RegistryFile, Resamples, TablesFile

TableName = Annotated[str, typer.Option(help="Name of an entry of config/tables.yaml.")]


def evaluate(
    predictions: Annotated[Path, typer.Option(help="Made by `lanistr predict`.")],
    cache: CacheDir,
    output: Annotated[Path, typer.Option(help="JSON.")],
    resamples: Resamples = 2000,
) -> None:
    """The metrics of the task, with 95 % intervals, over every test sample."""
    from lanistr.evaluation.predictions import evaluate

    evaluate(predictions, cache, output, resamples)


def table(
    table: TableName,
    results: Annotated[Path, typer.Option(help="Holds runs/, predictions/, metrics/, logs/.")],
    registry: RegistryFile,
    seed: Annotated[list[int], typer.Option(help="Seeds that belong to the table.")],
    manifest: Annotated[
        list[Path], typer.Option(help="manifest.json of the shards; repeat it for more data sets.")
    ],
    paper: Annotated[Path, typer.Option(help="The paper's numbers (TSV).")],
    csv: Annotated[Path, typer.Option(help="Full precision.")],
    md: Annotated[Path, typer.Option(help="For reading.")],
    tex: Annotated[Path, typer.Option(help="For LaTeX, with booktabs.")],
    tables: TablesFile = Path("config/tables.yaml"),
    truth: Annotated[
        Path | None, typer.Option(help="What generated data were drawn from: adds a ceiling.")
    ] = None,
    resamples: Resamples = 2000,
) -> None:
    """One row per method: ours with interval, and the paper's number in its own columns."""
    from lanistr.evaluation.render import write_table
    from lanistr.evaluation.tables import assemble

    made = assemble(
        table,
        registry=registry,
        tables=tables,
        results=results,
        seeds=seed,
        paper=paper,
        manifests=manifest,
        resamples=resamples,
        truth=truth,
    )
    write_table(made, csv=csv, md=md, tex=tex)


def trace(
    results: Annotated[Path, typer.Option(help="Holds tables/, runs/ and predictions/.")],
    table: TableName,
    row: Annotated[str, typer.Option(help="As in the table, such as 'w/o MIM'.")],
) -> None:
    """The files behind a cell, and its number made again from the predictions; 1 if it differs."""
    from lanistr.evaluation.trace import trace

    for line in trace(results, table, row):
        typer.echo(line)


def cost(
    registry: RegistryFile,
    recipe: Annotated[Path, typer.Option(help="Of the dataset of the table (YAML).")],
    table: TableName,
    samples: Annotated[Path, typer.Option(help="The paper's numbers of samples (TSV).")] = Path(
        "config/paper_samples.tsv"
    ),
    manifest: Annotated[
        Path | None,
        typer.Option(exists=True, help="manifest.json of the shards, to count these instead."),
    ] = None,
    image_px: Annotated[int, typer.Option(min=1, help="Side of the images.")] = 224,
    tflops: Annotated[float, typer.Option(min=0.1, help="Sustained by one GPU.")] = 100.0,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each experiment.")] = 1,
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
