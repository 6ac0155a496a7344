"""The tables of icu/: stays, charted events with their slips, output, item names."""

from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.charting import chart
from synthetic.model import chosen, stream
from synthetic.population import DAY, HOUR, Population
from synthetic.vitals import Course, course
from synthetic.write import TableWriter, number_text, packaged_table, write_table

STAYS_PER_CHUNK = 250
YEAR = 365 * DAY


def write_icu(root: Path, seed: int, population: Population) -> None:
    """Write icu/icustays, chartevents, outputevents and d_items."""
    items = packaged_table("items.tsv")
    limits = {"lownormalvalue": "low", "highnormalvalue": "high"}
    write_table(root, "icu/d_items", items.with_columns(**limits))
    write_table(root, "icu/icustays", _icustays(seed, population.stays))
    units = items.select(pl.col("itemid").cast(pl.Int32), valueuom="uom")
    severity = population.visits.select("visit", "z_timeseries")
    stays = population.stays.join(severity, on="visit", how="left", maintain_order="left")
    # The other stay of the same admission, for rows charted there.
    other = pl.col("stay_id").reverse().over("visit")
    stays = stays.with_columns(other_stay=pl.when(other != pl.col("stay_id")).then(other))
    with (
        TableWriter(root, "icu/chartevents") as charted,
        TableWriter(root, "icu/outputevents") as output,
    ):
        for chunk, part in enumerate(stays.iter_slices(STAYS_PER_CHUNK)):
            rng = stream(seed, "icu", chunk)
            intime, outtime = part["intime"].to_numpy(), part["outtime"].to_numpy()
            true = course(rng, intime, outtime, part["z_timeseries"].to_numpy())
            charted.append(_chartevents(rng, part, chart(rng, true), units))
            output.append(_outputevents(rng, part, true))


def _icustays(seed: int, stays: pl.DataFrame) -> pl.DataFrame:
    """icu/icustays; a few short stays end before they begin."""
    rng = stream(seed, "icustays")
    length = stays["outtime"].to_numpy() - stays["intime"].to_numpy()
    short = np.flatnonzero(length < 48 * HOUR)
    wrong = short[chosen(rng, len(short), dirt.OUT_BEFORE_IN)]
    length[wrong] = -rng.integers(60, 4 * HOUR, len(wrong))
    return stays.with_columns(outtime=pl.col("intime") + length, los=pl.lit(length / DAY))


def _chartevents(
    rng: np.random.Generator, stays: pl.DataFrame, rows: pl.DataFrame, units: pl.DataFrame
) -> pl.DataFrame:
    """Rows as charted, with the slips of `dirt`, in order of stay and time."""
    rows = _charted_twice(rng, rows)
    rows = _mistyped(rng, rows)
    rows = _mistimed(rng, rows, stays)
    rows = rows.sort("stay", "charttime", "itemid", maintain_order=True)
    rows = rows.join(units, on="itemid", how="left", maintain_order="left")
    n, stay = rows.height, rows["stay"].to_numpy()
    delay = rng.integers(1, 120, n) * 60
    late = chosen(rng, n, dirt.STORED_LATE)
    delay[late] += rng.integers(1, 3 * 24, len(late)) * HOUR
    text = number_text(rows["number"].to_numpy())
    return stays.select("subject_id", "hadm_id", "stay_id", "other_stay")[stay].with_columns(
        caregiver_id=_caregivers(stay, rows["charttime"].to_numpy()),
        charttime=rows["charttime"],
        storetime=rows["charttime"] + pl.Series(delay),
        itemid=rows["itemid"],
        value=rows["text"].zip_with(rows["text"].is_not_null(), text),
        valuenum=text,
        valueuom=rows["valueuom"],
        warning=pl.Series((rng.random(n) < 0.02).astype(np.int8)),
        stay_id=_on_other_stay(rng, stays[stay]),
    )


def _caregivers(stay: np.ndarray, charttime: np.ndarray) -> np.ndarray:
    """The nurse of a bed changes every twelve hours."""
    return (10000 + (stay * 7919 + charttime // (12 * HOUR) * 104_729) % 89_999).astype(np.int32)


def _charted_twice(rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """The same item again at the same charttime, half of the time with a slightly lower value."""
    again = rows[chosen(rng, rows.height, dirt.CHARTED_TWICE)]
    lower = rng.integers(0, 2, again.height) * rng.integers(1, 4, again.height)
    # Scores, fractions and pH stay as they are.
    plain = pl.col("text").is_null() & (pl.col("number") >= 20)
    number = pl.when(plain).then(pl.col("number") - lower).otherwise("number")
    return pl.concat([rows, again.with_columns(number=number)])


def _mistyped(rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """Sentinels and impossible numbers, and rows without a value."""
    number = rows["number"].to_numpy().copy()
    numeric = np.flatnonzero(rows["text"].is_null())
    wild = numeric[chosen(rng, len(numeric), dirt.CHARTED_OUT_OF_RANGE)]
    number[wild] = rng.choice(dirt.OUT_OF_RANGE_VALUES, len(wild))
    empty = numeric[chosen(rng, len(numeric), dirt.CHARTED_NOTHING)]
    number[empty] = np.nan
    return rows.with_columns(number=number)


def _mistimed(rng: np.random.Generator, rows: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Rows before or after the stay, and rows of another year."""
    time = rows["charttime"].to_numpy().copy()
    stay = rows["stay"].to_numpy()
    outside = chosen(rng, rows.height, dirt.CHARTED_OUTSIDE)
    minutes = rng.integers(1, 12 * 60, len(outside)) * 60
    before = rng.random(len(outside)) < 0.5
    time[outside] = np.where(
        before,
        stays["intime"].to_numpy()[stay[outside]] - minutes,
        stays["outtime"].to_numpy()[stay[outside]] + minutes,
    )
    year = chosen(rng, rows.height, dirt.CHARTED_YEAR_OFF)
    time[year] += rng.choice([-YEAR, YEAR], len(year))
    return rows.with_columns(charttime=time // 60 * 60)


def _on_other_stay(rng: np.random.Generator, rows: pl.DataFrame) -> pl.Series:
    """The stay_id of each row; where the admission has two stays, at times that of the other."""
    candidates = np.flatnonzero(rows["other_stay"].is_not_null())
    stay_id = rows["stay_id"].to_numpy().copy()
    wrong = candidates[chosen(rng, len(candidates), dirt.CHARTED_ON_OTHER_STAY)]
    stay_id[wrong] = rows["other_stay"].to_numpy()[wrong]
    return pl.Series(stay_id.astype(np.int32))


def _outputevents(rng: np.random.Generator, stays: pl.DataFrame, true: Course) -> pl.DataFrame:
    """Urine by catheter or not, and some chest tubes."""
    foley = rng.random(stays.height) < 0.8
    rate = np.where(foley, 0.5, 0.2)[:, None]
    urine = true.in_unit & (rng.random(true.in_unit.shape) < rate)
    tube = true.in_unit & (rng.random(true.in_unit.shape) < 0.25)
    tube &= (rng.random(stays.height) < 0.08)[:, None]
    millilitres = np.exp(true.vitals["urine"])
    drained = rng.integers(1, 20, true.in_unit.shape) * 10.0
    parts = []
    for when, value, itemid in (
        (urine, np.rint(millilitres / 5) * 5, np.where(foley, 226559, 226560)),
        (tube, drained, np.full(stays.height, 226588)),
    ):
        stay, hour = np.nonzero(when)
        charttime = true.charttime[stay, hour]
        parts.append(
            stays.select("subject_id", "hadm_id", "stay_id")[stay].with_columns(
                stay=stay,
                caregiver_id=_caregivers(stay, charttime),
                charttime=charttime,
                storetime=charttime + rng.integers(0, 90, len(stay)) * 60,
                itemid=itemid[stay].astype(np.int32),
                value=number_text(value[stay, hour]),
                valueuom=pl.lit("ml"),
            )
        )
    return pl.concat(parts).sort("stay", "charttime", "itemid")
