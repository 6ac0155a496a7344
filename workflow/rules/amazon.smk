"""Raw Amazon reviews to shards, one set of rules for every review category."""

import re

AMAZON = config["amazon"]
# The encoders of the pretraining category also serve the others, so that a
# pretrained tabular encoder fits their codes.
PRETRAINED_CATEGORY = AMAZON["categories"]["pretrain"]
CATEGORIES = [*filter(None, [PRETRAINED_CATEGORY]), *AMAZON["categories"]["finetune"]]


wildcard_constraints:
    category="|".join(map(re.escape, CATEGORIES)),


include: "amazon_raw.smk"


def amazon_parts(folder):
    """The Parquet files of one table of a category."""
    return parts(folder, AMAZON["parts"])


def shards_of_reviews(data):
    """The Parquet files of a category, or of all of them."""
    categories = CATEGORIES if data == "amazon" else [data.partition("/")[2]]
    tables = ("images", "text", "tabular", "samples")
    return [
        file
        for category in categories
        for file in (
            *(
                part
                for table in tables
                for part in amazon_parts(f"shards/amazon/{category}/{table}")
            ),
            results(f"shards/amazon/{category}/identifiers.parquet"),
        )
    ]


def reviews_read(wildcards):
    """What the missingness audit reads beside the shards."""
    tables = (f"interim/amazon/{category}" for category in CATEGORIES)
    return [
        file
        for folder in tables
        for file in (
            *amazon_parts(f"{folder}/reviews"),
            results(f"{folder}/links.parquet"),
        )
    ]


def pretrained_vocabulary(data):
    """The pretraining category, whose tokenizer the others use."""
    other = f"amazon/{PRETRAINED_CATEGORY}"
    return other if PRETRAINED_CATEGORY and data != other else None


register(
    "amazon",
    data=[f"amazon/{category}" for category in CATEGORIES],
    complete=False,
    missing=missing_amazon,
    keys="amazon.root",
    page="docs/amazon.md",
    tables=shards_of_reviews,
    modalities=["text", "image", "tabular"],
    tasks=["stars"],
    vocabulary=pretrained_vocabulary,
    gate=lambda data: "amazon",
    audit=reviews_read,
    audit_options=each("--amazon-interim", [results("interim/amazon")]),
)


def fitted_encoders(wildcards):
    """The encoders of the pretraining category, for every other one."""
    if not PRETRAINED_CATEGORY or wildcards.category == PRETRAINED_CATEGORY:
        return []
    return [
        results(f"interim/amazon/{PRETRAINED_CATEGORY}/tabular.json"),
        results(f"shards/amazon/{PRETRAINED_CATEGORY}/identifiers.parquet"),
    ]


def fitted_options(wildcards, input):
    if not input.fitted:
        return []
    return options(fitted_facts=input.fitted[0], fitted_identifiers=input.fitted[1])


def draw_options(wildcards):
    """All reviews of the pretraining category, a draw of the others."""
    if wildcards.category == PRETRAINED_CATEGORY:
        return options(stage="pretrain")
    draw = AMAZON["finetune"]
    sizes = {f"{split}_samples": draw[split] for split in ("train", "valid", "test")}
    return [
        *options(stage="finetune"),
        *each("--require", draw["require"]),
        *options(**sizes),
    ]


def split_of_products(wildcards):
    """One list of options: Snakemake would not see two numbers change places."""
    split = AMAZON["split"]
    # The whole pretraining category is learnt from, as in the paper.
    test = 0 if wildcards.category == PRETRAINED_CATEGORY else split["test"]
    return options(
        split_seed=split["seed"], valid_share=split["valid"], test_share=test
    )


DUMP = amazon_raw("{category}.json.gz")
METADATA = amazon_raw("meta_{category}.json.gz") if AMAZON["metadata"] else []


rule amazon_reviews:
    input:
        reviews=DUMP,
        metadata=METADATA,
    output:
        parts=amazon_parts("interim/amazon/{category}/reviews"),
        products=results("interim/amazon/{category}/products.parquet"),
        links=results("interim/amazon/{category}/links.parquet"),
        facts=results("interim/amazon/{category}/reviews.json"),
        ledger=results("ledger/amazon_reviews_{category}.json"),
    log:
        results("logs/amazon_reviews_{category}.log"),
    benchmark:
        results("benchmarks/amazon_reviews_{category}.tsv")
    threads: ENGINE["threads"]
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        image_source=AMAZON["image_source"],
        max_malformed=AMAZON["max_malformed"],
        split=split_of_products,
        metadata=lambda wildcards, input: (
            each("--metadata", [input.metadata] if input.metadata else [])
        ),
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=AMAZON["parts"],
        raw_contents=contents(DUMP, METADATA),
        source=source_digest("preprocessing.datasets.amazon.reviews"),
    message:
        "Reading the reviews of {wildcards.category}"
    shell:
        "python -m preprocessing amazon-reviews --reviews {input.reviews:q} {params.metadata:q}"
        " --image-source {params.image_source:q} --max-malformed {params.max_malformed:q}"
        " {params.split:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q} --threads {threads:q}"
        " {params.outputs:q} --products {output.products:q} --links {output.links:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule amazon_text:
    input:
        reviews=rules.amazon_reviews.output.parts,
    output:
        parts=amazon_parts("shards/amazon/{category}/text"),
        facts=results("interim/amazon/{category}/text.json"),
        ledger=results("ledger/amazon_text_{category}.json"),
    log:
        results("logs/amazon_text_{category}.log"),
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
    params:
        limit=AMAZON["text_limit"],
        summary=[] if AMAZON["summary"] else ["--without-summary"],
        reviews=lambda wildcards, input: each("--reviews", input.reviews),
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=AMAZON["parts"],
        source=source_digest("preprocessing.datasets.amazon.text"),
    message:
        "Joining summaries and reviews of {wildcards.category}"
    shell:
        "python -m preprocessing amazon-text {params.reviews:q} {params.outputs:q}"
        " --text-limit {params.limit:q} {params.summary:q}"
        " --memory-limit {resources.limit_mb:q}MB"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule amazon_tabular:
    input:
        reviews=rules.amazon_reviews.output.parts,
        fitted=fitted_encoders,
    output:
        parts=amazon_parts("shards/amazon/{category}/tabular"),
        identifiers=results("shards/amazon/{category}/identifiers.parquet"),
        facts=results("interim/amazon/{category}/tabular.json"),
        ledger=results("ledger/amazon_tabular_{category}.json"),
    log:
        results("logs/amazon_tabular_{category}.log"),
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
    params:
        fitted=fitted_options,
        reviews=lambda wildcards, input: each("--reviews", input.reviews),
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=AMAZON["parts"],
        source=source_digest("preprocessing.datasets.amazon.tabular"),
    message:
        "Encoding the columns of {wildcards.category}"
    shell:
        "python -m preprocessing amazon-tabular {params.reviews:q} {params.fitted:q} {params.outputs:q}"
        " --memory-limit {resources.limit_mb:q}MB"
        " --identifiers {output.identifiers:q} --facts {output.facts:q} --ledger {output.ledger:q}"
        " > {log:q} 2>&1"


include: "amazon_pictures.smk"


rule amazon_samples:
    input:
        reviews=rules.amazon_reviews.output.parts,
        text=rules.amazon_text.output.parts,
        tabular=rules.amazon_tabular.output.parts,
        images=rules.amazon_images.output.parts,
        links=rules.amazon_reviews.output.links,
    output:
        parts=amazon_parts("shards/amazon/{category}/samples"),
        facts=results("interim/amazon/{category}/samples.json"),
        ledger=results("ledger/amazon_samples_{category}.json"),
    log:
        results("logs/amazon_samples_{category}.log"),
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
    params:
        draw=draw_options,
        inputs=lambda wildcards, input: [
            word
            for table in ("reviews", "text", "tabular", "images")
            for word in each(f"--{table}", input[table])
        ],
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=AMAZON["parts"],
        source=source_digest("preprocessing.datasets.amazon.samples"),
    message:
        "Pairing the modalities of {wildcards.category}"
    shell:
        "python -m preprocessing amazon-samples {params.inputs:q} --links {input.links:q}"
        " --memory-limit {resources.limit_mb:q}MB"
        " {params.draw:q} {params.outputs:q} --facts {output.facts:q} --ledger {output.ledger:q}"
        " > {log:q} 2>&1"


rule amazon_manifest:
    input:
        tables=shards_of_reviews("amazon"),
        facts=expand(
            results("interim/amazon/{category}/{step}.json"),
            category=CATEGORIES,
            step=["reviews", "images", "text", "tabular", "samples"],
        ),
    output:
        manifest=results("shards/amazon/manifest.json"),
        variants=[manifest_of(f"amazon/{category}") for category in CATEGORIES],
    log:
        results("logs/amazon_manifest.log"),
    localrule: True
    params:
        shards=subpath(output.manifest, parent=True),
        facts=lambda wildcards, input: Path(input.facts[0]).parents[1],
        categories=each("--category", CATEGORIES),
        scale=config["scale"],
        source=source_digest("preprocessing.datasets.amazon.manifest"),
    message:
        "Writing the manifest of the reviews"
    shell:
        "python -m preprocessing amazon-manifest --shards {params.shards:q} --facts {params.facts:q}"
        " {params.categories:q} --scale {params.scale:q} --output {output.manifest:q} > {log:q} 2>&1"
