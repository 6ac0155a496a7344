"""The audits of the shards."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from preprocessing.commands.options import MemoryOption, TempOption, ThreadsOption

app = typer.Typer()


@app.command("audit-missingness")
def audit_missingness(
    output_csv: Annotated[Path, typer.Option(help="every count, one per line")],
    output_json: Annotated[Path, typer.Option(help="the same, with the series and provenance")],
    shards: Annotated[
        list[Path] | None,
        typer.Option(
            "--shards", "--mimic", "--amazon", help="folder with a manifest.json; repeatable"
        ),
    ] = None,
    mimic_root: Annotated[
        Path | None,
        typer.Option(help="holds hosp/: patients and admissions without any shard count too"),
    ] = None,
    amazon_interim: Annotated[
        Path | None, typer.Option(help="holds <Category>/reviews/ and links.parquet")
    ] = None,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Count who has which modalities; small cells are withheld, so the files may be shared."""
    from preprocessing.audit.missingness import report
    from preprocessing.engine.duckdb import connect
    from preprocessing.errors import ConfigError

    if not shards:
        raise ConfigError("Nothing to count: give --shards FOLDER, once for each data set.")
    beside = {"mimic": mimic_root, "amazon": amazon_interim}
    extra = {name: folder for name, folder in beside.items() if folder}
    engine = partial(connect, memory_limit=memory_limit, threads=threads, temp_dir=temp_dir)
    found = [
        counts
        for folder in dict.fromkeys(shards)
        for counts in report.count_dataset(folder, extra, engine)
    ]
    report.write_audit(found, output_csv=output_csv, output_json=output_json)
