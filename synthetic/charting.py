"""What nurses chart of a stay: which item, how often, in which unit and words."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.model import chosen
from synthetic.vitals import Course

EYES = ("None", "To Pain", "To Speech", "Spontaneously")
VERBAL = (
    "No Response-ETT",
    "No Response",
    "Incomprehensible sounds",
    "Inappropriate Words",
    "Confused",
    "Oriented",
)
MOTOR = (
    "No response",
    "Abnormal extension",
    "Abnormal Flexion",
    "Flex-withdraws",
    "Localizes Pain",
    "Obeys Commands",
)
REFILL = ("Normal <3 Seconds", "Abnormal >3 Seconds")
RHYTHM = ("SR (Sinus Rhythm)", "ST (Sinus Tachycardia) ", "AF (Atrial Fibrillation)")
PAIN = ("0-None", "1-Mild", "3-Moderate", "5-Severe")
POUND = 0.45359237


class Chart:
    """Collects the rows of a chunk of stays, item by item."""

    def __init__(self, rng: np.random.Generator, course: Course):
        self.rng = rng
        self.course = course
        self._rows: list[pl.DataFrame] = []

    def often(self, share: float, stays: np.ndarray | None = None) -> np.ndarray:
        """A random share of the hours in the unit, of all stays or of some: (stays, hours) bool."""
        hours = self.course.in_unit & (self.rng.random(self.course.in_unit.shape) < share)
        return hours if stays is None else hours & stays[:, None]

    def some_stays(self, share: float) -> np.ndarray:
        """True for a random share of the stays."""
        return self.rng.random(len(self.course.in_unit)) < share

    def add(self, itemid: int, values: np.ndarray, when: np.ndarray, digits: int = 0) -> None:
        """Chart numbers at the hours where `when` is True; `values` broadcasts to its shape."""
        stay, hour = np.nonzero(when)
        number = np.round(np.broadcast_to(values, when.shape)[stay, hour], digits)
        self._keep(itemid, stay, self.course.charttime[stay, hour], number + 0.0, None)

    def add_words(
        self,
        itemid: int,
        words: Sequence[str],
        grade: np.ndarray,
        when: np.ndarray,
        scores: Sequence[int] | None = None,
    ) -> None:
        """Chart `words[grade]`, with a score in valuenum where the item has one."""
        stay, hour = np.nonzero(when)
        index = np.broadcast_to(grade, when.shape)[stay, hour]
        number = np.full(len(index), np.nan)
        if scores is not None:
            number = np.array(scores, dtype=float)[index]
        text = pl.Series(words, dtype=pl.String).gather(pl.Series(index.astype(np.uint32)))
        self._keep(itemid, stay, self.course.charttime[stay, hour], number, text)

    def _keep(
        self,
        itemid: int,
        stay: np.ndarray,
        charttime: np.ndarray,
        number: np.ndarray,
        text: pl.Series | None,
    ) -> None:
        self._rows.append(
            pl.DataFrame({"stay": stay, "charttime": charttime, "number": number}).with_columns(
                itemid=pl.lit(itemid, pl.Int32),
                text=pl.lit(None, pl.String) if text is None else text,
            )
        )

    def rows(self) -> pl.DataFrame:
        """All rows: stay (row number), charttime, itemid, number (NaN if none), text."""
        return pl.concat(self._rows)


def chart(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    """Chart everything of these stays.

    How often, per hour, follows what MIMIC shows: vital signs 0.92 to 0.95, coma scale and
    temperature 0.29, glucose 0.23, FiO2 0.13, pH 0.10, weight 0.05.
    """
    chart = Chart(rng, course)
    _circulation(chart)
    _breathing(chart)
    _consciousness(chart)
    _bloods(chart)
    _body(chart)
    return chart.rows()


def _circulation(chart: Chart) -> None:
    """Heart rate, blood pressure by cuff and by arterial line, capillary refill."""
    true, rng = chart.course, chart.rng
    systolic = true.vitals["systolic"]
    diastolic = np.maximum(systolic - true.vitals["pulse_pressure"], 15)
    chart.add(220045, true.vitals["heart_rate"], chart.often(0.95))
    chart.add_words(220048, RHYTHM, (true.vitals["heart_rate"] > 100) * 1, chart.often(0.2))
    chart.add(220046, np.array([[120.0]]), chart.often(0.08))
    # By arterial line every hour and by cuff at times, or by cuff alone; the two differ a little.
    line, other_line = true.arterial_line, chart.some_stays(0.1)
    for items, when, shift in (
        ((220050, 220051, 220052), chart.often(0.92, line & ~other_line), 0),
        ((225309, 225310, 225312), chart.often(0.92, line & other_line), 0),
        ((220179, 220180, 220181), chart.often(0.92, ~line) | chart.often(0.2, line), 3),
    ):
        high = systolic + shift + 3 * rng.standard_normal(systolic.shape)
        low = np.minimum(diastolic + 2 * rng.standard_normal(systolic.shape), high - 5)
        mean = low + (high - low) / 3
        for itemid, value in zip(items, (high, low, mean), strict=True):
            chart.add(itemid, value, when)
    by_hand = chart.often(0.01)
    chart.add(224167, systolic, by_hand)
    chart.add(224643, diastolic, by_hand)
    chart.add(227243, systolic + 4, chart.often(0.5) & by_hand)
    chart.add(224322, diastolic + 15, chart.often(0.8, chart.some_stays(0.01)))
    examined = chart.often(0.25, chart.some_stays(0.45))
    slow = true.slow_refill[:, None] & (rng.random(examined.shape) < 0.7)
    chart.add_words(223951, REFILL, slow * 1, examined)
    chart.add_words(224308, REFILL, slow * 1, examined)


def _breathing(chart: Chart) -> None:
    """Respiratory rate (three items at once on the ventilator), saturation, FiO2."""
    true, rng = chart.course, chart.rng
    breaths = true.vitals["breaths"]
    chart.add(220210, breaths, chart.often(0.94))
    checked = chart.often(0.25, true.ventilated)
    chart.add(224690, breaths + rng.integers(0, 3, breaths.shape), checked)
    chart.add(224689, np.maximum(breaths - rng.integers(0, 12, breaths.shape), 0), checked)
    chart.add(224422, breaths, chart.often(0.03, true.ventilated))
    chart.add(220277, true.vitals["saturation"], chart.often(0.935))
    fio2 = np.round(true.vitals["fio2_percent"] / 5) * 5
    as_fraction = rng.random(fio2.shape) < dirt.FIO2_AS_FRACTION
    fio2 = np.where(as_fraction, fio2 / 100, fio2)
    chart.add(223835, fio2, chart.often(0.34, true.ventilated), digits=2)


def _consciousness(chart: Chart) -> None:
    """The three parts of the Glasgow Coma Scale, each with its words and score; pain."""
    true = chart.course
    awake = true.vitals["consciousness"]
    examined = chart.often(0.29)
    eyes = np.digitize(awake, (-1.9, -1.3, -0.5))
    motor = np.digitize(awake, (-2.6, -2.2, -1.9, -1.5, -0.9))
    verbal = np.digitize(awake, (-1.9, -1.5, -1.1, -0.4)) + 1
    verbal = np.where(true.ventilated[:, None], 0, verbal)
    chart.add_words(220739, EYES, eyes, examined, scores=(1, 2, 3, 4))
    chart.add_words(223900, VERBAL, verbal, examined, scores=(1, 1, 2, 3, 4, 5))
    chart.add_words(223901, MOTOR, motor, examined, scores=(1, 2, 3, 4, 5, 6))
    pain = chart.rng.integers(0, len(PAIN), awake.shape)
    chart.add_words(223791, PAIN, pain, chart.often(0.2))


def _bloods(chart: Chart) -> None:
    """Point-of-care values: glucose from three sources, pH, arterial saturation, temperature."""
    true, rng = chart.course, chart.rng
    glucose = true.vitals["glucose"]
    serum = chart.often(0.06)
    chart.add(225664, glucose, chart.often(0.15) | (serum & chart.often(0.3)))
    chart.add(220621, glucose + 5 * rng.standard_normal(glucose.shape), serum)
    chart.add(226537, glucose, chart.often(0.02))
    gas = chart.often(0.2, true.arterial_line)
    chart.add(223830, true.vitals["ph"], gas, digits=2)
    chart.add(220227, true.vitals["saturation"], gas & chart.often(0.5))
    chart.add(220274, true.vitals["ph"] - 0.04, chart.often(0.01), digits=2)
    celsius = true.vitals["celsius"]
    fahrenheit = celsius * 9 / 5 + 32
    in_celsius = chart.some_stays(dirt.STAYS_IN_CELSIUS)
    for itemid, unit, stays in ((223762, celsius, in_celsius), (223761, fahrenheit, ~in_celsius)):
        swapped = rng.random(celsius.shape) < dirt.WRONG_TEMPERATURE_UNIT
        value = np.where(swapped, celsius + fahrenheit - unit, unit)
        chart.add(itemid, value, chart.often(0.29, stays), digits=1)


def _body(chart: Chart) -> None:
    """Height in inches and cm at one charttime, weight in kg and lb."""
    rng, hours = chart.rng, chart.course.in_unit.shape[1]
    stays = len(chart.course.in_unit)
    inches = np.round(rng.normal(66.5, 4, stays))[:, None]
    kilos = np.clip(rng.normal(82, 20, stays), 38, 220)[:, None]
    first, hour = np.arange(hours) == 0, np.arange(hours)
    measured = chart.some_stays(0.5)
    alone = np.zeros(stays, dtype=bool)
    alone[chosen(rng, stays, dirt.INCHES_ALONE)] = True
    at_first = chart.often(1) & first
    chart.add(226707, inches, at_first & measured[:, None])
    chart.add(226730, inches * 2.54, at_first & (measured & ~alone)[:, None])
    chart.add(226512, kilos, at_first & chart.some_stays(0.75)[:, None], digits=1)
    in_pounds = (hour == rng.integers(0, 20, (stays, 1))) & chart.some_stays(0.5)[:, None]
    chart.add(226531, kilos / POUND, chart.often(1) & in_pounds, digits=1)
    drift = kilos + 0.03 * hour + rng.standard_normal((stays, hours))
    chart.add(224639, drift, chart.often(0.8) & (hour % 24 == 5), digits=1)
