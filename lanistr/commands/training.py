"""Caching and training."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import (
    CacheDir,
    Device,
    OnDevice,
    RecipeFile,
    RegistryFile,
    Threads,
    Variant,
)


def cache(
    manifest: Annotated[Path, typer.Option(help="manifest.json of the shards.")],
    recipe: RecipeFile,
    output_dir: Annotated[Path, typer.Option(help="Receives the arrays and spec.json.")],
    variant: Variant = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Cache whose tokenizer is used, so that weights fit both.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="That decode images.")] = 2,
) -> None:
    """Make memory-mapped arrays of the shards: tokens, pixels, columns, series, sample index."""
    from lanistr.data.cache import build_cache
    from lanistr.experiments.recipes import load_encoders

    encoders = load_encoders(recipe)
    build_cache(manifest, encoders, output_dir, threads, variant=variant, vocabulary=vocabulary)


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
    predictions: Annotated[
        Path | None,
        typer.Option(help="Of a fine-tuning: also write these, as `predict` does."),
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
    compile: Annotated[
        bool, typer.Option("--compile", help="Steps through torch.compile.")
    ] = False,
    features: Annotated[
        bool, typer.Option(help="In fine-tuning, let frozen encoders see each sample once.")
    ] = True,
) -> None:
    """Pretrain or fine-tune; an interrupted run goes on where it stopped.

    Several processes: torchrun --nproc-per-node N -m lanistr train ...
    """
    from lanistr.data.cache import read_card
    from lanistr.experiments.methods import methods
    from lanistr.experiments.recipes import load_experiment

    # before torch takes its seconds
    resolved = load_experiment(registry, recipe, experiment, read_card(cache))
    if trainer := methods()[resolved.method].trainer:  # with states and a reader of its own
        import_module(trainer).train(
            resolved,
            seed,
            cache,
            output_dir,
            predictions=predictions,
            device=device,
            threads=threads,
        )
        return
    from lanistr.training import run

    run.train(
        resolved,
        seed,
        cache,
        output_dir,
        init=init or (),
        predictions=predictions,
        device=device,
        threads=threads,
        workers=workers,
        save_every=save_every,
        compiled=compile,
        features=features,
    )
