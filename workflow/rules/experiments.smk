"""Experiments of the registry: on which data, and whether they can be run."""

import functools

from lanistr.data.manifest import least_cache_bytes, read_manifest
from lanistr.evaluation.status import missing_extra
from lanistr.experiments.methods import methods
from lanistr.experiments.recipes import (
    can_read,
    make_experiment,
    needed_for,
    recipe_sections,
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
    of = registration(entry["dataset"])
    return (
        is_at_hand(entry["dataset"])
        and (not of.optional or can_read(entry, of.modalities))
        and all(map(is_possible, started_from(entry)))
    )


@functools.cache
def resolved(experiment):
    """An experiment over its recipe, with all its settings; LanistrError if they do not fit."""
    data = dataset(experiment)
    sections, has = sections_of(recipe_of(data)), registration(data).modalities
    return make_experiment(experiment, REGISTRY[experiment], sections, has, experiment)


@functools.cache
def sections_of(recipe):
    """The sections of a recipe; LanistrError if it is none."""
    return recipe_sections(shipped(recipe))
