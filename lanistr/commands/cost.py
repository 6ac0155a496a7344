"""What the runs of tables cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from commandline.shipped import shipped
from lanistr.errors import ConfigError
from lanistr.options import ColumnsFile, RegistryFile, shipped_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanistr.training.budget import Cost
    from lanistr.training.plan import Plan

GB = 1e9
PEAKS = ("gpu_bytes", "host_bytes")
TFLOPS = 100.0  # 32 % of an A100's peak in bf16


def cost(
    *,
    config: Annotated[
        Path | None,
        shipped_file(help="Configuration whose tables are told, by its own recipes"),
    ] = None,
    registry: RegistryFile = Path("config/experiments.yaml"),
    recipe: Annotated[
        Path | None,
        shipped_file(help="Sizes and optimisation, in place of a configuration (YAML)"),
    ] = None,
    table: Annotated[
        list[str] | None, Option(help="Entry of config/tables.yaml; repeat it for more")
    ] = None,
    samples: Annotated[Path, shipped_file(help="The paper's numbers of samples (TSV)")] = Path(
        "config/paper_samples.tsv"
    ),
    columns: ColumnsFile = Path("config/full_columns.tsv"),
    manifest: Annotated[
        Path | None,
        Option(exists=True, help="manifest.json of shards that are counted instead"),
    ] = None,
    image_px: Annotated[int, Option(min=1, help="Side of the images, in pixels")] = 224,
    tflops: Annotated[
        float | None,
        Option(min=0.1, help="TFLOP/s that one GPU sustains; default: engine.gpu_tflops, or 100"),
    ] = None,
    gpu_gb: Annotated[
        float | None, Option(min=1, help="Memory of one GPU in GB; runs that need more are named")
    ] = None,
    seeds: Annotated[int, Option(min=1, help="Number of runs of each experiment")] = 1,
) -> None:
    """GPU hours, memory and disk of all that tables are trained from, counted on the models.

    `lanistr.training.work` and `lanistr.training.budget` say how.

    Raises:
        ConfigError: neither a configuration nor a recipe with a table, or data that nobody counted.
    """
    from lanistr.experiments.recipes import read_mapping
    from lanistr.training.plan import Plan, plan_of

    if config:
        plan = plan_of(config, shipped("config/tables.yaml"), samples, columns, table or ())
        tflops = tflops or (read_mapping(config).get("engine") or {}).get("gpu_tflops")
    elif recipe and table:
        given = dict.fromkeys(table, seeds)
        plan = Plan(registry, {"": recipe}, given, samples, columns, {"": image_px}, manifest)
    else:
        raise ConfigError("Give --config, or --recipe and --table.")
    tell(plan, tflops or TFLOPS, gpu_gb)


def tell(plan: Plan, tflops: float, gpu_gb: float | None) -> None:
    """Print a line for each run, for each table, and for all of them together."""
    tables = plan.runs()
    times: dict[str, int] = {}
    for table, names in tables.items():
        times |= {name: max(plan.seeds[table], times.get(name, 0)) for name in names}
    typer.echo(
        f"{'of each run':<36}{'samples':>13}{'10^15 FLOP':>12}{'GPU hours':>11}"
        f"{'GPU GB':>8}{'host GB':>8}{'disk GB':>8}"
    )
    known: dict[str, Cost] = {}
    for name in times:
        try:
            one = known[name] = plan.cost(name)
        except ConfigError as error:
            typer.echo(f"{name:<36}not known: {error}")
            continue
        large = "  more than a GPU has" if gpu_gb and one.gpu_bytes > gpu_gb * GB else ""
        disk = (one.left_bytes + one.passing_bytes) / GB
        typer.echo(
            f"{name:<36}{one.samples:>13,}{one.flops / 1e15:>12,.1f}{one.gpu_hours(tflops):>11,.2f}"
            f"{one.gpu_bytes / GB:>8.1f}{one.host_bytes / GB:>8.1f}{disk:>8.1f}{large}"
        )
    typer.echo(f"\n{'of all runs':<36}{'seeds':>13}{'10^15 FLOP':>12}{'GPU hours':>11}")
    for table, names in tables.items():
        seeds = plan.seeds[table]
        typer.echo(
            told_sum(table, str(seeds), [(known.get(name), seeds) for name in names], tflops)
        )
    if len(tables) > 1:
        shared = [(known.get(name), times[name]) for name in times]
        typer.echo(told_sum("together, shared runs once", "", shared, tflops))
    for data, size in plan.caches(known).items():
        typer.echo(f"cache of {data}: {size / GB:.1f} GB on disk at most")
    typer.echo(f"at {tflops:g} TFLOP/s per GPU")


def told_sum(title: str, seeds: str, runs: Sequence[tuple[Cost | None, int]], tflops: float) -> str:
    """A line on several runs: sums of what each takes, the most of what one at a time takes."""
    some = [(one, times) for one, times in runs if one]
    flops = sum(times * one.flops for one, times in some)
    hours = sum(times * one.gpu_hours(tflops) for one, times in some)
    disk = sum(times * one.left_bytes for one, times in some)
    disk += max((one.passing_bytes for one, _ in some), default=0)
    most = [max((getattr(one, name) for one, _ in some), default=0) for name in PEAKS]
    lacking = (
        f"  without {len(runs) - len(some)} that are not known" if len(some) < len(runs) else ""
    )
    return (
        f"{title:<36}{seeds:>13}{flops / 1e15:>12,.1f}{hours:>11,.2f}"
        f"{most[0] / GB:>8.1f}{most[1] / GB:>8.1f}{disk / GB:>8.1f}{lacking}"
    )
