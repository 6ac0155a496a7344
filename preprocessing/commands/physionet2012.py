"""The step from PhysioNet 2012's text files to rows."""

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.commands.options import LedgerOption, SplitSeedOption

app = typer.Typer()


@app.command("physionet2012-rows")
def physionet2012_rows(
    root: Annotated[Path, typer.Option(help="folder of set-a, set-b and their Outcomes-*.txt")],
    output_dir: Annotated[
        Path, typer.Option(help="folder of rows.parquet, series.parquet and rows.yaml")
    ],
    ledger: LedgerOption,
    split_seed: SplitSeedOption = 0,
) -> None:
    """Read the challenge's records and outcomes as rows, series and their description."""
    from preprocessing.datasets.physionet2012.stays import write_rows

    write_rows(root, output_dir, seed=split_seed, ledger_path=ledger)
