"""Metrics and the paper's tables."""

from shlex import quote

from lanistr.evaluation.status import missing_extra

# A method whose library is an extra is trained where that is installed; elsewhere the
# tables say what to install.
INSTALLED = {
    name: entry for name, entry in REGISTRY.items() if not missing_extra(entry)
}


def rows_of(table):
    """Experiments that are a row of a table, in the registry's order."""
    return [name for name, entry in INSTALLED.items() if table in entry.get("rows", {})]


def dataset_of(table):
    """The dataset that the rows of a table are on."""
    names = {dataset(name).split("/")[0] for name in rows_of(table)}
    return names.pop() if names else "mimic"


def seeds_of(data):
    """The seeds of a dataset: its own, or those of all."""
    return config[data.split("/")[0]].get("seeds", config["seeds"])


def seeds_of_table(table):
    """The seeds of a table: its own, or those of its dataset."""
    return config["table_seeds"].get(table) or seeds_of(dataset_of(table))


def of_rows(pattern):
    """Input function: one file per row and seed of a table."""

    def paths(wildcards):
        return expand(
            results(pattern),
            experiment=rows_of(wildcards.table),
            seed=seeds_of_table(wildcards.table),
        )

    return paths


def manifest_of(table):
    folder = "mimic_text" if table == "textsources" else dataset_of(table)
    return results(f"shards/{folder}/manifest.json")


def truth_of(table):
    """Where all modalities are generated, what was planted: for the ceiling of a table."""
    generated = all(map(is_generated, ("root", "notes", "cxr")))
    return [results("raw/truth.parquet")] if table == "modalities" and generated else []


def table_options(table):
    """What `lanistr table` is told beside the table's files."""
    return " ".join(
        [
            f"--table {table} --results {results('')} --manifest {manifest_of(table)}",
            f"--resamples {config['bootstrap']}",
            each("--seed", seeds_of_table(table)),
            each("--truth", truth_of(table)),
        ]
    )


def table_cost(wildcards):
    """What everything behind a table costs, whether or not it is done already."""
    names = needed_for(INSTALLED, wildcards.table)
    return told_cost(names, seeds=len(seeds_of_table(wildcards.table)))


rule evaluate:
    input:
        predictions=rules.finetune.output.predictions,
        cache=cache,
    output:
        metrics=results("metrics/{experiment}/seed{seed}.json"),
    log:
        results("logs/evaluate/{experiment}_seed{seed}.log"),
    params:
        cache=subpath(input.cache, parent=True),
        resamples=config["bootstrap"],
        source=source_digest("lanistr.evaluation.predictions"),
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
        gate=results("audit/leakage/selection/{table}.json"),
        manifest=lambda wildcards: manifest_of(wildcards.table),
        truth=lambda wildcards: truth_of(wildcards.table),
        paper="config/paper_results.tsv",
    output:
        csv=results("tables/{table}.csv"),
        md=results("tables/{table}.md"),
        tex=results("tables/{table}.tex"),
    log:
        results("logs/{table}.log"),
    resources:
        cost=table_cost,
    params:
        rows=lambda wildcards: {
            name: REGISTRY[name]["rows"][wildcards.table]
            for name in rows_of(wildcards.table)
        },
        options=lambda wildcards: table_options(wildcards.table),
        source=source_digest("lanistr.evaluation.tables", "lanistr.evaluation.render"),
    message:
        "Assembling {wildcards.table} of all its runs{resources.cost}"
    shell:
        "python -m lanistr table {params.options} --registry {config[registry]}"
        " --paper {input.paper} --csv {output.csv} --md {output.md} --tex {output.tex}"
        " > {log} 2>&1"


FORMS = ["csv", "md", "tex"]


rule table1:
    input:
        expand(results("tables/table1.{form}"), form=FORMS),


rule table2:
    input:
        expand(results("tables/table2.{form}"), form=FORMS),


rule table3:
    input:
        expand(results("tables/table3.{form}"), form=FORMS),


rule table4:
    input:
        expand(results("tables/table4.{form}"), form=FORMS),


rule modalities:
    input:
        expand(results("tables/modalities.{form}"), form=FORMS),


OF_MIMIC = [rules.table1.input, rules.table3.input, rules.table4.input]


rule tables:
    input:
        OF_MIMIC if "mimic" in config["recipes"] else [],
        rules.table2.input
        if "amazon" in config["recipes"] and PRETRAINED_CATEGORY
        else [],


# Every fine-tuning whose data the configuration has, whether or not it is a row;
# but not those that only the extra table has.
DATASETS = [
    *(["mimic"] if "mimic" in config["recipes"] else []),
    *([f"amazon/{c}" for c in CATEGORIES] if "amazon" in config["recipes"] else []),
]


rule metrics:
    input:
        [
            results(f"metrics/{name}/seed{seed}.json")
            for name, entry in INSTALLED.items()
            if entry["stage"] == "finetune" and entry["dataset"] in DATASETS
            if set(entry.get("rows", {})) != {"modalities"}
            for seed in seeds_of(entry["dataset"])
        ],


def unfinished(rule):
    """The jobs of a rule that were to be done, and were not as one that they need failed."""
    dag = workflow.dag
    wanted = [job for job in dag.jobs if job.rule.name == rule and dag.needrun(job)]
    return [job for job in wanted if not dag.finished(job)]


def write_for_now(job, command):
    """Write the outputs of a job from what there is; the next run makes them anew.

    To Snakemake they are older than all that they are made of, which it compares only
    where it has no record of an earlier round.
    """
    shell("python -m lanistr {command} > {job.log} 2>&1 || true")
    for file in filter(os.path.isfile, job.output):
        os.utime(file, (1, 1))  # Snakemake takes 0 for no time
        workflow.persistence.cleanup_metadata(file)


onerror:
    # With --keep-going the other rows are there: table and report say which one failed.
    for job in unfinished("table"):
        forms = " ".join(f"--{form} {job.output[form]}" for form in FORMS)
        write_for_now(
            job,
            f"table {table_options(job.wildcards.table)} --registry {config['registry']}"
            f" --paper config/paper_results.tsv {forms}",
        )
    for job in unfinished("write_report"):
        write_for_now(
            job,
            f"report --results {results('')} --config {quote(job.params.config)}"
            f" --output {job.output.report}",
        )
