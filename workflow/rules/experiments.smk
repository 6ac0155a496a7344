"""Experiments of the registry: on which data, whether they can be run, and what they cost."""

import functools

from lanistr.data.manifest import read_manifest
from lanistr.evaluation.status import missing_extra
from lanistr.experiments.cost import cost, counts_of
from lanistr.experiments.methods import methods
from lanistr.experiments.recipes import (
    can_read,
    load_experiment,
    needed_for,
    started_from,
)

# A method whose library is an extra is trained where that is installed; elsewhere the
# tables say what to install.
INSTALLED = {
    name: entry for name, entry in REGISTRY.items() if not missing_extra(entry)
}


def dataset(experiment):
    """The data of an experiment, such as "mimic" or "amazon/All_Beauty"."""
    return REGISTRY[experiment]["dataset"]


@functools.cache
def is_possible(experiment):
    """Whether the configuration has the data of an experiment and of those it starts from."""
    entry = REGISTRY[experiment]
    has = registration(entry["dataset"]).modalities
    return (
        is_at_hand(entry["dataset"])
        and (has is None or can_read(entry, has))
        and all(map(is_possible, started_from(entry)))
    )


@functools.cache
def gpu_hours(experiment):
    """What a run costs, as lanistr/experiments/cost.py says; None without a number of samples."""
    data = dataset(experiment)
    manifest, samples = Path(manifest_of(data)), Path("config/paper_samples.tsv")
    try:
        counts = counts_of(manifest, samples, data, REGISTRY[experiment]["stage"])
    except LanistrError:
        return None
    # `modalities: all` are those of the card.
    card = told_once(read_manifest, manifest).card if manifest.is_file() else None
    made = told_once(
        load_experiment,
        Path(config["registry"]),
        Path(recipe_of(data)),
        experiment,
        card,
    )
    image_px = config.get(data.split("/")[0], {}).get("image_px", 224)
    return cost(made, counts, image_px).gpu_hours(config["engine"]["gpu_tflops"])


def told_cost(experiments, seeds=1):
    """What runs cost, as part of a message; on machines with GPUs."""
    if not config["engine"]["gpus"]:
        return ""
    hours = list(map(gpu_hours, experiments))
    if None in hours:
        return ", GPU hours not known before `snakemake shards`"
    return f", about {seeds * sum(hours):,.1f} GPU hours"
