"""Cache, pretraining, fine-tuning, predictions: one entry of the registry, one seed, one job."""

REGISTRY = yaml.safe_load(Path(config["registry"]).read_text())


# Several GPUs: one process each. Not a param, as the machine does not change the result.
LAUNCH = (
    f"torchrun --standalone --nproc-per-node {config['engine']['gpus']} -m"
    if config["engine"]["gpus"] > 1
    else "python -m"
)


def dataset(experiment):
    """The dataset of an experiment and, of reviews, the category: "amazon/All_Beauty"."""
    return REGISTRY[experiment]["dataset"]


def recipe(wildcards):
    """The recipe of the dataset, which its categories share."""
    name = dataset(wildcards.experiment).split("/")[0]
    if name not in config["recipes"]:
        sys.exit(
            f"error: {wildcards.experiment} needs recipes.{name} in the configuration."
        )
    return config["recipes"][name]


def cache(wildcards):
    return results(f"cache/{dataset(wildcards.experiment)}/spec.json")


def initial_checkpoints(wildcards):
    """The checkpoints of the same seed that an experiment starts from, if any."""
    init = REGISTRY[wildcards.experiment].get("init", [])
    names = [init] if isinstance(init, str) else init
    return [
        results(f"runs/{name}/seed{wildcards.seed}/checkpoint.safetensors")
        for name in names
    ]


def entry_digest(wildcards):
    """Hash of one registry entry, so that changing it re-runs its row only."""
    entry = REGISTRY[wildcards.experiment]
    return hashlib.sha256(yaml.safe_dump(entry).encode()).hexdigest()[:12]


rule cache_mimic:
    input:
        manifest=results("shards/mimic/manifest.json"),
        recipe=config["recipes"].get("mimic", []),
    output:
        spec=results("cache/mimic/spec.json"),
    log:
        results("logs/cache_mimic.log"),
    threads: 64
    params:
        folder=results("cache/mimic"),
        source=source_digest("lanistr.cache"),
    message:
        "Caching tokens, pixels and series as memory-mapped arrays"
    shell:
        "python -m lanistr cache --manifest {input.manifest} --recipe {input.recipe}"
        " --output-dir {params.folder} --threads {threads} > {log} 2>&1"


def pretrained_vocabulary(wildcards):
    """The cache of the pretraining category, whose tokenizer the others use."""
    if not PRETRAINED_CATEGORY or wildcards.category == PRETRAINED_CATEGORY:
        return []
    return results(f"cache/amazon/{PRETRAINED_CATEGORY}/spec.json")


rule cache_amazon:
    input:
        manifest=results("shards/amazon/manifest.json"),
        recipe=config["recipes"].get("amazon", []),
        vocabulary=pretrained_vocabulary,
    output:
        spec=results("cache/amazon/{category}/spec.json"),
    log:
        results("logs/cache_amazon_{category}.log"),
    threads: 64
    params:
        folder=subpath(output.spec, parent=True),
        vocabulary=lambda wildcards, input: (
            f"--vocabulary {Path(input.vocabulary).parent}" if input.vocabulary else ""
        ),
        source=source_digest("lanistr.cache"),
    message:
        "Caching the reviews of {wildcards.category} as memory-mapped arrays"
    shell:
        "python -m lanistr cache --manifest {input.manifest} --category {wildcards.category}"
        " --recipe {input.recipe} {params.vocabulary} --output-dir {params.folder}"
        " --threads {threads} > {log} 2>&1"


rule train:
    input:
        cache=cache,
        recipe=recipe,
        init=initial_checkpoints,
    output:
        checkpoint=results("runs/{experiment}/seed{seed}/checkpoint.safetensors"),
        experiment=results("runs/{experiment}/seed{seed}/experiment.json"),
        history=results("runs/{experiment}/seed{seed}/history.jsonl"),
    log:
        results("logs/train/{experiment}_seed{seed}.log"),
    benchmark:
        results("benchmarks/train/{experiment}_seed{seed}.tsv")
    threads: config["engine"]["train_threads"]
    resources:
        gpu=config["engine"]["gpus"],
    params:
        registry=config["registry"],
        entry=entry_digest,
        folder=subpath(output.checkpoint, parent=True),
        cache=subpath(input.cache, parent=True),
        init=lambda wildcards, input: each("--init", input.init),
        source=source_digest("lanistr.training.run"),
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} lanistr train --registry {params.registry} --recipe {input.recipe}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed} --cache {params.cache}"
        " {params.init} --output-dir {params.folder} --threads {threads} > {log} 2>&1"


rule predict:
    input:
        cache=cache,
        checkpoint=rules.train.output.checkpoint,
        experiment=rules.train.output.experiment,
    output:
        predictions=results("predictions/{experiment}/seed{seed}.parquet"),
    log:
        results("logs/predict/{experiment}_seed{seed}.log"),
    threads: config["engine"]["train_threads"]
    resources:
        gpu=min(config["engine"]["gpus"], 1),
    params:
        run=subpath(input.checkpoint, parent=True),
        cache=subpath(input.cache, parent=True),
        source=source_digest("lanistr.training.predict"),
    message:
        "Predicting with {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "python -m lanistr predict --run {params.run} --cache {params.cache}"
        " --threads {threads} --output {output.predictions} > {log} 2>&1"
