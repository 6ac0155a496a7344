"""Performance of a trained model against the share of a modality that is removed at test time.

The document also has it by pattern: see `lanistr.analysis.patterns`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from lanistr.analysis.answers import Answers, read_answers
from lanistr.analysis.patterns import by_pattern
from lanistr.analysis.results import estimate, write_results
from lanistr.modality import Modality
from lanistr.options import EstimatesCsv, EstimatesJson, PresenceFiles, Resamples

log = logging.getLogger(__name__)

PERCENT = range(0, 101, 10)
EVERY = "every"
"""Stands for all modalities, each of which loses its share independently of the others."""

NOTE = (
    "Performance when a modality is removed at test time from a share of the samples that have it, "
    "nothing being trained again; `every` removes that share of each modality, independently. "
    "Samples are in the order of a hash of sample and modality, so that a larger share removes all "
    "that a smaller one does. Mean over runs; 95 % intervals by bootstrap over subjects "
    "and seeds."
)


def removal(
    files: PresenceFiles,
    *,
    csv: EstimatesCsv,
    json: EstimatesJson,
    resamples: Resamples = 2000,
) -> None:
    """Write the curves of all experiments, and what they reach by pattern of modalities.

    Raises:
        DataContractError: not such files.
    """
    every = read_answers(files)
    rows = [{**a.described(), **point} for a in every for point in curves(a, resamples)]
    patterns = [{**a.described(), **each} for a in every for each in by_pattern(a, resamples)]
    document = {"note": NOTE, "points": rows, "patterns": patterns}
    write_results(rows, document, csv=csv, json=json)
    log.info("curves of removal of %d experiments", len(every))


def curves(answers: Answers, resamples: int) -> list[dict[str, Any]]:
    """The points of one experiment: of each modality, then of every modality at once."""
    weights = answers.weights(resamples)
    points = []
    for name in (*answers.modalities, EVERY):
        chosen = answers.modalities if name == EVERY else (Modality(name),)
        for percent in PERCENT:
            left = without(answers, chosen, percent)
            points.append(
                {
                    "modality": str(name),
                    "percent_removed": percent,
                    "n_removed": int((left != answers.present).sum()),
                    "n_present": int(np.any([answers.has(m) for m in chosen], axis=0).sum()),
                    **estimate(answers.performance(left, weights)),
                }
            )
    return points


def without(answers: Answers, modalities: Sequence[Modality], percent: int) -> np.ndarray:
    """What is left of each sample when a share of each of these modalities is removed.

    Args:
        answers: say what the samples have.
        modalities: are removed, each on its own.
        percent: of the samples that have it, rounded to whole samples.

    Returns:
        Number of the subset that is left, (N,).
    """
    left = answers.present.copy()
    for modality in modalities:
        having = np.flatnonzero(answers.has(modality))
        draws = [
            blake2b(f"removal/{modality}/{sample}".encode(), digest_size=8).digest()
            for sample in answers.sample_id[having]
        ]
        gone = having[np.argsort(draws)[: round(percent / 100 * len(having))]]
        left[gone] -= 1 << answers.modalities.index(modality)
    return left
