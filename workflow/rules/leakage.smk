"""Gates against leakage: before a cache is made, before training, and before a table."""


def acknowledged(wildcards):
    return each("--acknowledge", config["leakage"]["acknowledge"])


rule leakage:
    input:
        manifest=results("shards/{family}/manifest.json"),
    output:
        gate=results("audit/leakage/{family}.json"),
    log:
        results("logs/leakage_{family}.log"),
    benchmark:
        results("benchmarks/leakage_{family}.tsv")
    wildcard_constraints:
        family="mimic|amazon",
    params:
        shards=subpath(input.manifest, parent=True),
        options="",
        acknowledged=acknowledged,
        resamples=config["bootstrap"],
        source=source_digest("preprocessing.audit.leakage.report"),
    message:
        "Looking for leaks in {wildcards.family}"
    shell:
        "python -m preprocessing audit-leakage --shards {params.shards} {params.options} {params.acknowledged}"
        " --resamples {params.resamples} --output {output.gate} > {log} 2>&1"


def manifest_of_cache(wildcards):
    """The manifest of a dataset; of "mimic/<source>", that of all text sources."""
    family, _, source = wildcards.data.partition("/")
    folder = "mimic_text" if family == "mimic" and source else family
    return results(f"shards/{folder}/manifest.json")


def vocabulary_options(wildcards):
    """The category of a cache of reviews, and the cache whose tokenizer it uses."""
    family, _, category = wildcards.data.partition("/")
    if not category:
        return ""
    if family == "mimic":
        return f"--category {category}"
    if PRETRAINED_CATEGORY in (None, category):
        return f"--category {category}"
    folder = results(f"cache/{family}/{PRETRAINED_CATEGORY}")
    return f"--category {category} --vocabulary {folder}"


rule leakage_vocabulary:
    input:
        manifest=manifest_of_cache,
        cache=results("cache/{data}/spec.json"),
    output:
        gate=results("audit/leakage/vocabulary/{data}.json"),
    log:
        results("logs/leakage_vocabulary/{data}.log"),
    wildcard_constraints:
        data="mimic(/.+)?|amazon/.+",
    params:
        options=vocabulary_options,
        cache=subpath(input.cache, parent=True),
        acknowledged=acknowledged,
        source=source_digest("lanistr.data.vocabulary"),
    message:
        "Checking the vocabulary of {wildcards.data}"
    shell:
        "python -m lanistr audit-vocabulary --manifest {input.manifest} --cache {params.cache}"
        " {params.options} {params.acknowledged} --output {output.gate} > {log} 2>&1"


rule leakage_selection:
    input:
        runs=of_rows("runs/{experiment}/seed{seed}/experiment.json"),
    output:
        gate=results("audit/leakage/selection/{table}.json"),
    log:
        results("logs/leakage_selection/{table}.log"),
    params:
        runs=lambda wildcards, input: each("--run", input.runs),
        acknowledged=acknowledged,
        source=source_digest("preprocessing.audit.leakage.report"),
    message:
        "Checking what the runs of {wildcards.table} were selected on"
    shell:
        "python -m preprocessing audit-selection {params.runs} {params.acknowledged}"
        " --output {output.gate} > {log} 2>&1"


rule leakage_audit:
    input:
        gates=[results(f"audit/leakage/{name}.json") for name in config["recipes"]],
        vocabularies=[
            results(f"audit/leakage/vocabulary/{name}.json") for name in DATASETS
        ],
    output:
        json=results("audit/leakage.json"),
    log:
        results("logs/leakage_audit.log"),
    params:
        gates=lambda wildcards, input: each("--gates", input.gates),
        vocabularies=lambda wildcards, input: each("--vocabulary", input.vocabularies),
        acknowledged=acknowledged,
        source=source_digest("preprocessing.audit.leakage.report"),
    message:
        "Putting the leakage audit together"
    shell:
        "python -m preprocessing merge-leakage {params.gates} {params.vocabularies}"
        " {params.acknowledged} --output {output.json} > {log} 2>&1"


rule leakage_page:
    input:
        audit=rules.leakage_audit.output.json,
    output:
        html=results("audit/leakage.html"),
    log:
        results("logs/leakage_page.log"),
    params:
        source=source_digest("lanistr.report.leakage"),
    message:
        "Writing the page of the leakage audit"
    shell:
        "python -m lanistr leakage-page --audit {input.audit} --output {output.html}"
        " > {log} 2>&1"
