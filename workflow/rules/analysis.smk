"""What a trained model makes of each modality: Shapley values and curves of removal."""


def presence_files(_):
    """The files of every run, seeds of one experiment together."""
    return files_per_seed("analysis/{experiment}/seed{seed}.parquet", analysed())


rule presence:
    input:
        cache=lambda wildcards: cache_of(dataset(wildcards.experiment)),
        checkpoint=results("runs/{experiment}/seed{seed}/checkpoint.safetensors"),
    output:
        presence=results("analysis/{experiment}/seed{seed}.parquet"),
    log:
        results("logs/presence/{experiment}_seed{seed}.log"),
    threads: ENGINE["train_threads"]
    resources:
        mem_mb=memory_of_training,
        gpu=min(ENGINE["gpus"], 1),
    params:
        run=subpath(input.checkpoint, parent=True),
        source=lambda wildcards: method_digest(
            wildcards.experiment, "lanistr.analysis.presence"
        ),
    message:
        "Asking {wildcards.experiment}, seed {wildcards.seed}, under every subset of modalities"
    shell:
        "{LAUNCH_ONE:q} lanistr presence --run {params.run:q} --cache {input.cache:q}"
        " --device {DEVICE:q} --threads {threads:q} --output {output.presence:q} > {log:q} 2>&1"


rule shapley:
    input:
        presence=presence_files,
    output:
        csv=report(
            results("analysis/shapley.csv"),
            caption="../report/shapley.rst",
            category="Modalities",
        ),
        json=results("analysis/shapley.json"),
    log:
        results("logs/shapley.log"),
    localrule: True
    params:
        presence=lambda wildcards, input: each("--presence", input.presence),
        resamples=config["bootstrap"],
        source=source_digest("lanistr.analysis.shapley"),
    message:
        "Attributing performance to modalities"
    shell:
        "python -m lanistr shapley {params.presence:q} --resamples {params.resamples:q}"
        " --csv {output.csv:q} --json {output.json:q} > {log:q} 2>&1"


rule removal:
    input:
        presence=presence_files,
    output:
        csv=report(
            results("analysis/removal.csv"),
            caption="../report/removal.rst",
            category="Modalities",
        ),
        json=results("analysis/removal.json"),
    log:
        results("logs/removal.log"),
    localrule: True
    params:
        presence=lambda wildcards, input: each("--presence", input.presence),
        resamples=config["bootstrap"],
        source=source_digest("lanistr.analysis.removal"),
    message:
        "Removing modalities at test time"
    shell:
        "python -m lanistr removal {params.presence:q} --resamples {params.resamples:q}"
        " --csv {output.csv:q} --json {output.json:q} > {log:q} 2>&1"
