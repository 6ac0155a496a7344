"""Experiments of the registry: on which data, and whether they can be run."""

import functools

from lanistr.data.manifest import read_manifest
from lanistr.evaluation.status import missing_extra
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
def resolved(experiment):
    """An experiment over its recipe, with all its settings; LanistrError if they do not fit."""
    manifest = Path(manifest_of(dataset(experiment)))
    # `modalities: all` are those of the card.
    card = read_manifest(manifest).card if manifest.is_file() else None
    recipe = shipped(recipe_of(dataset(experiment)))
    return load_experiment(shipped(config["registry"]), recipe, experiment, card)
