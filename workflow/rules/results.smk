"""Metrics and the paper's tables."""


def rows_of(table):
    """Experiments that are a row of a table, in the registry's order."""
    return [name for name, entry in REGISTRY.items() if entry.get("table") == table]


def of_rows(pattern):
    """Input function: one file per row and seed of a table."""

    def paths(wildcards):
        return expand(
            results(pattern),
            experiment=rows_of(wildcards.table),
            seed=config["seeds"],
        )

    return paths


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
        manifest=results("shards/mimic/manifest.json"),
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
        seeds=each("--seed", config["seeds"]),
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


rule tables:
    input:
        rules.table1.input,
