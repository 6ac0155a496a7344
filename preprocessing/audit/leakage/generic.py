"""The gates of a data set that declares none of its own."""

from collections.abc import Iterator, Sequence

from preprocessing.audit.leakage.columns import find_label_columns
from preprocessing.audit.leakage.duplicates import find_copies
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.fitted import find_misfits
from preprocessing.audit.leakage.shortcuts import find_shortcuts
from preprocessing.audit.leakage.splits import (
    find_divided_pictures,
    find_divided_units,
    find_shared_validation,
    find_tested_in_pretraining,
)
from preprocessing.audit.leakage.words import find_label_words
from preprocessing.audit.shards import Shards


def findings(variants: Sequence[Shards], resamples: int) -> Iterator[Finding]:
    """What every generic gate finds that the modalities of the shards have a use for."""
    modalities = variants[0].card.modalities
    yield find_divided_units(variants, resamples)
    yield find_tested_in_pretraining(variants)
    yield find_shared_validation(variants)
    yield find_misfits(variants)
    if "image" in modalities:
        yield find_divided_pictures(variants, resamples)
    if "tabular" in modalities:
        yield find_label_columns(variants, resamples)
    if "text" in modalities:
        yield find_copies(variants, resamples)
        if named := find_label_words(variants, resamples):
            yield named
    yield from find_shortcuts(variants, resamples)
