"""How large the models of a recipe are."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.options import ColumnsFile, RecipeFile, RegistryFile, shipped_file


def parameters(
    registry: RegistryFile,
    recipe: RecipeFile,
    experiment: Annotated[list[str], typer.Option(help="Entry of the registry; repeatable")],
    published: Annotated[Path, shipped_file(help="Published counts (TSV)")] = Path(
        "config/published_parameters.tsv"
    ),
    columns: ColumnsFile = Path("config/full_columns.tsv"),
) -> None:
    """Millions of parameters beside published counts; no weights, and no memory but AutoGluon's."""
    from lanistr.experiments.recipes import load_experiment
    from lanistr.methods.sizes import size_of

    for name in experiment:
        made = load_experiment(registry, recipe, name)
        init = [load_experiment(registry, recipe, before) for before in made.init]
        size = size_of(made, published, columns, init)
        total = sum(size.parts.values())
        typer.echo(
            f"{name}: {total / 1e6:.2f} M, of which {size.trained / 1e6:.2f} M trained "
            f"({100 * size.trained / total:.1f} %)"
        )
        typer.echo("  " + ", ".join(f"{part} {n / 1e6:.2f}" for part, n in size.parts.items()))
        if size.published is not None:
            typer.echo(f"  published: {size.published} M ({size.counted})")
