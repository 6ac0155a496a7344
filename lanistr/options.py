"""Options that several steps share, as annotations of their parameters."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from commandline.shipped import shipped

Device = Literal["auto", "cpu", "cuda"]

shipped_file = partial(Option, parser=shipped, metavar="PATH")
"""Option of a file that may be named as it lies in config/ of this version."""

RegistryFile = Annotated[Path, shipped_file("--registry", help="Registry of experiments (YAML)")]
TablesFile = Annotated[
    Path, shipped_file("--tables", help="Titles and data sets of the tables (YAML)")
]
RecipeFile = Annotated[
    Path, shipped_file("--recipe", help="Sizes and optimisation for each stage (YAML)")
]
ColumnsFile = Annotated[Path, shipped_file("--columns", help="Columns of the full datasets (TSV)")]
ManifestFile = Annotated[Path, Option("--manifest", help="manifest.json of the shards")]
CacheDir = Annotated[Path, Option("--cache", help="Folder of `lanistr cache`")]
Variant = Annotated[
    str | None,
    Option(
        "--variant",
        "--category",
        help="Folder beside the manifest whose own manifest is read; --category is its old name",
    ),
]
RunDir = Annotated[Path, Option("--run", help="Folder with checkpoint.safetensors")]
ModelName = Annotated[str, Option("--model", help="Folder of `lanistr export`, or a hub name")]
ROWS = "File of new rows (Parquet or CSV) with the columns of the training rows; empty = absent"
RowsFile = Annotated[Path, Option("--rows", help=ROWS)]
PicturesDir = Annotated[
    Path | None,
    Option("--pictures", help="Folder that all pictures are below; default: that of the rows"),
]
OnDevice = Annotated[
    Device, Option("--device", help="Where to compute; auto = on a GPU if there is one")
]
Threads = Annotated[
    int | None, Option("--threads", min=1, help="Number of torch threads; default: its own choice")
]
Workers = Annotated[int, Option("--workers", min=0, help="Number of processes that read")]
Resamples = Annotated[
    int, Option("--resamples", min=1, help="Resamples of the bootstrap over subjects")
]
TableName = Annotated[str, Option("--table", help="Entry of config/tables.yaml")]
ResultsDir = Annotated[Path, Option("--results", help="Folder results/NAME of a run")]
HtmlFile = Annotated[Path, Option("--output", help="HTML page to write, which needs no network")]
JsonFile = Annotated[Path, Option("--output", help="JSON file to write")]
PresenceFiles = Annotated[
    list[Path], Option("--presence", help="File of `lanistr presence`; repeat it for more")
]
EstimatesCsv = Annotated[Path, Option("--csv", help="CSV to write, one row for each estimate")]
EstimatesJson = Annotated[
    Path, Option("--json", help="JSON to write of the same, with a note on how it was made")
]
