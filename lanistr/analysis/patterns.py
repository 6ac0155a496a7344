"""Performance of a trained model by the pattern of modalities that samples show."""

from __future__ import annotations

from typing import Any

import numpy as np

from lanistr.analysis.answers import Answers
from lanistr.analysis.results import estimate
from lanistr.evaluation.calibration import measures_of
from lanistr.evaluation.finetuned import familiarity
from lanistr.modality import subset_names


def by_pattern(answers: Answers, resamples: int) -> list[dict[str, Any]]:
    """What is reached on samples that have all of a pattern, when they show nothing else.

    Patterns are compared on different samples, those that have them; two models are compared on
    the same. Beside the metric stands the negative log-likelihood of probabilities, as the model
    gives them: a model may rank rows well and still be sure of the wrong thing.

    Args:
        answers: of one experiment.
        resamples: number behind the intervals.
    """
    weights, names = answers.weights(resamples), subset_names(answers.modalities)
    measures = [each for each in measures_of(answers.task) if each.name == "nll"]
    found = []
    for number, name in enumerate(names[1:], start=1):
        able, seen = answers.present & number == number, answers.seen.get(name, 0)
        shown = np.full_like(answers.present, number)
        found.append(
            {
                "pattern": name,
                "n": int(able.sum()),
                "n_of_themselves": int((answers.present == number).sum()),
                "seen_in_training": seen,
                "seen": familiarity(seen),
                **estimate(answers.performance(shown, weights * able)),
                **{
                    each.name: estimate(answers.performance(shown, weights * able, each))
                    for each in measures
                },
            }
        )
    return found
