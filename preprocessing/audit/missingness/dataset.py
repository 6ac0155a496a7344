"""What the missingness audit counts of one data set, exactly; it is never written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preprocessing.audit.missingness.counts import Unit
from preprocessing.audit.shards import Shards


@dataclass(frozen=True)
class Series:
    """In how many series each variable was observed.

    Attributes:
        unit: name of the unit whose series they are.
        variables: names of the variables.
        groups: by split and for all, the series and a (steps, variables) array of how many of
            them have an observation.
    """

    unit: str
    variables: Sequence[str]
    groups: Mapping[str, tuple[int, np.ndarray]]


@dataclass(frozen=True)
class Counts:
    """The exact counts of one data set or variant.

    Attributes:
        dataset: name in the manifest.
        title: what people call it.
        provenance: the manifest.
        units: what is counted, with the counts.
        complete_with: the modalities that make a unit complete.
        sample: name of the unit that samples of fine-tuning are among.
        owner: name of the unit that the units of the splits are among.
        relations: how numbers of units that overlap follow from each other.
        series: observations, where there are series.
        note: sentences that readers need, else empty.
        published: numbers of others to be shown beside: title, definition, count, incomplete.
    """

    dataset: str
    title: str
    provenance: Mapping[str, Any]
    units: Sequence[Unit]
    complete_with: Sequence[str]
    sample: str
    owner: str
    relations: Sequence[Mapping[Any, int]] = ()
    series: Series | None = None
    note: str = ""
    published: Sequence[Mapping[str, Any]] = ()


def full_title(shards: Shards) -> str:
    """The title of the data set, with the variant where there are several."""
    return ": ".join(filter(None, [shards.card.title, shards.variant]))
