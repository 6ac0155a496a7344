"""A figure of every experiment's training runs, and the report: one page with everything."""

import json

HISTORY = "runs/{experiment}/seed{seed}/history.jsonl"


def histories(_):
    """The course of every run that is shown; what they start from is drawn with them."""
    shown = (
        results(HISTORY.format(experiment=name, seed=seed))
        for table in made_tables()
        for name in rows_of(table)
        for seed in seeds_of_table(table)
    )
    return list(dict.fromkeys([*shown, *files_per_seed(HISTORY, measured())]))


rule figures:
    input:
        histories=histories,
    output:
        figures=report(
            directory(results("figures/runs")),
            caption="../report/runs.rst",
            category="Runs",
            patterns=["{run}.svg"],
            labels={"run": "{run}"},
        ),
    log:
        results("logs/figures.log"),
    localrule: True
    params:
        results=results(""),
        source=source_digest("lanistr.report.curves"),
    message:
        "Drawing the training runs"
    shell:
        "python -m lanistr figures --results {params.results:q} --output {output.figures:q}"
        " > {log:q} 2>&1"


rule write_report:
    input:
        made_by("shards", "tables", "metrics", "analysis"),
        figures=results("figures/runs"),
        audits=[results(f"audit/{name}.json") for name in ("missingness", "leakage")],
        gates=lambda wildcards: [
            results(f"audit/leakage/selection/{table}.json") for table in made_tables()
        ],
    output:
        report=report(
            results("report.html"),
            caption="../report/page.rst",
            category="Report",
        ),
    log:
        results("logs/report.log"),
    localrule: True
    params:
        results=results(""),
        # Without the machine: it changes no result, and the runs say what they ran on.
        # A function: Snakemake would look for wildcards in a text.
        config=lambda wildcards: json.dumps(
            {key: config[key] for key in sorted({*config} - {"engine"})}
        ),
        source=source_digest("lanistr.report.report"),
    message:
        "Writing the report"
    shell:
        "python -m lanistr report --results {params.results:q} --config {params.config:q}"
        " --output {output.report:q} > {log:q} 2>&1"
