"""The step rows-read: the rows of a description for training, or new rows for a trained model."""

from pathlib import Path
from typing import Annotated

from typer import Option

from commandline import Made
from preprocessing.datasets.rows.canonical import read_new, read_rows
from preprocessing.datasets.rows.description import Description
from preprocessing.errors import ConfigError
from preprocessing.options import LedgerFile, SightingsFile


def read_description(
    description: Annotated[
        str, Option(help="Configuration with a section rows: a YAML file, or JSON")
    ],
    base: Annotated[
        Path | None, Option(help="Folder that its paths are relative to; else that of the file")
    ] = None,
) -> Description:
    """The checked description; see `Description.read`."""
    return Description.read(description, base)


def read_files(
    description: Annotated[Description, Made(read_description)],
    *,
    output: Annotated[Path, Option(help="Parquet of canonical rows to write")],
    contents: Annotated[
        Path | None,
        Option(help="JSON to write of what the rows hold; needed unless --new is given"),
    ] = None,
    new: Annotated[
        list[Path] | None, Option(help="New rows for a trained model; repeat it for more")
    ] = None,
    series: Annotated[
        list[Path] | None, Option(help="Measurements of the new rows; repeat it for more")
    ] = None,
    ledger_path: LedgerFile,
    sightings: SightingsFile = None,
) -> None:
    """Write canonical rows, what they hold unless they are new, and what was dropped.

    Raises:
        ConfigError: options that do not belong together.
        SourceMissingError: a file is not there.
        DataContractError: every problem of the files, in one message.
    """
    if new:
        read_new(description, new, series or [], output=output, ledger_path=ledger_path)
    elif contents is None or series:
        raise ConfigError("Give --contents, and --series with --new alone.")
    else:
        read_rows(
            description,
            output=output,
            contents=contents,
            ledger_path=ledger_path,
            sightings=sightings,
        )
