"""Options that several subcommands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    """Where tensors are computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


RegistryFile = Annotated[Path, typer.Option(help="Registry of experiments (YAML).")]
TablesFile = Annotated[Path, typer.Option(help="Titles and data sets of the tables (YAML).")]
RecipeFile = Annotated[Path, typer.Option(help="Sizes and optimisation per stage (YAML).")]
CacheDir = Annotated[Path, typer.Option(help="Folder made by `lanistr cache`.")]
Variant = Annotated[
    str | None,
    typer.Option(
        "--variant",
        "--category",
        help="Folder beside the manifest whose own manifest is read; --category is its old name.",
    ),
]
RunDir = Annotated[Path, typer.Option(help="Folder with checkpoint.safetensors.")]
OnDevice = Annotated[Device, typer.Option(help="auto = a GPU where there is one.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Of torch; default: its own choice.")]
Resamples = Annotated[int, typer.Option(min=1, help="Of the bootstrap over subjects.")]
