"""Cache, pretraining, fine-tuning, predictions: one entry of the registry, one seed, one job."""

from lanistr.experiments.cost import cost, counts_of
from lanistr.errors import LanistrError
from lanistr.experiments.recipes import (
    load_experiment,
    needed_for,
    read_registry,
    started_from,
)

try:
    REGISTRY = read_registry(Path(config["registry"]))
except LanistrError as error:
    sys.exit(f"error: {error}")


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
    return recipe_of(wildcards.experiment)


def recipe_of(experiment):
    name = dataset(experiment).split("/")[0]
    if name not in config["recipes"]:
        sys.exit(f"error: {experiment} needs recipes.{name} in the configuration.")
    return config["recipes"][name]


def cache(wildcards):
    return results(f"cache/{dataset(wildcards.experiment)}/spec.json")


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


@functools.cache
def gpu_hours(experiment):
    """What a run costs, estimated as lanistr/experiments/cost.py says."""
    data = dataset(experiment)
    family = data.split("/")[0]
    try:
        made = load_experiment(
            Path(config["registry"]), Path(recipe_of(experiment)), experiment
        )
        manifest = Path(results(f"shards/{family}/manifest.json"))
        counted = family if family == "mimic" else data
        counts = counts_of(
            manifest, Path("config/paper_samples.tsv"), counted, made.stage
        )
    except LanistrError as error:
        sys.exit(f"error: {error}")
    one = cost(made, counts, config[family]["image_px"])
    return one.gpu_hours(config["engine"]["gpu_tflops"])


def told_cost(experiments, seeds=1):
    """What runs cost, as part of a message; on machines with GPUs."""
    if not config["engine"]["gpus"]:
        return ""
    return f", about {seeds * sum(map(gpu_hours, experiments)):,.1f} GPU hours"


rule cache_mimic:
    input:
        manifest=results("shards/mimic/manifest.json"),
        gate=results("audit/leakage/mimic.json"),
        recipe=config["recipes"].get("mimic", []),
    output:
        spec=results("cache/mimic/spec.json"),
    log:
        results("logs/cache_mimic.log"),
    threads: 64
    params:
        folder=results("cache/mimic"),
        source=source_digest("lanistr.data.cache"),
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
        gate=results("audit/leakage/amazon.json"),
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
        source=source_digest("lanistr.data.cache"),
    message:
        "Caching the reviews of {wildcards.category} as memory-mapped arrays"
    shell:
        "python -m lanistr cache --manifest {input.manifest} --category {wildcards.category}"
        " --recipe {input.recipe} {params.vocabulary} --output-dir {params.folder}"
        " --threads {threads} > {log} 2>&1"


def any_of(stage):
    """Pattern for the experiments of a stage."""
    return "|".join(name for name, entry in REGISTRY.items() if entry["stage"] == stage)


def vocabulary_gate(wildcards):
    return results(f"audit/leakage/vocabulary/{dataset(wildcards.experiment)}.json")


rule pretrain:
    input:
        cache=cache,
        gate=vocabulary_gate,
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
    wildcard_constraints:
        experiment=any_of(stage="pretrain"),
    threads: config["engine"]["train_threads"]
    resources:
        gpu=config["engine"]["gpus"],
        cost=lambda wildcards: told_cost([wildcards.experiment]),
    params:
        entry=entry_digest,
        folder=subpath(output.checkpoint, parent=True),
        cache=subpath(input.cache, parent=True),
        init=lambda wildcards, input: each("--init", input.init),
        predictions="",
        source=source_digest("lanistr.training.run", "lanistr.training.autogluon"),
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed}{resources.cost}"
    shell:
        "{LAUNCH} lanistr train --registry {config[registry]} --recipe {input.recipe}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed} --cache {params.cache}"
        " {params.init} --output-dir {params.folder} {params.predictions}"
        " --threads {threads} > {log} 2>&1"


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
    params:
        predictions=lambda wildcards, output: f"--predictions {output.predictions}",
