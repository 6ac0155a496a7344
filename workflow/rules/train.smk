"""Pretraining, fine-tuning, predictions: one entry of the registry, one seed, one job."""

import hashlib

from lanistr.data.labels import check_labels


def initial_checkpoints(wildcards):
    """The checkpoints of the same seed that an experiment starts from, if any."""
    return [
        results(f"runs/{name}/seed{wildcards.seed}/checkpoint.safetensors")
        for name in started_from(REGISTRY[wildcards.experiment])
    ]


def entry_digest(wildcards):
    """Hash of one registry entry, so that changing it re-runs its row only.

    Which tables show it does not change what is trained.
    """
    entry = {**REGISTRY[wildcards.experiment], "rows": None}
    return hashlib.sha256(yaml.safe_dump(entry).encode()).hexdigest()[:12]


def any_of(stage):
    """Pattern for the experiments of a stage; without any, one that fits nothing."""
    names = [name for name, entry in REGISTRY.items() if entry.get("stage") == stage]
    return "|".join(names) or "(?!)"


def labels_asked(wildcards):
    """Whether there are the labels that an experiment asks for, if it asks for some."""
    name = wildcards.experiment
    asks = REGISTRY[name]["stage"] == "finetune" and resolved(name).data.labels
    return results(f"interim/labels/{name}") if asks else []


def refuse_many_labels():
    """Stop before the first job if experiments ask for more labels than shards have that stay."""
    lines, planned = [], planned_files()
    jobs = [
        job for job in workflow.dag.needrun_jobs() if job.rule.name == "enough_labels"
    ]
    for job in jobs:
        if job.input.manifest not in planned:
            try:
                check_labels(
                    resolved(job.wildcards.experiment),
                    read_manifest(Path(job.input.manifest)),
                )
            except LanistrError as error:
                lines.append(f"error: {error}")
    if lines:
        sys.exit("\n".join(lines))


# As soon as there are shards: what asks for labels may wait for a pretraining.
rule enough_labels:
    input:
        manifest=lambda wildcards: manifest_of(dataset(wildcards.experiment)),
    output:
        enough=results("interim/labels/{experiment}"),
    log:
        results("logs/labels/{experiment}.log"),
    wildcard_constraints:
        experiment=any_of(stage="finetune"),
    priority: 5
    localrule: True
    params:
        entry=entry_digest,
        recipe=lambda wildcards: recipe_of(dataset(wildcards.experiment)),
        recipe_contents=contents(
            lambda wildcards: recipe_of(dataset(wildcards.experiment))
        ),
        source=source_digest("lanistr.data.labels"),
    message:
        "Looking for the labels that {wildcards.experiment} asks for"
    shell:
        "python -m lanistr check-labels --registry {REGISTRY_FILE:q} --recipe {params.recipe:q}"
        " --experiment {wildcards.experiment:q} --manifest {input.manifest:q}"
        " --output {output.enough:q} > {log:q} 2>&1"


rule pretrain:
    input:
        cache=lambda wildcards: cache_of(dataset(wildcards.experiment)),
        gate=lambda wildcards: vocabulary_gate_of(dataset(wildcards.experiment)),
        init=initial_checkpoints,
        labels=labels_asked,
    output:
        checkpoint=results("runs/{experiment}/seed{seed}/checkpoint.safetensors"),
        experiment=results("runs/{experiment}/seed{seed}/experiment.json"),
        history=results("runs/{experiment}/seed{seed}/history.jsonl"),
    log:
        results("logs/train/{experiment}_seed{seed}.log"),
    wildcard_constraints:
        experiment=any_of(stage="pretrain"),
    priority: urgency(1)  # the long ones first; below 0 a job would wait for all others to end
    threads: TRAIN_THREADS
    resources:
        **TRAIN_DEVICES,
        mem_mb=memory_of_training,
        runtime=ENGINE["train_runtime"],
        each=lambda wildcards, threads: max(1, threads // TRAIN_SHARE),
    params:
        entry=entry_digest,
        threads=ENGINE["train_threads"],  # they decide the order of sums, and so the weights
        recipe=lambda wildcards: recipe_of(dataset(wildcards.experiment)),
        recipe_contents=contents(
            lambda wildcards: recipe_of(dataset(wildcards.experiment))
        ),
        folder=subpath(output.checkpoint, parent=True),
        init=lambda wildcards, input: each("--init", input.init),
        predictions=[],
        source=lambda wildcards: method_digest(
            wildcards.experiment, "lanistr.training.run"
        ),
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{LAUNCH:q} lanistr train --registry {REGISTRY_FILE:q} --recipe {params.recipe:q}"
        " --experiment {wildcards.experiment:q} --seed {wildcards.seed:q} --cache {input.cache:q}"
        " {params.init:q} --output-dir {params.folder:q} {params.predictions:q}"
        " --device {DEVICE:q} --threads {resources.each:q} > {log:q} 2>&1"


# The test split is asked where the model is in memory already: a process that starts anew
# imports for longer than it predicts. `python -m lanistr predict` does the same on its own.
use rule pretrain as finetune with:
    output:
        checkpoint=results("runs/{experiment}/seed{seed}/checkpoint.safetensors"),
        experiment=results("runs/{experiment}/seed{seed}/experiment.json"),
        history=results("runs/{experiment}/seed{seed}/history.jsonl"),
        predictions=results("predictions/{experiment}/seed{seed}.parquet"),
    wildcard_constraints:
        experiment=any_of(stage="finetune"),
    priority: urgency(0)
    params:
        predictions=lambda wildcards, output: each(
            "--predictions", [output.predictions]
        ),
