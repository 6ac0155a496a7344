"""hosp/labevents: what the laboratory measured, in the hospital and out of it.

A value of item i in visit v is

    mean_i + between_i * o_vi + slope_i * f * z_timeseries + within_i * e,    o, e ~ N(0, 1)

with f = 1 in the hospital, 0.5 in the emergency room and 0 for outpatients; the constants are in
`labs.tsv`. Laboratory and bedside monitor are one modality: both see z_timeseries.
"""

from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.model import chosen, pick, stream, take
from synthetic.population import DAY, HOUR, Population, providers
from synthetic.write import TableWriter, number_text, packaged_table, write_table

VISITS_PER_CHUNK = 1500
MOST_DRAWS = 20
# How often a draw includes a panel, in hospital and outside.
PANELS = {
    "chemistry": (0.9, 0.75),
    "count": (0.8, 0.7),
    "clotting": (0.35, 0.15),
    "liver": (0.15, 0.2),
    "gas": (0.25, 0.02),
    "fluid": (0.01, 0.0),
    "urine": (0.08, 0.1),
}
PLACES = ("hospital", "emergency room", "outpatient")
SEEN_SEVERITY = np.array([1, 0.5, 0])
TEXTS = (">500", "NEG", "___", "ERROR", None)
URINE_GLUCOSE = 51478
URINE_GLUCOSE_NEGATIVE = 0.6


def write_labs(root: Path, seed: int, population: Population) -> None:
    """Write hosp/labevents and hosp/d_labitems."""
    items = packaged_table("labs.tsv")
    write_table(root, "hosp/d_labitems", items)
    numbers = ["mean", "between", "within", "slope", "digits", "low", "high"]
    items = items.with_columns(pl.col(numbers).cast(pl.Float64), pl.col("itemid").cast(pl.Int32))
    with TableWriter(root, "hosp/labevents") as writer:
        for chunk, visits in enumerate(population.visits.iter_slices(VISITS_PER_CHUNK)):
            rng = stream(seed, "labs", chunk)
            rows = _rows(rng, visits, _draws(rng, visits), items)
            number = writer.rows + 1 + pl.int_range(pl.len())
            specimen = writer.rows + 10_000_000 + pl.col("specimen").rank("dense")
            writer.append(rows.with_columns(labevent_id=number, specimen_id=specimen))


def _draws(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """When blood was drawn: in the hospital, and in between as needed for the nulls of hadm_id."""
    rows = visits.with_row_index("row").with_columns(
        hours=(pl.col("dischtime") - pl.col("admittime")) / HOUR
    )
    admitted = rows.filter(pl.col("hadm_id").is_not_null() & (pl.col("hours") > 0))
    every = pl.when("in_icu").then(12).otherwise(24)
    wanted = admitted.select((pl.col("hours") / every).ceil().clip(1, MOST_DRAWS)).to_series()
    counts = wanted.to_numpy().astype(np.int64)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    moment = (number + rng.random(len(number))) / np.repeat(counts, counts)
    inside = admitted[np.repeat(np.arange(admitted.height), counts)].select(
        "row",
        place=pl.lit(0),
        charttime=pl.col("admittime") + pl.col("hours") * HOUR * moment,
    )
    # Shares of rows without hadm_id: outpatients o and a part p of the inpatients i, so that
    # (o + p i) / (o + i) is the planted share.
    null, part = dirt.LABS_WITHOUT_ADMISSION, dirt.INPATIENT_LABS_WITHOUT_ADMISSION
    n = round(len(number) * (null - part) / (1 - null))
    outside = rows[rng.integers(0, rows.height, n)]
    to_door = pl.col("via_ed") & pl.Series(rng.random(n) < 0.5)
    before = pl.Series(rng.random(n))
    outside = outside.select(
        "row",
        place=pl.when(to_door).then(1).otherwise(2),
        charttime=pl.when(to_door)
        .then(pl.col("edregtime") + before * (pl.col("admittime") - pl.col("edregtime")))
        .otherwise(pl.col("admittime") - DAY - before * 300 * DAY),
    )
    draws = pl.concat([inside, outside], how="vertical_relaxed")
    return draws.with_columns(pl.col("charttime").cast(pl.Int64) // 60 * 60).sort(
        "row", "charttime", "place"
    )


def _rows(
    rng: np.random.Generator, visits: pl.DataFrame, draws: pl.DataFrame, items: pl.DataFrame
) -> pl.DataFrame:
    """One row per draw and item that was asked for."""
    place, visit = draws["place"].to_numpy(), draws["row"].to_numpy()
    asked = np.array(list(PANELS.values()))[:, np.minimum(place, 1)].T
    panel = items["panel"].replace_strict(list(PANELS), range(len(PANELS))).to_numpy()
    wanted = (rng.random(asked.shape) < asked)[:, panel] & (rng.random((len(place), 1)) < 0.98)
    draw, item = np.nonzero(wanted)
    constants = {name: items[name].to_numpy()[item] for name in items.columns}
    offset = rng.standard_normal((visits.height, items.height))[visit[draw], item]
    severity = visits["z_timeseries"].to_numpy()[visit[draw]] * SEEN_SEVERITY[place[draw]]
    value = constants["mean"] + constants["between"] * offset + constants["slope"] * severity
    value += constants["within"] * rng.standard_normal(len(draw))
    digits = 10.0 ** constants["digits"]
    value = np.rint(np.maximum(value, 0.15 * constants["mean"]) * digits) / digits
    value = np.where(constants["itemid"] == 50817, np.minimum(value, 100), value)
    charttime = draws["charttime"].to_numpy()[draw]
    frame = visits.select("subject_id", "hadm_id")[visit[draw]].with_columns(
        place=place[draw],
        specimen=draw * len(PANELS) + panel[item],
        itemid=constants["itemid"],
        charttime=charttime,
        storetime=charttime + rng.integers(10, 240, len(draw)) * 60,
        order_provider_id=providers(rng, len(draw)),
        value=number_text(value),
        valueuom=take(items["uom"].to_list(), item),
        ref_range_lower=number_text(constants["low"]),
        ref_range_upper=number_text(constants["high"]),
        flag=pl.Series(np.where(_abnormal(value, constants), "abnormal", "")).replace("", None),
        priority=pick(rng, {"STAT": 0.45, "ROUTINE": 0.5, "": 0.05}, len(draw)),
        comments=pick(rng, {"": 0.985, "___": 0.01, 'HEMOLYZED, "SLIGHTLY".': 0.005}, len(draw)),
    )
    return _with_dirt(rng, frame.with_columns(valuenum="value"))


def _abnormal(value: np.ndarray, constants: dict[str, np.ndarray]) -> np.ndarray:
    """True where the value lies outside of its reference range, if it has one."""
    return (value < constants["low"]) | (value > constants["high"])


def _with_dirt(rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """Values that are words, and admissions that are not known."""
    n = rows.height
    text = np.full(n, -1)
    urine = np.flatnonzero(rows["itemid"] == URINE_GLUCOSE)
    text[urine[rng.random(len(urine)) < URINE_GLUCOSE_NEGATIVE]] = TEXTS.index("NEG")
    wordy = chosen(rng, n, dirt.LABS_AS_TEXT)
    text[wordy] = rng.integers(0, len(TEXTS), len(wordy))
    worded = pl.Series(text >= 0)
    outside = rows["place"].to_numpy() > 0
    inside = np.flatnonzero(~outside)
    missing = max(0.0, dirt.LABS_WITHOUT_ADMISSION * n - outside.sum()) / max(1, len(inside))
    unknown = outside.copy()
    unknown[inside[chosen(rng, len(inside), missing)]] = True
    return rows.with_columns(
        value=pl.when(worded).then(take(TEXTS, np.maximum(text, 0))).otherwise("value"),
        valuenum=pl.when(worded).then(None).otherwise("valuenum"),
        hadm_id=pl.when(pl.Series(unknown)).then(None).otherwise("hadm_id"),
    )
