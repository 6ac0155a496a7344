"""Which examinations a visit brings, and which of them left radiographs and reports.

Missingness is structural, and independent of the severity: MIMIC-CXR covers emergency patients of
2011 to 2016, so whole admissions lack radiographs by period and by door of entry; reports are
missing for a share of visits that depends on the period.
"""

import numpy as np
import polars as pl

from synthetic.model import identifiers, pick, stream
from synthetic.population import Population
from synthetic.vocabulary import CXR_PERIODS, PERIODS

HOUR = 3600
PORTABLE, TWO_VIEWS = "CHEST (PORTABLE AP)", "CHEST (PA & LAT)"
OTHER_EXAMS = {
    "CT HEAD W/O CONTRAST": 0.4,
    "CT CHEST W/CONTRAST": 0.3,
    "LIVER OR GALLBLADDER US": 0.3,
}
REPORTED = {period: 0.6 if period == "2008 - 2010" else 0.85 for period in PERIODS}
# From one study to the next of a visit, the findings change by this much in units of z.
CHANGE_BETWEEN_STUDIES = 0.3


def draw_studies(seed: int, population: Population, images: int | None) -> pl.DataFrame:
    """The imaging studies of a population, in order of visit and time.

    Args:
        seed: of the whole generated data set.
        population: its visits and stays.
        images: the number of radiographs, exact if there are enough studies; None = no limit.

    Returns:
        visit, subject_id, hadm_id, time, exam, images (how many radiographs), reported,
        study_id, z_image.
    """
    rng = stream(seed, "imaging")
    period = population.patients.select("subject_id", period="anchor_year_group")
    visits = population.visits.join(period, on="subject_id", how="left", maintain_order="left")
    studies = pl.concat(_occasions(rng, visits, population.stays)).sort("visit", "time", "exam")
    studies = studies.join(
        visits.select(
            "visit",
            "z_image",
            photographed=pl.col("via_ed") & pl.col("period").is_in(CXR_PERIODS),
            reported=pl.Series(rng.random(visits.height))
            < pl.col("period").replace_strict(REPORTED, return_dtype=pl.Float64),
        ),
        on="visit",
        how="left",
        maintain_order="left",
    )
    n = studies.height
    count = pl.when(pl.col("exam") == PORTABLE).then(1).when(pl.col("exam") == TWO_VIEWS).then(2)
    more = pl.Series((rng.random(n) < 0.15).astype(np.int64))
    studies = studies.with_columns(
        images=pl.when("photographed").then(count + more).fill_null(0),
        z_image=pl.col("z_image") + CHANGE_BETWEEN_STUDIES * rng.standard_normal(n),
        study_id=identifiers(seed, "study", 5, n),
    )
    left = (images if images is not None else 10**9) - pl.col("images").cum_sum()
    return studies.with_columns(
        images=(pl.col("images") + left.clip(upper_bound=0)).clip(lower_bound=0)
    ).drop("photographed")


def _occasions(
    rng: np.random.Generator, visits: pl.DataFrame, stays: pl.DataFrame
) -> list[pl.DataFrame]:
    """The occasions for imaging: arrival, the first two days in the ICU, later, on the ward."""
    start, end, both = pl.col("start"), pl.col("end"), {PORTABLE: 0.5, TWO_VIEWS: 0.5}
    at_door = visits.filter("via_ed").with_columns(start="edregtime", end="admittime")
    emergency_only = pl.col("hadm_id").is_null()
    in_icu = stays.with_columns(
        start="intime", end=pl.min_horizontal("outtime", pl.col("intime") + 47 * HOUR)
    )
    after = stays.with_columns(start=pl.col("intime") + 48 * HOUR, end="outtime")
    admitted = visits.filter(~emergency_only).with_columns(start="admittime", end="dischtime")
    occasions: list[tuple[pl.DataFrame, float, dict[str, float]]] = [
        (at_door.filter(emergency_only), 1.0, {PORTABLE: 0.4, TWO_VIEWS: 0.6}),
        (at_door.filter(~emergency_only), 0.5, both),
        (in_icu, 0.85, {PORTABLE: 1}),
        (in_icu, 0.45, {PORTABLE: 0.95, TWO_VIEWS: 0.05}),
        (after.filter(end > start), 0.6, {PORTABLE: 0.85, TWO_VIEWS: 0.15}),
        (admitted.filter((~pl.col("in_icu")) & (end > start)), 0.45, both),
        (admitted.filter(end > start), 0.4, OTHER_EXAMS),
    ]
    return [_studies_of(rng, *occasion) for occasion in occasions]


def _studies_of(
    rng: np.random.Generator, rows: pl.DataFrame, share: float, exams: dict[str, float]
) -> pl.DataFrame:
    """One study for a share of the rows, at a random minute between start and end."""
    rows = rows.filter(pl.Series(rng.random(rows.height) < share, dtype=pl.Boolean))
    moment = rng.random(rows.height)
    return rows.select(
        "visit",
        "subject_id",
        "hadm_id",
        time=((pl.col("end") - pl.col("start")) * moment).cast(pl.Int64) + pl.col("start"),
        exam=pick(rng, exams, rows.height),
    )
