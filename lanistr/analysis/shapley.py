"""How much of a trained model's performance each modality brings, exactly, with intervals.

The players are the modalities; what a subset is worth is the metric on the whole test split when
every sample keeps only that subset. Nothing is trained again. A sample that lacks a modality of
itself stays in: for it the modality changes nothing.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from lanistr.analysis.answers import Answers, read_answers
from lanistr.analysis.games import shapley_values
from lanistr.analysis.results import estimate, write_results
from lanistr.modality import subset_names
from lanistr.options import EstimatesCsv, EstimatesJson, PresenceFiles, Resamples

log = logging.getLogger(__name__)

NOTE = (
    "How much of what the trained model reaches each modality brings: its exact Shapley value, "
    "from what is reached with each choice of modalities at test time. They add up to `total`, "
    "what is reached with all modalities minus what is reached with none. Where a lower number is "
    "better, the values are what it falls by. Mean over runs; 95 % intervals by bootstrap over "
    "subjects and seeds. Samples that lack a modality of themselves stay in."
)


def shapley(
    files: PresenceFiles,
    *,
    csv: EstimatesCsv,
    json: EstimatesJson,
    resamples: Resamples = 2000,
) -> None:
    """Write the Shapley values of all experiments.

    Raises:
        DataContractError: not such files.
    """
    found = [attributed(answers, resamples) for answers in read_answers(files)]
    rows = [
        {**one["about"], "modality": name, **cell}
        for one in found
        for name, cell in one["modalities"].items()
    ]
    write_results(rows, {"note": NOTE, "experiments": found}, csv=csv, json=json)
    log.info("Shapley values of %d experiments", len(found))


def attributed(answers: Answers, resamples: int) -> dict[str, Any]:
    """The Shapley values of one experiment, their total, and what each subset is worth.

    Shares are of 1, numbers in their unit; null, where the metric is undefined.
    """
    weights, names = answers.weights(resamples), subset_names(answers.modalities)
    everyone = np.ones_like(answers.present)
    worth = np.stack(
        [answers.performance(number * everyone, weights) for number in range(len(names))]
    )
    gain = worth if answers.metric.higher_is_better else -worth
    shares = shapley_values(gain)
    modalities: dict[str, Any] = {
        modality: {**estimate(share), **_lacking(answers.has(modality))}
        for modality, share in zip(answers.modalities, shares, strict=True)
    }
    return {
        "about": answers.described(),
        "modalities": {**modalities, "total": estimate(gain[-1] - gain[0])},
        "subsets": {name: estimate(value) for name, value in zip(names, worth, strict=True)},
    }


def _lacking(has: np.ndarray) -> dict[str, int]:
    """How many samples have a modality of themselves, and how many lack it."""
    return {"n_present": int(has.sum()), "n_absent": int((~has).sum())}
