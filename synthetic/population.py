"""Who is admitted when, with which severity, and who dies."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic import dirt, vocabulary
from synthetic.model import (
    chosen,
    identifiers,
    mortality,
    pick,
    seen_severity,
    stream,
    take,
)

HOUR, DAY = 3600, 86400
YEAR_2110 = np.datetime64("2110-01-01", "s").astype(np.int64)
# Patients who only ever see the wards, per ICU stay. (MIMIC-IV has four; fewer keep it small.)
WARD_PATIENTS = 0.7
# How many visits a patient has: 1, 2, 3 or 4.
VISITS = {"icu": (0.68, 0.19, 0.08, 0.05), "ward": (0.75, 0.2, 0.05, 0), "ed": (0.85, 0.15, 0, 0)}
# Of the visits of an ICU patient beyond the first ICU admission, those that reach an ICU too.
ICU_AGAIN = 0.55
VIA_EMERGENCY_ROOM = 0.65
SHORT_STAYS = 0.4  # below 48 h
DIES_IN_ICU = 0.65  # of those who die in an ICU admission; the others die on a ward
AGE_MEAN, AGE_SPREAD = 63, 16


@dataclass(frozen=True)
class Population:
    """Everyone, before anything was measured; times are seconds since 1970.

    Attributes:
        patients: one row per patient, with the columns of hosp/patients.
        visits: one row per hospital visit: an admission, or (hadm_id null) an emergency visit.
            The columns of hosp/admissions, with severities, risk and reason of admission.
        stays: one row per ICU stay, with the columns of icu/icustays and the row of its `visit`.
    """

    patients: pl.DataFrame
    visits: pl.DataFrame
    stays: pl.DataFrame

    def without_unseen(self, seen: pl.Series) -> "Population":
        """Leave out emergency visits not in `seen` (visit numbers) and patients with no visit."""
        keep = pl.col("hadm_id").is_not_null() | pl.col("visit").is_in(seen.unique().implode())
        visits = self.visits.filter(keep)
        patients = self.patients.join(visits, on="subject_id", how="semi", maintain_order="left")
        return Population(patients, visits, self.stays)


def draw_population(seed: int, stays: int, emergency_patients: int) -> Population:
    """Draw a population with exactly `stays` ICU stays."""
    rng = stream(seed, "population")
    visits = _visits(rng, stays, emergency_patients)
    visits = _with_times(rng, visits)
    ids = identifiers(seed, "subject", 1, visits["patient"].to_numpy().max() + 1)
    hadm_ids = identifiers(seed, "hadm", 2, visits.height)
    visits = visits.with_columns(
        subject_id=ids[visits["patient"].to_numpy()],
        hadm_id=pl.when(pl.col("kind") != "ed").then(pl.lit(hadm_ids)),
        visit=pl.int_range(pl.len()),
    )
    visits = add_reasons(rng, visits)
    icustays = _stays(rng, visits, identifiers(seed, "stay", 3, stays))
    visits = _with_outcome(rng, visits, icustays)
    return Population(_patients(rng, visits), _with_administration(rng, visits), icustays)


def _visits(rng: np.random.Generator, stays: int, emergency_patients: int) -> pl.DataFrame:
    """Visits in order of patient and time, with severity and outcome, none after a death."""
    # Surplus ICU patients, for those whom death keeps from their ICU stay.
    sizes = {"icu": stays + 5, "ward": round(WARD_PATIENTS * stays) + 1, "ed": emergency_patients}
    kind = np.repeat(list(sizes), list(sizes.values()))
    counts = np.concatenate([rng.choice(4, sizes[k], p=VISITS[k]) + 1 for k in sizes])
    patient = np.repeat(np.arange(len(kind)), counts)
    number = np.arange(len(patient)) - np.repeat(np.cumsum(counts) - counts, counts)
    first_icu = np.repeat(rng.integers(0, counts), counts)
    in_icu = (kind[patient] == "icu") & (
        (number == first_icu) | (rng.random(len(patient)) < ICU_AGAIN)
    )
    z = rng.standard_normal(len(patient))
    risk = np.where(kind[patient] == "ed", 0, mortality(z, in_icu))
    died = rng.random(len(patient)) < risk
    frame = pl.DataFrame(
        {"patient": patient, "number": number, "kind": kind[patient], "in_icu": in_icu}
        | {"z": z, **seen_severity(rng, z), "p_mortality": risk, "died": died}
    ).with_columns(stays=pl.lit(in_icu * (1 + (rng.random(len(z)) < dirt.TWO_STAYS))))
    dead_before = pl.col("died").cum_sum().over("patient") - pl.col("died")
    frame = frame.filter(dead_before == 0)
    stays_before = pl.col("stays").cum_sum() - pl.col("stays")
    frame = frame.filter((pl.col("kind") != "icu") | (stays_before < stays))
    return frame.with_columns(stays=pl.min_horizontal("stays", stays - stays_before))


def _with_times(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """Arrival at the emergency room and admission, visits of a patient months apart."""
    n = visits.height
    first = rng.integers(YEAR_2110, YEAR_2110 + 90 * 365 * DAY, n)
    # No visit lasts 90 days: visits overlap only where this is planted.
    gap = (90 + rng.exponential(200, n)) * DAY
    step = np.where(visits["number"].to_numpy() == 0, first, gap).astype(np.int64) // 60 * 60
    via_ed = (visits["kind"].to_numpy() == "ed") | (rng.random(n) < VIA_EMERGENCY_ROOM)
    waiting = rng.integers(60, 14 * 60, n) * 60
    boarding = rng.integers(5, 4 * 60, n) * 60
    return (
        visits.with_columns(step=step, via_ed=via_ed)
        .with_columns(admittime=pl.col("step").cum_sum().over("patient"))
        .with_columns(
            edregtime=pl.when("via_ed").then(pl.col("admittime") - waiting),
            edouttime=pl.when("via_ed").then(pl.col("admittime") + boarding),
        )
    )


def add_reasons(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """Why each patient came: type of admission, service, complaint and diagnosis."""
    n = visits.height
    types = pl.select(
        pl.when(visits["via_ed"])
        .then(pick(rng, vocabulary.EMERGENCY_TYPES, n))
        .otherwise(pick(rng, vocabulary.PLANNED_TYPES, n))
    ).to_series()
    elective = types.is_in(vocabulary.ELECTIVE_TYPES).to_numpy()
    urgent_rows, planned_rows = (
        vocabulary.conditions(kind).drop("kind") for kind in ("emergency", "elective")
    )
    row = np.where(
        elective,
        urgent_rows.height + rng.integers(0, planned_rows.height, n),
        rng.integers(0, urgent_rows.height, n),
    )
    reasons = pl.concat([urgent_rows, planned_rows])[row]
    return visits.hstack(reasons).with_columns(admission_type=types)


def _stays(rng: np.random.Generator, visits: pl.DataFrame, ids: np.ndarray) -> pl.DataFrame:
    """ICU stays: a mixture of short and long ones, the second a day or more after the first."""
    frame = visits.filter(pl.col("stays") > 0).select(
        "visit", "subject_id", "hadm_id", "stays", "service", "admittime", "edouttime"
    )
    frame = frame[np.repeat(np.arange(frame.height), frame["stays"])]
    n = frame.height
    number = pl.int_range(pl.len()).over("visit")
    short = np.clip(rng.lognormal(np.log(26), 0.5, n), 4, 47.9)
    long = np.clip(48 + rng.exponential(55, n), 48, 20 * 24)
    hours = np.where(rng.random(n) < SHORT_STAYS, short, long)
    wait = np.clip(rng.lognormal(np.log(1.5), 1.2, n), 0.05, 96)
    between = 6 + rng.exponential(48, n)
    frame = frame.with_columns(
        stay_id=ids, number=number, length=(hours * HOUR).astype(np.int64)
    ).with_columns(
        entry=pl.when(pl.col("number") == 0)
        .then(pl.col("edouttime").fill_null(pl.col("admittime")) + wait * HOUR)
        .otherwise(pl.col("length").shift(1) + between * HOUR)
        .cast(pl.Int64)
    )
    frame = frame.with_columns(intime=pl.col("entry").cum_sum().over("visit"))
    frame = frame.with_columns(outtime=pl.col("intime") + pl.col("length"))
    return _with_units(rng, frame)


def _with_units(rng: np.random.Generator, stays: pl.DataFrame) -> pl.DataFrame:
    """First and last care unit; some patients move on to another unit."""
    usual, other = (
        stays["service"].replace_strict(
            {service: units[k] for service, units in vocabulary.UNITS_OF_SERVICE.items()}
        )
        for k in (0, 1)
    )
    swap = pl.Series(rng.random(stays.height) < 0.3)
    moved = np.zeros(stays.height, dtype=bool)
    moved[chosen(rng, stays.height, dirt.TRANSFERRED_STAYS)] = True
    last_is_other = swap ^ pl.Series(moved)
    return stays.select(
        "visit", "subject_id", "hadm_id", "stay_id", "number", "intime", "outtime"
    ).with_columns(
        first_careunit=pl.when(swap).then(other).otherwise(usual),
        last_careunit=pl.when(last_is_other).then(other).otherwise(usual),
    )


def _with_outcome(
    rng: np.random.Generator, visits: pl.DataFrame, stays: pl.DataFrame
) -> pl.DataFrame:
    """Discharge and death: the dead leave with their last ICU stay or from a ward."""
    n = visits.height
    leaves_icu = stays.group_by("visit", maintain_order=True).agg(left=pl.col("outtime").max())
    visits = visits.join(leaves_icu, on="visit", how="left", maintain_order="left")
    ward = np.clip(rng.lognormal(np.log(60), 0.8, n), 6, 30 * 24) * HOUR
    dies_in_icu = pl.Series(rng.random(n) < DIES_IN_ICU) & visits["died"] & visits["in_icu"]
    after = pl.when(dies_in_icu).then(0).otherwise(ward)
    end = (pl.col("left").fill_null(pl.col("admittime")) + after).cast(pl.Int64) // 60 * 60
    visits = visits.with_columns(
        dischtime=pl.when(pl.col("kind") == "ed").then("edouttime").otherwise(end)
    ).with_columns(deathtime=pl.when("died").then("dischtime"))
    return _with_odd_discharges(rng, visits).drop("left")


def _with_odd_discharges(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """Discharges at midnight before the death, and after the next admission began."""
    end = visits["dischtime"].to_numpy().copy()
    dead = np.flatnonzero(visits["died"])
    midnight = dead[chosen(rng, len(dead), dirt.DISCHARGED_AT_MIDNIGHT)]
    end[midnight] = end[midnight] // DAY * DAY
    patient, start = visits["patient"].to_numpy(), visits["admittime"].to_numpy()
    followed = (patient[:-1] == patient[1:]) & (visits["kind"].to_numpy()[:-1] != "ed")
    followed = np.flatnonzero(followed)
    early = followed[chosen(rng, len(followed), dirt.OVERLAPPING_ADMISSIONS)]
    end[early] = start[early + 1] + rng.integers(2 * 60, 20 * 60, len(early)) * 60
    return visits.with_columns(dischtime=pl.lit(end))


def _patients(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """hosp/patients: the age shows z_tabular of the first visit; dates of death in and after."""
    frame = visits.group_by("patient", "subject_id", maintain_order=True).agg(
        pl.col("z_tabular", "admittime", "kind").first(), pl.col("dischtime", "deathtime").last()
    )
    n = frame.height
    spread = visits["z_tabular"].std() or 1.0
    age = np.rint(AGE_MEAN + AGE_SPREAD * frame["z_tabular"].to_numpy() / spread)
    before = rng.choice(3, n, p=(0.7, 0.2, 0.1))
    age = np.clip(age - before, 18, 100)
    icu_patients = np.flatnonzero(frame["kind"] == "icu")
    minors = icu_patients[chosen(rng, len(icu_patients), dirt.MINORS)]
    age[minors], before[minors] = 17, 0
    year = frame["admittime"].to_numpy().astype("datetime64[s]").astype("datetime64[Y]")
    later = np.clip(rng.exponential(120, n), 1, 364) * DAY
    later = np.where(rng.random(n) < dirt.DIED_LATER, later, np.nan)
    later[chosen(rng, n, dirt.DIED_ON_DISCHARGE_DAY)] = 0
    dod = pl.col("deathtime").fill_null(pl.col("dischtime") + pl.Series(later).fill_nan(None))
    return frame.select(
        "subject_id",
        gender=pick(rng, {"M": 0.55, "F": 0.45}, n),
        anchor_age=pl.Series(np.where(age > 89, 91, age).astype(np.int16)),
        anchor_year=pl.Series(year.astype(np.int64) + 1970 - before),
        anchor_year_group=pl.when(frame["kind"] == "ed")
        .then(pick(rng, dict.fromkeys(vocabulary.CXR_PERIODS, 0.5), n))
        .otherwise(pick(rng, vocabulary.PERIODS, n)),
        dod=(dod.cast(pl.Int64) // DAY * DAY),
    )


def _with_administration(rng: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """The remaining columns of hosp/admissions; some are a patient's, some a visit's."""
    n, patients = visits.height, visits["patient"].to_numpy().max() + 1
    whose = visits["patient"]
    of_patient = {
        name: pick(rng, shares, patients).gather(whose)
        for name, shares in (
            ("race", vocabulary.RACE),
            ("language", vocabulary.LANGUAGE),
            ("marital_status", vocabulary.MARITAL),
            ("insurance", vocabulary.INSURANCE),
        )
    }
    left_to = pick(rng, vocabulary.DISCHARGE_LOCATIONS, n)
    return visits.with_columns(
        **of_patient,
        admit_provider_id=providers(rng, n),
        admission_location=pl.when("via_ed")
        .then(pick(rng, vocabulary.EMERGENCY_LOCATIONS, n))
        .otherwise(pick(rng, vocabulary.PLANNED_LOCATIONS, n)),
        discharge_location=pl.when("died").then(pl.lit("DIED")).otherwise(left_to),
        hospital_expire_flag=pl.col("died").cast(pl.Int8),
    )


def providers(rng: np.random.Generator, count: int) -> pl.Series:
    """Made-up provider ids such as P04X7C, as many as there are rows, from two hundred people."""
    letters = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    people = ["P" + "".join(row) for row in rng.choice(letters, (200, 5))]
    return take(people, rng.integers(0, len(people), count))
