"""Caching and training."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

from typer import Option

from lanistr.options import (
    CacheDir,
    ManifestFile,
    OnDevice,
    RecipeFile,
    RegistryFile,
    Threads,
    Variant,
)


def cache(
    manifest: ManifestFile,
    recipe: RecipeFile,
    output_dir: Annotated[Path, Option(help="Folder of the arrays and spec.json to write")],
    variant: Variant = None,
    vocabulary: Annotated[
        Path | None, Option(help="Cache whose tokenizer is used, so that weights fit both")
    ] = None,
    threads: Annotated[int, Option(min=1, help="Number of threads that decode images")] = 2,
) -> None:
    """Make memory-mapped arrays of the shards: tokens, pixels, columns, series, sample index."""
    from lanistr.data.caching import build_cache
    from lanistr.experiments.recipes import load_encoders

    encoders = load_encoders(recipe)
    build_cache(manifest, encoders, output_dir, threads, variant=variant, vocabulary=vocabulary)


def check_labels(
    registry: RegistryFile,
    recipe: RecipeFile,
    experiment: Annotated[str, Option(help="Entry of the registry")],
    manifest: ManifestFile,
    output: Annotated[Path, Option(help="Empty file to write if there are enough")],
) -> None:
    """Check that shards have as many samples as an experiment asks labels of.

    Raises:
        ConfigError: they have fewer.
    """
    from lanistr.data import labels
    from lanistr.data.manifest import read_manifest
    from lanistr.experiments.recipes import load_experiment

    made = read_manifest(manifest)
    labels.check_labels(load_experiment(registry, recipe, experiment, made.card), made)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.touch()


def train(
    registry: RegistryFile,
    recipe: RecipeFile,
    experiment: Annotated[str, Option(help="Entry of the registry")],
    seed: Annotated[int, Option(min=0, help="Seed of weights, order, masks and dropout")],
    cache: CacheDir,
    output_dir: Annotated[Path, Option(help="Folder runs/<experiment>/seed<k> to write")],
    init: Annotated[
        list[Path] | None,
        Option(help="Checkpoint of a name in the experiment's `init`, same seed; in its order"),
    ] = None,
    predictions: Annotated[
        Path | None,
        Option(help="Predictions to write after a fine-tuning, as `predict` does (Parquet)"),
    ] = None,
    device: OnDevice = "auto",
    threads: Threads = None,
    workers: Annotated[
        int | None,
        Option(min=0, help="Number of processes that read; default: 0 on a CPU, 4 on a GPU"),
    ] = None,
    save_every: Annotated[
        float | None,
        Option(
            min=0, help="Seconds between saved states; default: as often as takes 2 % of the time"
        ),
    ] = None,
    features: Annotated[
        bool,
        Option(
            help="Keep what frozen encoders make of a sample instead of asking them every epoch"
        ),
    ] = True,
) -> None:
    """Pretrain or fine-tune; an interrupted run goes on where it stopped.

    Several processes: torchrun --nproc-per-node N -m lanistr train ..., or tasks of srun.
    """
    from lanistr.data.cache import read_card
    from lanistr.experiments.methods import methods
    from lanistr.experiments.recipes import load_experiment

    # before torch takes its seconds
    resolved = load_experiment(registry, recipe, experiment, read_card(cache))
    if trainer := methods()[resolved.method].trainer:  # with states and a reader of its own
        from lanistr.training.distributed import go_alone

        if not go_alone():
            return
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
        features=features,
    )
