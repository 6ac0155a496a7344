"""Pages and figures of a run."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import TablesFile

ResultsFolder = Annotated[Path, typer.Option(help="results/NAME, the folder of a run.")]


def report(
    results: ResultsFolder,
    output: Annotated[Path, typer.Option(help="HTML; one file, no network needed to read it.")],
    tables: TablesFile = Path("config/tables.yaml"),
    config: Annotated[
        str | None, typer.Option(help="Configuration of the workflow (JSON), shown as it is.")
    ] = None,
) -> None:
    """Tables, figures, audits, cohort flow and provenance of a run on one page."""
    import json

    from lanistr.report.report import write_report

    write_report(results, output, tables, json.loads(config) if config else None)


def figures(
    results: ResultsFolder,
    output: Annotated[Path, typer.Option(help="Folder; receives <experiment>_seed<k>.svg.")],
) -> None:
    """One figure per training run: losses by term, learning rate and throughput by epoch."""
    from lanistr.report.curves import write_run_figures

    write_run_figures(results, output)
