"""The steps from own rows to shards."""

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.commands.options import LedgerOption, ThreadsOption

app = typer.Typer()


@app.command("rows-read")
def rows_read(
    description: Annotated[
        str, typer.Option(help="configuration with a section rows: a YAML file, or JSON")
    ],
    output: Annotated[Path, typer.Option(help="canonical rows, Parquet")],
    ledger: LedgerOption,
    base: Annotated[
        Path | None, typer.Option(help="what paths are relative to; else the description's folder")
    ] = None,
    contents: Annotated[
        Path | None, typer.Option(help="what the rows hold, JSON; needed but for new rows")
    ] = None,
    new: Annotated[
        list[Path] | None, typer.Option(help="new rows for a trained model; repeat it for more")
    ] = None,
    series: Annotated[
        list[Path] | None, typer.Option(help="measurements of the new rows; repeat it for more")
    ] = None,
) -> None:
    """Read and check rows of csv or Parquet files."""
    from preprocessing.datasets.rows import canonical
    from preprocessing.datasets.rows.description import Description
    from preprocessing.errors import ConfigError

    told = Description.read(description, base)
    if new:
        canonical.read_new(told, new, series or [], output=output, ledger_path=ledger)
    elif contents is None or series:
        raise ConfigError("Give --contents, and --series with --new alone.")
    else:
        canonical.read_rows(told, output=output, contents=contents, ledger_path=ledger)


@app.command("rows-shards")
def rows_shards(
    rows: Annotated[Path, typer.Option(help="canonical rows, of rows-read")],
    contents: Annotated[Path, typer.Option(help="what they hold, of rows-read")],
    scale: Annotated[str, typer.Option(help="stamped on every result, such as own")],
    output_dir: Annotated[Path, typer.Option(help="folder of the shards and manifest.json")],
    ledger: LedgerOption,
    family: Annotated[str, typer.Option(help="name of the data set")] = "rows",
    threads: ThreadsOption = 2,
) -> None:
    """Write the shards of canonical rows, with their manifest."""
    from preprocessing.datasets.rows.shards import write_shards

    write_shards(
        rows,
        contents,
        family=family,
        scale=scale,
        folder=output_dir,
        ledger_path=ledger,
        threads=threads,
    )


@app.command("rows-init")
def rows_init(
    rows: Annotated[Path, typer.Argument(help="csv or Parquet file")],
    label: Annotated[str, typer.Option(help="column that is to be predicted")],
    output: Annotated[Path, typer.Option(help="configuration, to be written")],
    series: Annotated[Path | None, typer.Option(help="csv or Parquet file of series")] = None,
) -> None:
    """Look at a file of rows and write a configuration to be corrected."""
    from preprocessing.datasets.rows.init import write_configuration

    write_configuration(rows, label, output, series=series)
