"""Each preprocessing step on its own: `python -m preprocessing SUBCOMMAND --help`."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from preprocessing.errors import PipelineError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

# Options that several steps share.
CohortOption = Annotated[Path, typer.Option("--cohort", help="cohort.parquet of mimic-cohort")]
OutputsOption = Annotated[
    list[Path], typer.Option("--output", help="a part to write; repeat it for more parts")
]
FactsOption = Annotated[Path, typer.Option("--facts", help="what the manifest needs, as JSON")]
LedgerOption = Annotated[Path, typer.Option("--ledger", help="what was dropped and why, as JSON")]
MemoryOption = Annotated[str, typer.Option("--memory-limit", help="of DuckDB, such as 2GB")]
ThreadsOption = Annotated[int, typer.Option("--threads", help="of the engine", min=1)]
TempOption = Annotated[Path | None, typer.Option("--temp-dir", help="where DuckDB spills")]
TestListOption = Annotated[
    Path | None, typer.Option("--test-subjects", help="published list: csv of subject_id,flag")
]
ValidListOption = Annotated[
    Path | None, typer.Option("--valid-subjects", help="published list: csv of subject_id,flag")
]
SplitSeedOption = Annotated[int, typer.Option("--split-seed", help="of the stable hash")]
ValidShareOption = Annotated[float, typer.Option("--valid-share", help="when no list is given")]
TestShareOption = Annotated[float, typer.Option("--test-share", help="when no list is given")]
ProfileOption = Annotated[str, typer.Option("--profile", help="corrected or faithful")]
SwitchOption = Annotated[
    list[str] | None,
    typer.Option("--switch", help="name=value, over the profile; see the subcommand switches"),
]


@app.command("switches")
def list_switches() -> None:
    """Print every switch, its value in both profiles and its meaning, as Markdown."""
    from preprocessing.mimic.switches import table

    print(table())


@app.command("cache-raw")
def cache_raw(
    root: Annotated[Path, typer.Option(help="holds hosp/ and icu/; core/ for v1")],
    output_dir: Annotated[Path, typer.Option(help="a root with the same tables in Parquet")],
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Convert the raw tables to Parquet once, for faster runs from then on."""
    from preprocessing import cache_raw as step
    from preprocessing.raw import connect

    con = connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir)
    step.run(root, output_dir, con)


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
    from preprocessing.mimic import cohort
    from preprocessing.mimic.switches import parse_overrides, switches_of
    from preprocessing.raw import connect
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
    from preprocessing.mimic import timeseries
    from preprocessing.mimic.switches import parse_overrides, switches_of
    from preprocessing.raw import connect

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
    from preprocessing.mimic import images
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
    from preprocessing.mimic import notes as step
    from preprocessing.raw import connect
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
    from preprocessing.mimic import tabular
    from preprocessing.raw import connect

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
    from preprocessing.mimic import samples
    from preprocessing.raw import connect

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
    from preprocessing.mimic import manifest

    manifest.run(shards, facts, raw, scale=scale, output=output)


@app.command("generate-mimic")
def generate_mimic(
    mimic: Annotated[Path | None, typer.Option(help="where to write hosp/ and icu/")] = None,
    notes: Annotated[Path | None, typer.Option(help="where to write note/")] = None,
    cxr: Annotated[Path | None, typer.Option(help="where to write files/ and its tables")] = None,
    stays: Annotated[int | None, typer.Option(help="ICU stays; 900 if not given", min=1)] = None,
    images: Annotated[
        int | None,
        typer.Option(
            help="radiographs; if not given 3000, or what the patients of --patients-of need",
            min=0,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="another seed, another population", min=0)] = 0,
    truth: Annotated[
        Path | None, typer.Option(help="Parquet file for the planted severities")
    ] = None,
    patients_of: Annotated[
        Path | None,
        typer.Option(help="a MIMIC-IV root whose patients get notes and radiographs"),
    ] = None,
) -> None:
    """Generate synthetic raw dumps in the exact layouts; what is not named is not written."""
    from preprocessing.generate.release import generate

    generate(
        mimic=mimic,
        notes=notes,
        cxr=cxr,
        stays=stays,
        images=images,
        seed=seed,
        truth=truth,
        patients_of=patients_of,
    )


@app.command("amazon-fetch")
def amazon_fetch(
    links: Annotated[list[Path], typer.Option(help="a part of the links; repeat it for more")],
    images: Annotated[Path, typer.Option(help="folder of the pictures; what is there is kept")],
    record: Annotated[Path, typer.Option(help="what became of each address, as JSON lines")],
    ledger: LedgerOption,
    px: Annotated[int, typer.Option(help="larger pictures: shorter side to this", min=8)] = 256,
    connections: Annotated[int, typer.Option(help="pictures in work at once", min=1)] = 24,
    per_host: Annotated[int, typer.Option(help="requests at once to one host", min=1)] = 6,
    requests_per_second: Annotated[
        float, typer.Option(help="to one host; 0 = as the connections allow", min=0)
    ] = 0,
    max_bytes: Annotated[int, typer.Option(help="of one download", min=1)] = 10_000_000,
    timeout: Annotated[float, typer.Option(help="seconds for one request", min=0.01)] = 30,
    tries: Annotated[int, typer.Option(help="of one address, the first included", min=1)] = 4,
    backoff: Annotated[float, typer.Option(help="seconds before try 2; doubles", min=0)] = 1,
    max_wait: Annotated[
        float, typer.Option(help="seconds; a host asking for more is given up", min=0)
    ] = 60,
    user_agent: Annotated[str | None, typer.Option(help="who asks; add your address")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="may be asked although its address is private")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="ask again for what failed for good")
    ] = False,
) -> None:
    """Fetch pictures from the web, politely; run it again to resume."""
    from preprocessing.amazon import fetch

    request = fetch.FetchRequest(
        links=links,
        images=images,
        record=record,
        px=px,
        limits=fetch.Limits(
            connections=connections,
            connections_per_host=per_host,
            requests_per_second=requests_per_second,
            max_bytes=max_bytes,
            timeout=timeout,
            tries=tries,
            backoff=backoff,
            max_wait=max_wait,
        ),
        user_agent=user_agent or fetch.USER_AGENT,
        allowed_hosts=frozenset(allow_host or ()),
        retry_failed=retry_failed,
    )
    fetch.fetch(request).write(ledger)


# Options that the steps of a review category share; the n-th parts of its tables belong together.
ReviewPartsOption = Annotated[
    list[Path], typer.Option("--reviews", help="a part of amazon-reviews; repeat it for more")
]
LinksOption = Annotated[Path, typer.Option("--links", help="wanted pictures, of amazon-reviews")]


@app.command("amazon-reviews")
def amazon_reviews(
    reviews: Annotated[Path, typer.Option(help="<Category>.json.gz")],
    output: OutputsOption,
    products: Annotated[Path, typer.Option(help="clean metadata, to be written")],
    links: Annotated[Path, typer.Option(help="wanted pictures, to be written")],
    facts: FactsOption,
    ledger: LedgerOption,
    metadata: Annotated[
        Path | None, typer.Option(help="meta_<Category>.json.gz; without it, no product pictures")
    ] = None,
    image_source: Annotated[
        Literal["user", "product", "user_or_product"], typer.Option(help="whose pictures count")
    ] = "user",
    max_malformed: Annotated[
        float, typer.Option(help="share of lines that may be malformed and skipped")
    ] = 0.001,
    split_seed: SplitSeedOption = 0,
    valid_share: Annotated[float, typer.Option("--valid-share", help="of products")] = 0.1,
    test_share: Annotated[float, typer.Option("--test-share", help="of products")] = 0.2,
    memory_limit: MemoryOption = "2GB",
    threads: ThreadsOption = 2,
    temp_dir: TempOption = None,
) -> None:
    """Read, clean, deduplicate, join and split a category's reviews."""
    from preprocessing.amazon import reviews as step
    from preprocessing.amazon.image_paths import ImageSource
    from preprocessing.raw import connect
    from preprocessing.splits import Splitter

    step.run(
        reviews,
        metadata,
        Splitter({}, split_seed, valid_share, test_share),
        image_source=ImageSource(image_source),
        max_malformed=max_malformed,
        outputs=output,
        products=products,
        links=links,
        facts=facts,
        ledger_path=ledger,
        con=connect(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir),
        temp_dir=temp_dir,
    )


@app.command("amazon-text")
def amazon_text(
    reviews: ReviewPartsOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    text_limit: Annotated[
        Literal["chars", "tokens"],
        typer.Option(help="chars: the first 512; tokens: all, the tokenizer cuts"),
    ] = "chars",
    without_summary: Annotated[
        bool, typer.Option("--without-summary", help="it often is the label: 'Five Stars'")
    ] = False,
) -> None:
    """Join summary and review."""
    from preprocessing.amazon import text

    text.run(
        reviews,
        text.TextLimit(text_limit),
        with_summary=not without_summary,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
    )


@app.command("amazon-tabular")
def amazon_tabular(
    reviews: ReviewPartsOption,
    output: OutputsOption,
    identifiers: Annotated[Path, typer.Option(help="product and reviewer codes, to be written")],
    facts: FactsOption,
    ledger: LedgerOption,
    fitted_facts: Annotated[
        Path | None, typer.Option(help="facts of another category, to encode as it was encoded")
    ] = None,
    fitted_identifiers: Annotated[
        Path | None, typer.Option(help="identifiers of that category")
    ] = None,
) -> None:
    """Encode the six features; the encoders are fitted on training unless they are given."""
    from preprocessing.amazon import tabular
    from preprocessing.errors import ConfigError

    if (fitted_facts is None) != (fitted_identifiers is None):
        raise ConfigError("Give both --fitted-facts and --fitted-identifiers, or neither.")
    encoders = (
        tabular.read_encoders(fitted_facts, fitted_identifiers)
        if fitted_facts and fitted_identifiers
        else tabular.fit(reviews)
    )
    tabular.run(
        reviews,
        encoders,
        outputs=output,
        identifiers=identifiers,
        facts=facts,
        ledger_path=ledger,
    )


@app.command("amazon-images")
def amazon_images(
    links: LinksOption,
    images: Annotated[Path, typer.Option(help="folder of the pictures; need not be there")],
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    px: Annotated[int, typer.Option(help="side of the stored square, in pixels", min=1)],
    threads: ThreadsOption = 2,
) -> None:
    """Decode every wanted picture that is on disk and store it small."""
    from preprocessing.amazon import images as step

    step.run(links, images, px=px, outputs=output, facts=facts, ledger_path=ledger, threads=threads)


@app.command("amazon-samples")
def amazon_samples(
    reviews: ReviewPartsOption,
    text: Annotated[list[Path], typer.Option(help="a part of amazon-text; repeat it for more")],
    tabular: Annotated[
        list[Path], typer.Option(help="a part of amazon-tabular; repeat it for more")
    ],
    images: Annotated[list[Path], typer.Option(help="a part of amazon-images; repeat it for more")],
    links: LinksOption,
    output: OutputsOption,
    facts: FactsOption,
    ledger: LedgerOption,
    stage: Annotated[Literal["pretrain", "finetune"], typer.Option(help="all reviews, or a draw")],
    require: Annotated[
        list[str] | None,
        typer.Option(help="modality that drawn samples must have; all three if not given"),
    ] = None,
    train_samples: Annotated[int, typer.Option(help="to draw for fine-tuning")] = 512,
    valid_samples: Annotated[int, typer.Option(help="to draw for fine-tuning")] = 128,
    test_samples: Annotated[int, typer.Option(help="to draw for fine-tuning")] = 256,
) -> None:
    """Pair pictures, words and columns, or say why one is absent."""
    from preprocessing.amazon import samples

    sizes: dict[samples.Split, int] = {
        "train": train_samples,
        "valid": valid_samples,
        "test": test_samples,
    }
    samples.run(
        samples.Parts(reviews, text, tabular),
        links,
        images,
        samples.Draw(sizes, require or samples.MODALITIES) if stage == "finetune" else None,
        outputs=output,
        facts=facts,
        ledger_path=ledger,
    )


@app.command("amazon-manifest")
def amazon_manifest(
    shards: Annotated[Path, typer.Option(help="holds a folder per category")],
    facts: Annotated[Path, typer.Option(help="holds what each step wrote, by category")],
    category: Annotated[list[str], typer.Option(help="such as All_Beauty; repeat it for more")],
    scale: Annotated[str, typer.Option(help="stamped on every result: smoke or paper")],
    output: Annotated[Path, typer.Option(help="manifest.json")],
) -> None:
    """Say what the shards of all categories hold and where it comes from."""
    from preprocessing.amazon import manifest

    manifest.run(shards, facts, category, scale=scale, output=output)


@app.command("generate-amazon")
def generate_amazon(
    output: Annotated[Path, typer.Option(help="where to write reviews, metadata and images/")],
    seed: Annotated[int, typer.Option(help="another seed, other reviews", min=0)] = 0,
    office: Annotated[int, typer.Option(help="reviews of Office_Products", min=1)] = 3000,
    beauty: Annotated[int, typer.Option(help="reviews of All_Beauty", min=1)] = 2000,
    fashion: Annotated[int, typer.Option(help="reviews of AMAZON_FASHION", min=1)] = 2000,
    image_share: Annotated[
        float, typer.Option(help="of reviews with a picture; about 0.02 in reality", min=0, max=1)
    ] = 0.6,
    image_px: Annotated[int, typer.Option(help="shorter side of a picture", min=16)] = 96,
) -> None:
    """Generate synthetic reviews, metadata and pictures in the exact layouts."""
    from preprocessing.generate import amazon

    sizes = {"Office_Products": office, "All_Beauty": beauty, "AMAZON_FASHION": fashion}
    amazon.generate(output, sizes, seed=seed, image_share=image_share, px=image_px)


def main() -> int:
    """Run one subcommand; a `PipelineError` becomes one message and exit code 1."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    try:
        app()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
