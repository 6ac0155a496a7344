"""Where the raw reviews lie: the user's files, or those that are generated here."""

# The categories that generate-amazon makes.
CATEGORIES_MADE = ("Office_Products", "All_Beauty", "AMAZON_FASHION")


def amazon_root():
    return AMAZON["root"] or results("raw/amazon")


def missing_amazon(*_):
    """Every raw file of a category that is named and not there."""
    if not AMAZON["root"]:
        if "amazon" not in config.get("generate", {}):
            return ["amazon.root is null and there is no `generate.amazon`"]
        return [
            f"{category}.json.gz: amazon.root is null, and the generator makes {', '.join(CATEGORIES_MADE)}"
            for category in CATEGORIES
            if category not in CATEGORIES_MADE
        ]
    paths = [
        f"{amazon_root()}/{prefix}{category}.json.gz"
        for category in CATEGORIES
        for prefix in (["", "meta_"] if AMAZON["metadata"] else [""])
    ]
    return [path for path in paths if not os.path.exists(path)]


def amazon_raw(pattern):
    """Input function: a raw file of a category; checks all sources when first needed."""

    def path(wildcards):
        refuse_missing("amazon")
        raw = f"{amazon_root()}/{pattern.format(category=wildcards.category)}"
        return given(raw) if AMAZON["root"] else raw

    return path


if not AMAZON["root"] and "amazon" in config.get("generate", {}):

    rule generate_amazon:
        output:
            reviews=[results(f"raw/amazon/{c}.json.gz") for c in CATEGORIES],
            metadata=[results(f"raw/amazon/meta_{c}.json.gz") for c in CATEGORIES],
            images=directory(results("raw/amazon/images")),
        log:
            results("logs/generate_amazon.log"),
        params:
            size=options(**config["generate"]["amazon"]),
            seed=config["generate"]["seed"],
            folder=results("raw/amazon"),
            source=source_digest("synthetic.amazon"),
        message:
            "Generating raw reviews"
        shell:
            "python -m preprocessing generate-amazon --output {params.folder:q} {params.size:q}"
            " --seed {params.seed:q} > {log:q} 2>&1"
