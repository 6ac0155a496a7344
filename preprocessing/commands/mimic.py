"""The steps from raw MIMIC tables to shards."""

from pathlib import Path
from typing import Annotated

import typer

from preprocessing.commands.options import (
    CohortOption,
    FactsOption,
    LedgerOption,
    MemoryOption,
    OutputsOption,
    ProfileOption,
    SplitSeedOption,
    SwitchOption,
    TempOption,
    TestListOption,
    TestShareOption,
    ThreadsOption,
    ValidListOption,
    ValidShareOption,
)

app = typer.Typer()


@app.command("switches")
def list_switches() -> None:
    """Print every switch, its value in both profiles and its meaning, as Markdown."""
    from preprocessing.datasets.mimic.switches import table

    print(table())


@app.command("mimic-cohort")
def mimic_cohort(
    root: Annotated[Path, typer.Option(help="holds hosp/ and icu/; core/ for v1")],
    output: Annotated[Path, typer.Option(help="cohort.parquet")],
    ledger: LedgerOption,
    test_subjects: TestListOption = None,
    valid_subjects: ValidListOption = None,
    split_seed: SplitSeedOption = 0,
    valid_share: ValidShareOption = 0.1,
    test_share: TestShareOption = 0.2,
    profile: ProfileOption = "corrected",
    switch: SwitchOption = None,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Choose the ICU stays, their splits and labels."""
    from preprocessing.datasets.mimic import cohort
    from preprocessing.datasets.mimic.switches import parse_overrides, switches_of
    from preprocessing.engine.duckdb import connect
    from preprocessing.splits import Splitter

    cohort.run(
        root,
        Splitter.from_options(test_subjects, valid_subjects, split_seed, valid_share, test_share),
        switches_of(profile, parse_overrides(switch or [])),
        output=output,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
    )


@app.command("mimic-timeseries")
def mimic_timeseries(
    root: Annotated[Path, typer.Option(help="holds hosp/ and icu/; core/ for v1")],
    cohort: CohortOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    profile: ProfileOption = "corrected",
    switch: SwitchOption = None,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Extract the first 48 hours of each stay, hour by hour."""
    from preprocessing.datasets.mimic import timeseries
    from preprocessing.datasets.mimic.switches import parse_overrides, switches_of
    from preprocessing.engine.duckdb import connect

    timeseries.run(
        root,
        cohort,
        switches_of(profile, parse_overrides(switch or [])),
        profile=profile,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
        temp_dir=temp_dir,
    )


@app.command("mimic-images")
def mimic_images(
    cxr: Annotated[Path, typer.Option(help="holds files/ and the mimic-cxr-2.0.0-* tables")],
    cohort: CohortOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    px: Annotated[int, typer.Option(help="side of the stored square, in pixels", min=1)],
    test_subjects: TestListOption = None,
    valid_subjects: ValidListOption = None,
    split_seed: SplitSeedOption = 0,
    valid_share: ValidShareOption = 0.1,
    test_share: TestShareOption = 0.2,
    threads: ThreadsOption = 2,
) -> None:
    """Decode every radiograph once and store it small."""
    from preprocessing.datasets.mimic import images
    from preprocessing.splits import Splitter

    images.run(
        cxr,
        cohort,
        Splitter.from_options(test_subjects, valid_subjects, split_seed, valid_share, test_share),
        px=px,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
        threads=threads,
    )


@app.command("mimic-notes")
def mimic_notes(
    notes: Annotated[Path, typer.Option(help="holds note/")],
    cohort: CohortOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    source: Annotated[
        str, typer.Option(help="radiology_48h, discharge or discharge_admission_sections")
    ],
    test_subjects: TestListOption = None,
    valid_subjects: ValidListOption = None,
    split_seed: SplitSeedOption = 0,
    valid_share: ValidShareOption = 0.1,
    test_share: TestShareOption = 0.2,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Clean the notes of one text source."""
    from preprocessing.datasets.mimic import notes as step
    from preprocessing.engine.duckdb import connect
    from preprocessing.splits import Splitter

    step.run(
        notes,
        cohort,
        Splitter.from_options(test_subjects, valid_subjects, split_seed, valid_share, test_share),
        source_name=source,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
    )


@app.command("mimic-tabular")
def mimic_tabular(
    root: Annotated[Path, typer.Option(help="holds hosp/ and icu/; core/ for v1")],
    cohort: CohortOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Collect the demographics known at admission."""
    from preprocessing.datasets.mimic import tabular
    from preprocessing.engine.duckdb import connect

    tabular.run(
        root,
        cohort,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
    )


@app.command("mimic-samples")
def mimic_samples(
    cohort: CohortOption,
    timeseries: Annotated[list[Path], typer.Option(help="a part; repeat it for more parts")],
    images: Annotated[list[Path], typer.Option(help="a part; repeat it for more parts")],
    notes: Annotated[list[Path], typer.Option(help="a part; repeat it for more parts")],
    tabular: Annotated[list[Path], typer.Option(help="a part; repeat it for more parts")],
    source: Annotated[str, typer.Option(help="the text source that mimic-notes was given")],
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Pair the modalities into samples, by identifier alone."""
    from preprocessing.datasets.mimic import samples
    from preprocessing.engine.duckdb import connect

    samples.run(
        cohort,
        samples.Shards(timeseries, images, notes, tabular),
        source_name=source,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
    )


@app.command("mimic-manifest")
def mimic_manifest(
    shards: Annotated[Path, typer.Option(help="holds cohort.parquet and a folder per table")],
    facts: Annotated[Path, typer.Option(help="holds what each step wrote with --facts")],
    raw: Annotated[list[Path], typer.Option(help="a raw table to digest; repeat it for more")],
    scale: Annotated[str, typer.Option(help="stamped on every result: smoke or paper")],
    output: Annotated[Path, typer.Option(help="manifest.json")],
) -> None:
    """Say what the shards hold and where it comes from."""
    from preprocessing.datasets.mimic import manifest

    manifest.run(shards, facts, raw, scale=scale, output=output)


@app.command("mimic-text-sources")
def mimic_text_sources(
    mimic: Annotated[Path, typer.Option(help="shards of MIMIC, with their manifest")],
    facts: Annotated[Path, typer.Option(help="holds what its steps wrote, as SOURCE/<table>.json")],
    source: Annotated[str, typer.Option("--variant", "--source", help="a text source")],
    output: Annotated[Path, typer.Option(help="manifest.json, beside its notes and samples")],
) -> None:
    """Say what a text source of the same stays holds, as a variant of MIMIC."""
    from preprocessing.datasets.mimic import text_sources

    text_sources.write_variant(mimic, facts, source, output=output)
