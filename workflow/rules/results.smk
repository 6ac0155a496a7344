"""Metrics and tables."""

import contextlib
import subprocess

# No input: where this is installed, it has another path in every environment.
PAPER = "config/paper_results.tsv"


def of_rows(pattern):
    """Input function: one file per row and seed of a table."""

    def paths(wildcards):
        refuse_without_rows(wildcards.table)
        return expand(
            results(pattern),
            experiment=rows_of(wildcards.table),
            seed=seeds_of_table(wildcards.table),
        )

    return paths


def truth_of(table):
    """What was planted in generated data, for the ceiling of a table."""
    return (
        registration(TABLES[table]["data"]).truth()
        if TABLES[table].get("ceiling")
        else []
    )


def manifests_of(table):
    """The manifests of the data that the rows of a table are on."""
    return list(dict.fromkeys(manifest_of(dataset(name)) for name in rows_of(table)))


def table_options(table):
    """What `lanistr table` is told beside the table's files."""
    return [
        *options(table=table, results=results("")),
        *each("--manifest", manifests_of(table)),
        *options(resamples=config["bootstrap"]),
        *each("--seed", seeds_of_table(table)),
        *each("--truth", truth_of(table)),
        *options(registry=config["registry"]),
    ]


rule evaluate:
    input:
        predictions=results("predictions/{experiment}/seed{seed}.parquet"),
        cache=lambda wildcards: cache_of(dataset(wildcards.experiment)),
    output:
        metrics=results("metrics/{experiment}/seed{seed}.json"),
    log:
        results("logs/evaluate/{experiment}_seed{seed}.log"),
    priority: urgency(2)
    localrule: True
    params:
        resamples=config["bootstrap"],
        source=source_digest("lanistr.evaluation.predictions"),
    message:
        "Evaluating {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "python -m lanistr evaluate --predictions {input.predictions:q} --cache {input.cache:q}"
        " --resamples {params.resamples:q} --output {output.metrics:q} > {log:q} 2>&1"


rule leakage_selection:
    input:
        runs=of_rows("runs/{experiment}/seed{seed}/experiment.json"),
    output:
        gate=results("audit/leakage/selection/{table}.json"),
    log:
        results("logs/leakage_selection/{table}.log"),
    priority: 4
    localrule: True
    params:
        runs=lambda wildcards, input: each("--run", input.runs),
        acknowledged=each("--acknowledge", config["leakage"]["acknowledge"]),
        source=source_digest("preprocessing.audit.leakage.report"),
    message:
        "Checking what the runs of {wildcards.table} were selected on"
    shell:
        "python -m preprocessing audit-selection {params.runs:q} {params.acknowledged:q}"
        " --output {output.gate:q} > {log:q} 2>&1"


rule table:
    input:
        predictions=of_rows("predictions/{experiment}/seed{seed}.parquet"),
        metrics=of_rows("metrics/{experiment}/seed{seed}.json"),
        runs=of_rows("runs/{experiment}/seed{seed}/experiment.json"),
        gate=results("audit/leakage/selection/{table}.json"),
        manifests=lambda wildcards: manifests_of(wildcards.table),
        truth=lambda wildcards: truth_of(wildcards.table),
    output:
        csv=report(
            results("tables/{table}.csv"),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        md=results("tables/{table}.md"),
        tex=results("tables/{table}.tex"),
    log:
        results("logs/{table}.log"),
    priority: 4
    localrule: True
    params:
        rows=lambda wildcards: {
            name: REGISTRY[name]["rows"][wildcards.table]
            for name in rows_of(wildcards.table)
        },
        entry=lambda wildcards: TABLES[wildcards.table],
        paper=PAPER,
        paper_contents=contents([PAPER]),
        options=lambda wildcards: table_options(wildcards.table),
        source=source_digest("lanistr.evaluation.tables", "lanistr.evaluation.render"),
    message:
        "Assembling {wildcards.table} of all its runs"
    shell:
        "python -m lanistr table {params.options:q} --paper {params.paper:q} --csv {output.csv:q}"
        " --md {output.md:q} --tex {output.tex:q} > {log:q} 2>&1"


def unfinished(rule):
    """The jobs of a rule that were to be done, and were not as one that they need failed."""
    dag = workflow.dag
    wanted = [job for job in dag.jobs if job.rule.name == rule and dag.needrun(job)]
    return [job for job in wanted if not dag.finished(job)]


def write_for_now(job, command):
    """Write the outputs of a job from what there is; the next run makes them anew.

    The command is the words of one of `lanistr`.

    To Snakemake they are older than all that they are made of, which it compares only
    where it has no record of an earlier round.
    """
    with contextlib.suppress(subprocess.CalledProcessError):  # the log says why
        shell("python -m lanistr {command:q} > {job.log:q} 2>&1")
    for file in filter(os.path.isfile, job.output):
        os.utime(file, (1, 1))  # Snakemake takes 0 for no time
        workflow.persistence.cleanup_metadata(file)


onerror:
    # With --keep-going the other rows are there: table and report say which one failed.
    pending = each(
        "--pending", [job.output.metrics for job in unfinished("evaluate")]
    )
    for job in unfinished("table"):
        forms = {form: job.output[form] for form in FORMS}
        write_for_now(
            job,
            [
                "table",
                *table_options(job.wildcards.table),
                *options(paper=PAPER, **forms),
                *pending,
            ],
        )
    for job in unfinished("write_report"):
        write_for_now(
            job,
            [
                "report",
                *options(
                    results=results(""),
                    config=job.params.config,
                    output=job.output.report,
                ),
            ],
        )
    if PROGRESS:
        tell_failures()
