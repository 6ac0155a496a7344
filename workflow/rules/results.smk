"""Metrics and the paper's tables."""


def rows_of(table):
    """Experiments that are a row of a table, in the registry's order."""
    return [name for name, entry in REGISTRY.items() if table in entry.get("rows", {})]


def dataset_of(table):
    """The dataset that the rows of a table are on."""
    names = {dataset(name).split("/")[0] for name in rows_of(table)}
    return names.pop() if names else "mimic"


def seeds_of(data):
    """The seeds of a dataset: its own, or those of all."""
    return config[data.split("/")[0]].get("seeds", config["seeds"])


def of_rows(pattern):
    """Input function: one file per row and seed of a table."""

    def paths(wildcards):
        return expand(
            results(pattern),
            experiment=rows_of(wildcards.table),
            seed=seeds_of(dataset_of(wildcards.table)),
        )

    return paths


def manifest_of_table(wildcards):
    return results(f"shards/{dataset_of(wildcards.table)}/manifest.json")


def seed_options(wildcards):
    return each("--seed", seeds_of(dataset_of(wildcards.table)))


rule evaluate:
    input:
        predictions=rules.predict.output.predictions,
        cache=cache,
    output:
        metrics=results("metrics/{experiment}/seed{seed}.json"),
    log:
        results("logs/evaluate/{experiment}_seed{seed}.log"),
    params:
        cache=subpath(input.cache, parent=True),
        resamples=config["bootstrap"],
        source=source_digest("lanistr.evaluation"),
    message:
        "Evaluating {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "python -m lanistr evaluate --predictions {input.predictions} --cache {params.cache}"
        " --resamples {params.resamples} --output {output.metrics} > {log} 2>&1"


rule table:
    input:
        predictions=of_rows("predictions/{experiment}/seed{seed}.parquet"),
        metrics=of_rows("metrics/{experiment}/seed{seed}.json"),
        runs=of_rows("runs/{experiment}/seed{seed}/experiment.json"),
        manifest=manifest_of_table,
        paper="config/paper_results.tsv",
    output:
        csv=results("tables/{table}.csv"),
        md=results("tables/{table}.md"),
        tex=results("tables/{table}.tex"),
    log:
        results("logs/{table}.log"),
    params:
        results=results(""),
        registry=config["registry"],
        seeds=seed_options,
        resamples=config["bootstrap"],
        source=source_digest("lanistr.tables", "lanistr.render"),
    message:
        "Assembling {wildcards.table}"
    shell:
        "python -m lanistr table --table {wildcards.table} --results {params.results}"
        " --registry {params.registry} {params.seeds} --manifest {input.manifest}"
        " --paper {input.paper} --resamples {params.resamples}"
        " --csv {output.csv} --md {output.md} --tex {output.tex} > {log} 2>&1"


rule table1:
    input:
        expand(results("tables/table1.{ending}"), ending=["csv", "md", "tex"]),


rule table2:
    input:
        expand(results("tables/table2.{ending}"), ending=["csv", "md", "tex"]),


rule tables:
    input:
        rules.table1.input if "mimic" in config["recipes"] else [],
        rules.table2.input
        if "amazon" in config["recipes"] and PRETRAINED_CATEGORY
        else [],


# Every fine-tuning whose data the configuration has, whether or not it is a row.
DATASETS = [
    *(["mimic"] if "mimic" in config["recipes"] else []),
    *([f"amazon/{c}" for c in CATEGORIES] if "amazon" in config["recipes"] else []),
]


rule metrics:
    input:
        [
            results(f"metrics/{name}/seed{seed}.json")
            for name, entry in REGISTRY.items()
            if entry["stage"] == "finetune" and entry["dataset"] in DATASETS
            for seed in seeds_of(entry["dataset"])
        ],
