"""Own rows to a model: the workflow's steps for one seed, one after the other.

`snakemake own` runs the same steps with several seeds, baselines, ablations and audits.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from lanistr.errors import ConfigError
from lanistr.fitting import Fitting, read_settings
from lanistr.options import Device, OnDevice, Threads
from lanistr.process import preprocess

if TYPE_CHECKING:
    from lanistr.inference.predictor import Predictor
    from lanistr.inference.rows import NewRows

log = logging.getLogger(__name__)

Size = Literal["tiny", "small", "paper"]


def describe_rows(
    rows: Annotated[Path, Argument(metavar="ROWS", help="File of rows, csv or Parquet")],
    label: Annotated[str, Option(help="Column that is to be predicted")],
    output: Annotated[Path, Option("--output", "-o", help="Configuration to write")],
    *,
    series: Annotated[
        Path | None, Option(help="File of measurements over time, csv or Parquet")
    ] = None,
    size: Annotated[Size, Option(help="Size of the models")] = "tiny",
) -> None:
    """Write a configuration with guessed types; a person reads and corrects it.

    Raises:
        ProcessError: the file cannot be read, has no such column, or the output is there.
    """
    further: list[str | Path] = ["--series", series] if series else []
    preprocess("rows-init", rows, "--label", label, "--output", output, "--size", size, *further)
    log.info("%s: read every line, then `lanistr fit %s --output MODEL`", output, output)


def fit_model(
    description: Annotated[
        Path, Argument(metavar="CONFIGURATION", help="What `lanistr init` wrote")
    ],
    output: Annotated[Path, Option("--output", "-o", help="Folder of the model to write")],
    *,
    work_dir: Annotated[
        Path | None,
        Option(help="Folder of shards, cache and runs, from which a next call goes on"),
    ] = None,
    device: OnDevice = "auto",
    threads: Threads = None,
) -> str:
    """Train a model of own rows: shards, gates, cache, pretraining, fine-tuning, test report.

    Returns:
        The test report in words; the folder holds it as test.json, too.

    Raises:
        ConfigError: the description or the registry does not fit.
        ProcessError: the rows are refused, or the answer stands in the inputs.
    """
    with open_folder(work_dir) as work:
        fitting = Fitting(read_settings(description), work, device, threads)
        return fitting.fit(output)


@contextmanager
def open_folder(folder: Path | None) -> Iterator[Path]:
    """The folder, made if needed; None = one that is gone afterwards."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="lanistr-") as made:
        yield Path(made)


def fit(
    rows: NewRows | str | Path,
    label: str | None = None,
    *,
    output: str | Path | None = None,
    work_dir: str | Path | None = None,
    size: Size = "tiny",
    device: Device = "auto",
    threads: int | None = None,
) -> Predictor:
    """Train a model of own rows, as `lanistr init` and `lanistr fit` do.

    Args:
        rows: pandas or Polars frame, csv or Parquet file, or a configuration that `lanistr init`
            wrote; types of columns are guessed but for the latter.
        label: column to be predicted; a configuration names it itself.
        output: folder of the model; None = below `work_dir`.
        work_dir: folder of shards, cache and runs; None = a temporary one, which stays.
        size: tiny, small or paper; a configuration names it itself.
        device: auto, cpu or cuda.
        threads: number of torch threads.

    Returns:
        The model, which answers for new rows of the same columns.

    Raises:
        ConfigError: no label is named, or the configuration does not fit.
        ProcessError: the rows are refused, or the answer stands in the inputs.
    """
    from lanistr.inference.predictor import Predictor

    work = Path(work_dir or tempfile.mkdtemp(prefix="lanistr-"))
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(output) if output else work / "model"
    description = find_description(rows, label, size, work)
    log.info("%s", fit_model(description, folder, work_dir=work, device=device, threads=threads))
    return Predictor.from_pretrained(folder)


def find_description(rows: NewRows | str | Path, label: str | None, size: Size, work: Path) -> Path:
    """The configuration: the file itself, or one with guessed types.

    Raises:
        ConfigError: no label is named.
    """
    from lanistr.inference.rows import make_table

    if isinstance(rows, str | Path) and Path(rows).suffix in (".yaml", ".yml"):
        return Path(rows)
    if label is None:
        raise ConfigError("label: found None, needed is the name of the column to be predicted.")
    if isinstance(rows, str | Path):
        source = Path(rows)
    else:
        source = work / "frame.parquet"
        make_table(rows).write_parquet(source)
    description = work / "own.yaml"
    description.unlink(missing_ok=True)
    describe_rows(source, label, description, size=size)
    return description
