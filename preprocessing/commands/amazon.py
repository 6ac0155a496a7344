"""The steps from raw reviews to shards."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from preprocessing.commands.options import (
    FactsOption,
    LedgerOption,
    MemoryOption,
    OutputsOption,
    SplitSeedOption,
    TempOption,
    ThreadsOption,
)

app = typer.Typer()


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
    from preprocessing.datasets.amazon import fetch

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
    from preprocessing.datasets.amazon import reviews as step
    from preprocessing.datasets.amazon.image_paths import ImageSource
    from preprocessing.engine.duckdb import connect
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
    from preprocessing.datasets.amazon import text

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
    from preprocessing.datasets.amazon import tabular
    from preprocessing.errors import ConfigError

    if (fitted_facts is None) != (fitted_identifiers is None):
        raise ConfigError("Give both --fitted-facts and --fitted-identifiers, or neither.")
    encoders = (
        tabular.read_encoders(fitted_facts, fitted_identifiers)
        if fitted_facts and fitted_identifiers
        else tabular.fit_reviews(reviews)
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
    from preprocessing.datasets.amazon import images as step

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
    from preprocessing.datasets.amazon import samples

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
    category: Annotated[
        list[str],
        typer.Option("--variant", "--category", help="such as All_Beauty; repeat it for more"),
    ],
    scale: Annotated[str, typer.Option(help="stamped on every result: smoke or paper")],
    output: Annotated[Path, typer.Option(help="manifest.json; a category's: CATEGORY/it")],
) -> None:
    """Say what the shards of all categories hold and where it comes from."""
    from preprocessing.datasets.amazon import manifest

    manifest.run(shards, facts, category, scale=scale, output=output)
