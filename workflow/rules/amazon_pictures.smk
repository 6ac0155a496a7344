"""Pictures of reviews and products: fetched if that is asked for, and resized."""


def fetch_options(wildcards):
    """What is set of the fetch, under the names of amazon-fetch's options."""
    asked = AMAZON["fetch_options"]
    flags = [
        f"--{name.replace('_', '-')}" for name, value in asked.items() if value is True
    ]
    values = {
        name: value for name, value in asked.items() if not isinstance(value, bool)
    }
    return [*flags, *options(**values)]


# Where pictures are fetched, one that is gone is fetched again.
PICTURES = pictures_of(
    "amazon/{category}/pictures",
    step=f"amazon_{'fetch' if AMAZON['fetch'] else 'images'}_{{category}}",
)


if AMAZON["fetch"]:

    rule amazon_fetch:
        input:
            links=rules.amazon_reviews.output.links,
        output:
            ledger=results("ledger/amazon_fetch_{category}.json"),
        log:
            results("logs/amazon_fetch_{category}.log"),
        params:
            # Pictures and their record are not outputs: Snakemake would delete
            # them where a run is interrupted, and all be fetched again.
            images=f"{amazon_root()}/images",
            record=f"{amazon_root()}/fetch_{{category}}.jsonl",
            px=max(256, AMAZON["image_px"]),
            options=fetch_options,
            pictures=PICTURES,
            source=source_digest("preprocessing.datasets.amazon.fetch"),
        message:
            "Fetching pictures of {wildcards.category}"
        shell:
            "python -m preprocessing amazon-fetch --links {input.links:q} --images {params.images:q}"
            " --record {params.record:q} --px {params.px:q} {params.options:q}"
            " --ledger {output.ledger:q} > {log:q} 2>&1"


rule amazon_images:
    input:
        links=rules.amazon_reviews.output.links,
        fetched=rules.amazon_fetch.output.ledger if AMAZON["fetch"] else [],
        generated=[] if AMAZON["root"] else results("raw/amazon/images"),
    output:
        parts=amazon_parts("shards/amazon/{category}/images"),
        facts=results("interim/amazon/{category}/images.json"),
        sightings=results("interim/amazon/{category}/pictures.json"),
        ledger=results("ledger/amazon_images_{category}.json"),
    log:
        results("logs/amazon_images_{category}.log"),
    benchmark:
        results("benchmarks/amazon_images_{category}.tsv")
    threads: ENGINE["threads"]
    params:
        images=f"{amazon_root()}/images",
        px=AMAZON["image_px"],
        pictures="" if AMAZON["fetch"] else PICTURES,
        outputs=lambda wildcards, output: each("--output", output.parts),
        source=source_digest("preprocessing.datasets.amazon.images"),
    message:
        "Resizing pictures of {wildcards.category}"
    shell:
        "python -m preprocessing amazon-images --links {input.links:q} --images {params.images:q}"
        " --px {params.px:q} --threads {threads:q} {params.outputs:q} --sightings {output.sightings:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"
