"""A figure of every training run, and the report: one page with everything."""

import json


def runs_behind(tables):
    """Experiment and seed of every run that tables are made of."""
    runs = {
        (name, seed): None
        for table in tables
        for name in needed_for(INSTALLED, table)
        for seed in seeds_of_table(table)
    }
    return list(runs)


# The names of the tables that the configuration has data for.
MADE = sorted({Path(path).stem for path in rules.tables.input})
DRAWN = runs_behind(MADE)


rule figures:
    input:
        histories=[results(f"runs/{n}/seed{seed}/history.jsonl") for n, seed in DRAWN],
    output:
        figures=[results(f"figures/runs/{n}_seed{seed}.svg") for n, seed in DRAWN],
    log:
        results("logs/figures.log"),
    params:
        results=results(""),
        folder=results("figures/runs"),
        source=source_digest("lanistr.report.curves"),
    message:
        "Drawing the training runs"
    shell:
        "python -m lanistr figures --results {params.results} --output {params.folder}"
        " > {log} 2>&1"


rule write_report:
    input:
        rules.tables.input,
        rules.metrics.input,
        rules.analysis.input,
        rules.figures.input,
        [results(f"shards/{name}/manifest.json") for name in config["recipes"]],
        [results(f"audit/{name}.json") for name in ("missingness", "leakage")],
        [results(f"audit/leakage/selection/{table}.json") for table in MADE],
    output:
        report=results("report.html"),
    log:
        results("logs/report.log"),
    params:
        results=results(""),
        # Without the machine: it changes no result, and the runs say what they ran on.
        config=json.dumps({key: config[key] for key in sorted({*config} - {"engine"})}),
        source=source_digest("lanistr.report.report"),
    message:
        "Writing the report"
    shell:
        "python -m lanistr report --results {params.results} --config {params.config:q}"
        " --output {output.report} > {log} 2>&1"


rule report:
    input:
        rules.write_report.output.report,
        rules.figures.output.figures,
