"""Experiments of the registry: on which data, and whether they can be run."""

import functools

from lanistr.evaluation.status import missing_extra
from lanistr.experiments.methods import methods
from lanistr.experiments.recipes import can_read, needed_for, started_from

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
