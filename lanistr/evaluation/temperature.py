"""Probabilities made to fit what came true, by one number that is fitted on validation samples.

Logits are divided by a temperature: above 1 probabilities move towards each other, below 1 apart.
It changes neither which class is the most probable nor how samples rank.

Source:
    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from lanistr.data.card import Facts
from lanistr.evaluation.calibration import FLOOR, nll
from lanistr.task import Kind, Task

LEAST_SAMPLES, LEAST_OTHERS = 200, 20
"""Validation samples that a temperature takes, and how many must differ from the commonest answer.

With fewer, one that is fitted does more harm than good: docs/predictions.md has the measurement.
"""
LOWEST, HIGHEST = 0.1, 10.0


class Temperature(Facts):
    """A temperature, and what it was fitted on."""

    value: float = Field(1.0, gt=0, description="What logits are divided by; 1 = as they are.")
    samples: int = Field(0, ge=0, description="Validation samples with a known answer.")
    why_kept: str | None = Field(None, description="Why it is 1 without a fit; null = fitted.")


def fit_temperature(task: Task, label: np.ndarray, answer: np.ndarray) -> Temperature | None:
    """The temperature under which answers are most likely; 1 where too little is known.

    Args:
        task: that is answered.
        label: what is known of validation samples, NaN = nothing, (N, targets).
        answer: probabilities of classes or labels, (N, outputs) float64.

    Returns:
        None of a regression, which has no probabilities.
    """
    if task.kind == Kind.REGRESSION:
        return None
    from scipy.optimize import minimize_scalar  # takes its time, and few steps need it

    samples = int((~np.isnan(label)).any(axis=1).sum())
    if reason := _too_little(task, samples, label):
        return Temperature(samples=samples, why_kept=reason)
    once = np.ones((1, len(label)))
    # Convex in 1 / temperature, so that there is one minimum.
    found = minimize_scalar(
        lambda power: nll(task, label, temper(task, answer, np.exp(power)), once)[0],
        bounds=np.log([LOWEST, HIGHEST]),
        method="bounded",
    )
    value = float(np.exp(found.x))
    if not 1.01 * LOWEST < value < HIGHEST / 1.01:
        reason = f"no temperature from {LOWEST:g} to {HIGHEST:g} is better than those beside it"
        return Temperature(samples=samples, why_kept=reason)
    return Temperature(value=value, samples=samples)


def _too_little(task: Task, samples: int, label: np.ndarray) -> str | None:
    """Why a temperature cannot be fitted on so few samples; None = it can."""
    known = label[~np.isnan(label)]
    others = len(known) - (np.unique(known, return_counts=True)[1].max() if len(known) else 0)
    if samples >= LEAST_SAMPLES and others >= LEAST_OTHERS:
        return None
    what = "answers" if task.chooses else "pairs of sample and label"
    return (
        f"{samples} validation samples, of which {others} {what} differ from the commonest; needed "
        f"are {LEAST_SAMPLES} and {LEAST_OTHERS}"
    )


def temper(task: Task, answer: np.ndarray, temperature: float) -> np.ndarray:
    """Answers under a temperature, (N, outputs) float64; numbers of a regression as they are.

    Args:
        task: that is answered.
        answer: probabilities of classes or labels, (N, outputs) float64.
        temperature: what logits are divided by; under 1 answers stay as they are, to the last bit.

    >>> stars = Task("stars", Kind.BINARY, "stars", classes=("few", "many"))
    >>> temper(stars, np.array([[0.2, 0.8]]), 2.0).round(3)
    array([[0.333, 0.667]])
    """
    if temperature == 1 or task.kind == Kind.REGRESSION:
        return answer
    if task.chooses:
        logits = np.log(np.maximum(answer, np.finfo(np.float64).tiny)) / temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    chance = np.clip(answer, FLOOR, 1 - FLOOR)
    return 1 / (1 + ((1 - chance) / chance) ** (1 / temperature))
