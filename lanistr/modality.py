"""The kinds of input that a sample may have, and subsets of them as numbers.

Bit i of such a number stands for the i-th modality, in enum order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

NOTHING = "none"
"""The name of the empty subset."""


class Modality(StrEnum):
    """The kinds of input; the names are the same in YAML, Parquet, metrics and logs."""

    TEXT = "text"
    IMAGE = "image"
    TABULAR = "tabular"
    TIMESERIES = "timeseries"

    @property
    def index(self) -> int:  # type: ignore[override]
        """Column of this modality in `Batch.present`."""
        return list(Modality).index(self)


def sort_modalities(modalities: Iterable[Modality]) -> tuple[Modality, ...]:
    """Modalities in enum order, in which bits and names follow each other."""
    return tuple(sorted(modalities, key=lambda modality: modality.index))


def subset_names(modalities: Sequence[Modality]) -> list[str]:
    """The name of each of the 2^M subsets, by number.

    >>> subset_names((Modality.TEXT, Modality.IMAGE))
    ['none', 'text', 'image', 'text+image']
    """
    return [
        "+".join(m for bit, m in enumerate(modalities) if number >> bit & 1) or NOTHING
        for number in range(2 ** len(modalities))
    ]
