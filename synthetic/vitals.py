"""The bedside course of an ICU stay: vital signs, consciousness, breathing support.

For stay s at hour h (0 = first full hour in the unit), vital sign k is

    x_k(s, h) = mean_k + between_k * o_ks + slope_k * z_timeseries(s) * ramp(h)
                + within_k * e_k(s, h) + daily_k * sin(2 pi (hour of day - 9) / 24)

with o ~ N(0, 1), e a stationary AR(1) process (coefficient 0.85, variance 1), and
ramp(h) = 0.7 + 0.3 min(h / 48, 1): the sick get sicker over two days. Consciousness is a latent of
the same form, cut into the grades of the Glasgow Coma Scale. Breathing support, arterial lines
and capillary refill follow z_timeseries too, through a logistic function.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from synthetic.model import sigmoid

PERSISTENCE = 0.85


class Vital(NamedTuple):
    """The constants of one vital sign; `lowest` and `highest` bound what is physically there."""

    mean: float
    between: float
    within: float
    slope: float
    daily: float
    lowest: float
    highest: float


VITALS = {
    "heart_rate": Vital(86, 12, 6, 6.5, 2, 25, 220),
    "systolic": Vital(122, 14, 8, -7, 3, 45, 240),
    "pulse_pressure": Vital(58, 8, 4, -1.5, 1, 12, 120),
    "breaths": Vital(18.5, 2.8, 2.5, 1.6, 0.4, 4, 55),
    "saturation": Vital(97.2, 1.3, 1.2, -0.8, 0, 60, 100),
    "celsius": Vital(36.9, 0.3, 0.25, 0.07, 0.15, 32, 41.5),
    "glucose": Vital(135, 28, 20, 9, 4, 30, 700),
    "ph": Vital(7.38, 0.04, 0.03, -0.02, 0, 6.8, 7.7),
    "fio2_percent": Vital(46, 7, 3, 4.5, 0, 21, 100),
    "consciousness": Vital(0.4, 0.8, 0.35, -0.6, 0.05, -9, 9),
    "urine": Vital(4.4, 0.35, 0.4, -0.2, 0, 1.5, 6.8),
}


@dataclass(frozen=True)
class Course:
    """The true course of some stays; arrays are (stays, hours) unless said otherwise.

    Attributes:
        charttime: when the hour was charted, seconds since 1970.
        in_unit: True while the stay lasts.
        vitals: by name of `VITALS`.
        ventilated, arterial_line, slow_refill: True for stays that have it, (stays,).
    """

    charttime: np.ndarray
    in_unit: np.ndarray
    vitals: dict[str, np.ndarray]
    ventilated: np.ndarray
    arterial_line: np.ndarray
    slow_refill: np.ndarray


def course(
    rng: np.random.Generator, intime: np.ndarray, outtime: np.ndarray, severity: np.ndarray
) -> Course:
    """Draw the course of stays.

    Args:
        rng: stream of these stays.
        intime: seconds since 1970, (stays,).
        outtime: likewise.
        severity: z_timeseries, (stays,).
    """
    first_hour = -(-intime // 3600) * 3600
    hours = int(np.max((outtime - first_hour) // 3600)) + 1
    hour = np.arange(max(hours, 1))
    charttime = first_hour[:, None] + hour * 3600
    shape = charttime.shape
    # Most is charted on the hour, the rest at any minute.
    late = (rng.random(shape) < 0.12) * rng.integers(1, 60, shape) * 60
    ramp = 0.7 + 0.3 * np.minimum(hour / 48, 1)
    daily = np.sin(2 * np.pi * (charttime // 3600 % 24 - 9) / 24)
    seen = severity[:, None] * ramp
    vitals = {}
    for name, vital in VITALS.items():
        offset = rng.standard_normal(len(intime))[:, None]
        noise = _persistent_noise(rng, shape)
        value = vital.mean + vital.between * offset + vital.slope * seen
        value += vital.within * noise + vital.daily * daily
        vitals[name] = np.clip(value, vital.lowest, vital.highest)
    return Course(
        charttime + late,
        charttime + late <= outtime[:, None],
        vitals,
        ventilated=rng.random(len(intime)) < sigmoid(-0.7 + 0.5 * severity),
        arterial_line=rng.random(len(intime)) < sigmoid(-0.5 + 0.3 * severity),
        slow_refill=rng.random(len(intime)) < sigmoid(-1.8 + 0.5 * severity),
    )


def _persistent_noise(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A stationary AR(1) process of variance one along the second axis."""
    noise = rng.standard_normal(shape[::-1])
    fresh = np.sqrt(1 - PERSISTENCE**2)
    for now in range(1, len(noise)):
        noise[now] = PERSISTENCE * noise[now - 1] + fresh * noise[now]
    return noise.T
