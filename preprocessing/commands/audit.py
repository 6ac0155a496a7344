"""The audits of the shards."""

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.commands.options import MemoryOption, TempOption, ThreadsOption

app = typer.Typer()


@app.command("audit-missingness")
def audit_missingness(
    output_csv: Annotated[Path, typer.Option(help="every count, one per line")],
    output_json: Annotated[Path, typer.Option(help="the same, with the series and provenance")],
    mimic: Annotated[Path | None, typer.Option(help="shards of MIMIC, with manifest.json")] = None,
    mimic_root: Annotated[
        Path | None,
        typer.Option(help="holds hosp/: patients and admissions without any shard count too"),
    ] = None,
    amazon: Annotated[Path | None, typer.Option(help="shards of Amazon reviews")] = None,
    amazon_interim: Annotated[
        Path | None, typer.Option(help="holds <Category>/reviews/ and links.parquet")
    ] = None,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Count who has which modalities; small cells are withheld, so the files may be shared."""
    from preprocessing.audit.missingness import run as audit
    from preprocessing.engine.duckdb import connect
    from preprocessing.errors import ConfigError

    if not (mimic or amazon) or (amazon is None) != (amazon_interim is None):
        raise ConfigError(
            "Nothing to count: give --mimic (with --mimic-root, if at hand), or --amazon "
            "together with --amazon-interim, or all of them."
        )
    found = []
    if mimic:
        con = connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir)
        found.append(audit.of_mimic(mimic, con, mimic_root))
    if amazon and amazon_interim:
        found += audit.of_reviews(amazon, amazon_interim)
    audit.run(found, output_csv=output_csv, output_json=output_json)
