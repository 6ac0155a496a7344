"""The audit of leakage: gates before and after training, and one report of them."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

AcknowledgeOption = Annotated[
    list[str] | None,
    typer.Option("--acknowledge", help="gate whose findings do not stop the run; repeatable"),
]


@app.command("audit-leakage")
def audit_leakage(
    shards: Annotated[Path, typer.Option(help="folder with the manifest.json of a data set")],
    output: Annotated[Path, typer.Option(help="what the gates found, as JSON")],
    acknowledge: AcknowledgeOption = None,
    variant: Annotated[
        str | None,
        typer.Option("--variant", "--source", help="subfolder of the variant to look at"),
    ] = None,
    resamples: Annotated[int, typer.Option(help="behind each interval", min=1)] = 1000,
) -> None:
    """Look for leaks in the shards of a data set; fail at one that is not acknowledged."""
    from preprocessing.audit.leakage import report

    folder = shards / variant if variant else shards
    report.check_shards(folder, acknowledge or (), resamples=resamples, output=output)


@app.command("audit-selection")
def audit_selection(
    run: Annotated[list[Path], typer.Option(help="experiment.json of a run; repeatable")],
    output: Annotated[Path, typer.Option(help="what was found, as JSON")],
    acknowledge: AcknowledgeOption = None,
) -> None:
    """Look at what runs were selected on; fail at one that saw the test split."""
    from preprocessing.audit.leakage import report

    report.check_selection(run, acknowledge or (), output=output)


@app.command("merge-leakage")
def merge_leakage(
    gates: Annotated[list[Path], typer.Option(help="what audit-leakage wrote; repeatable")],
    output: Annotated[Path, typer.Option(help="audit/leakage.json")],
    vocabulary: Annotated[
        list[Path] | None, typer.Option(help="what lanistr audit-vocabulary wrote; repeatable")
    ] = None,
    acknowledge: AcknowledgeOption = None,
) -> None:
    """Put the gates of all data sets together, with what only their caches can tell."""
    from preprocessing.audit.leakage import report

    report.merge_gates(gates, vocabulary or (), acknowledge or (), output=output)


@app.command("gates")
def gates() -> None:
    """Print every gate, the data set it belongs to, its question and its effect, as Markdown."""
    from preprocessing.audit.leakage.gates import list_gates

    print(list_gates())
