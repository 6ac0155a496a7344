"""The planted severity: what drives mortality and how each modality sees it.

Every visit of every patient has one latent severity, and each modality sees it through noise of
its own:

    z           ~ N(0, 1)
    died | z    ~ Bernoulli(sigmoid(INTERCEPT[setting] + SLOPE * z))
    z_m | z     ~ N(z, NOISE[m]^2)    for m in time series, image, text, tabular

The z_m are independent of each other and of the outcome given z, and everything a modality shows
(vital signs, lung opacity, wording, age) depends on z_m and on nuisance variables, never on z or
the outcome. Two exceptions are as in MIMIC: the discharge summary, the discharge location and the
billing codes of a dead patient say so. They are written after the outcome.

Where the outcome is given (the open demo), z is drawn from its posterior p(z | died) under the
same model; everything else stays the same.

An ideal reader of several z_m ranks patients by sum(z_m / NOISE[m]^2), the posterior mean of z up
to a monotone map. Nothing here was chosen to reach a published number: SLOPE makes z itself a
good but imperfect predictor, NOISE makes each modality a weak one.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import polars as pl

SLOPE = 3.2
# 12 to 15 % of ICU admissions end in death, as in MIMIC-IV; few others do.
INTERCEPT = {"icu": -4.0, "ward": -8.0}
# Standard deviation of what a modality adds to z; demographics say least.
NOISE = {"timeseries": 1.1, "image": 1.2, "text": 1.2, "tabular": 2.5}
# Grid on which p(z | died) is inverted; |z| > 5 has a probability below 1e-6.
GRID = np.linspace(-5, 5, 4001)


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of one purpose, independent of every other purpose and of the process.

    >>> int(stream(1, "labs", 0).integers(1000) - stream(1, "labs", 0).integers(1000))
    0
    """
    keys = [name if isinstance(name, int) else crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, *keys])


def chosen(rng: np.random.Generator, rows: int, share: float) -> np.ndarray:
    """`share` of the row numbers below `rows`, ascending, and at least one if there is a row.

    >>> len(chosen(np.random.default_rng(0), 200, 0.05)), len(chosen(stream(0), 3, 0.01))
    (10, 1)
    """
    count = min(rows, max(1, round(share * rows)))
    return np.sort(rng.choice(rows, size=count, replace=False))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def mortality(z: np.ndarray, in_icu: np.ndarray) -> np.ndarray:
    """The probability of death in hospital, given the latent severity and the setting."""
    return sigmoid(np.where(in_icu, INTERCEPT["icu"], INTERCEPT["ward"]) + SLOPE * z)


def severity_given_outcome(
    rng: np.random.Generator, died: np.ndarray, in_icu: np.ndarray
) -> np.ndarray:
    """Draw z from p(z | died) by inverting its distribution function on a grid."""
    z, uniform = np.empty(len(died)), rng.random(len(died))
    for outcome in (False, True):
        for setting in (False, True):
            rows = (died == outcome) & (in_icu == setting)
            risk = mortality(GRID, np.full(len(GRID), setting))
            density = np.exp(-(GRID**2) / 2) * (risk if outcome else 1 - risk)
            cumulative = np.cumsum(density)
            z[rows] = np.interp(uniform[rows], cumulative / cumulative[-1], GRID)
    return z


def seen_severity(rng: np.random.Generator, z: np.ndarray) -> dict[str, np.ndarray]:
    """What each modality sees of z, as columns `z_<modality>`."""
    return {f"z_{name}": z + noise * rng.standard_normal(len(z)) for name, noise in NOISE.items()}


def identifiers(seed: int, kind: str, leading: int, count: int) -> np.ndarray:
    """Distinct numbers of eight digits with the given first digit, in no telling order.

    >>> ids = identifiers(0, "stay", 3, 1000)
    >>> len(set(ids)), int(ids.min()) // 10**7, int(ids.max()) // 10**7
    (1000, 3, 3)
    """
    # 10^7 has the prime factors 2 and 5: a multiplier that has neither permutes the residues.
    offset = int(stream(seed, "identifiers", kind).integers(10**7))
    residues = (np.arange(count, dtype=np.int64) * 3_862_747 + offset) % 10**7
    return (leading * 10**7 + residues).astype(np.int32)


def pick(
    rng: np.random.Generator, shares: dict[str, float] | dict[str | None, float], count: int
) -> pl.Series:
    """`count` draws from categories with the given shares; `None` or "" is a null.

    >>> pick(np.random.default_rng(0), {"F": 1, "M": 0}, 2).to_list()
    ['F', 'F']
    """
    weights = np.array(list(shares.values()), dtype=float)
    drawn = rng.choice(len(weights), size=count, p=weights / weights.sum())
    return take([name or None for name in shares], drawn)


def take(values: Sequence[str | None], index: np.ndarray) -> pl.Series:
    """`values[index]` as a text column."""
    return pl.Series(values, dtype=pl.String).gather(pl.Series(index.astype(np.uint32)))
