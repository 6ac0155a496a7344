"""From the shards of any data set to its cache, between the gates of the leakage audit."""


def acknowledged(wildcards):
    """The gates that do not stop the run; in one order, as another would run the gate again."""
    own = registration(wildcards.data).acknowledge(wildcards.data)
    return each("--acknowledge", sorted({*config["leakage"]["acknowledge"], *own}))


def vocabulary_cache(wildcards):
    """The cache whose tokenizer a data set uses, if not its own."""
    other = registration(wildcards.data).vocabulary(wildcards.data)
    return cache_of(other) if other else []


def vocabulary_option(wildcards, input):
    return each("--vocabulary", [input.vocabulary] if input.vocabulary else [])


rule leakage:
    input:
        manifest=lambda wildcards: manifest_of(wildcards.data),
        tables=tables_of,
    output:
        gate=results("interim/gates/{data}.json"),
    log:
        results("logs/leakage/{data}.log"),
    benchmark:
        results("benchmarks/leakage/{data}.tsv")
    params:
        shards=subpath(input.manifest, parent=True),
        acknowledged=acknowledged,
        resamples=config["bootstrap"],
        source=lambda wildcards: gates_digest(wildcards.data),
    message:
        "Looking for leaks in {wildcards.data}"
    shell:
        "python -m preprocessing audit-leakage --shards {params.shards:q} {params.acknowledged:q}"
        " --resamples {params.resamples:q} --output {output.gate:q} > {log:q} 2>&1"


rule cache:
    input:
        manifest=lambda wildcards: manifest_of(wildcards.data),
        tables=tables_of,
        gate=lambda wildcards: gate_of(wildcards.data),
        vocabulary=vocabulary_cache,
    output:
        folder=directory(results("cache/{data}/arrays")),
    log:
        results("logs/cache/{data}.log"),
    benchmark:
        results("benchmarks/cache/{data}.tsv")
    priority: 4  # many cores are seldom free at once when trainings have begun
    threads: max(1, ENGINE["threads"] // 2)  # two side by side: much of one is done on one core
    params:
        vocabulary=vocabulary_option,
        recipe=lambda wildcards: recipe_of(wildcards.data),
        recipe_contents=contents(lambda wildcards: recipe_of(wildcards.data)),
        source=source_digest("lanistr.data.caching"),
    message:
        "Caching {wildcards.data} as memory-mapped arrays"
    shell:
        "python -m lanistr cache --manifest {input.manifest:q} --recipe {params.recipe:q}"
        " {params.vocabulary:q} --output-dir {output.folder:q} --threads {threads:q} > {log:q} 2>&1"


rule leakage_vocabulary:
    input:
        manifest=lambda wildcards: manifest_of(wildcards.data),
        tables=tables_of,
        cache=lambda wildcards: cache_of(wildcards.data),
        vocabulary=vocabulary_cache,
    output:
        gate=results("audit/leakage/vocabulary/{data}.json"),
    log:
        results("logs/leakage_vocabulary/{data}.log"),
    params:
        vocabulary=vocabulary_option,
        acknowledged=acknowledged,
        source=source_digest("lanistr.data.vocabulary"),
    message:
        "Checking the vocabulary of {wildcards.data}"
    shell:
        "python -m lanistr audit-vocabulary --manifest {input.manifest:q} --cache {input.cache:q}"
        " {params.vocabulary:q} {params.acknowledged:q} --output {output.gate:q} > {log:q} 2>&1"
