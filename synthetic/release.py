"""All three releases at once: MIMIC-IV 2.2, MIMIC-IV-Note 2.2 and MIMIC-CXR-JPG 2.0.0."""

import logging
import time
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.errors import ConfigError
from synthetic.cxr import write_cxr
from synthetic.discharge import write_discharge
from synthetic.hosp import write_hosp
from synthetic.icu import write_icu
from synthetic.imaging import draw_studies
from synthetic.labs import write_labs
from synthetic.patients_of import population_of
from synthetic.population import Population, draw_population
from synthetic.radiology import write_radiology
from synthetic.write import prepare_root

log = logging.getLogger(__name__)

STAYS, IMAGES = 900, 3000


def generate(
    *,
    mimic: Annotated[Path | None, Option(help="Folder to write hosp/ and icu/ to")] = None,
    notes: Annotated[Path | None, Option(help="Folder to write note/ to")] = None,
    cxr: Annotated[Path | None, Option(help="Folder to write files/ and its tables to")] = None,
    stays: Annotated[
        int | None, Option(min=1, help="Number of ICU stays; 900 if not given")
    ] = None,
    images: Annotated[
        int | None,
        Option(
            min=0,
            help="Number of radiographs; if not given 3000, or what --patients-of needs",
        ),
    ] = None,
    seed: Annotated[int, Option(min=0, help="Seed of the population")] = 0,
    truth: Annotated[Path | None, Option(help="Parquet of the planted severities to write")] = None,
    patients_of: Annotated[
        Path | None, Option(help="Root of MIMIC-IV whose patients get notes and radiographs")
    ] = None,
) -> None:
    """Write the releases whose folder is given; what is not named is not written.

    The same seed and sizes give the same bytes, whichever of the three are written.

    Args:
        mimic: where to write MIMIC-IV (`hosp/`, `icu/`).
        notes: where to write MIMIC-IV-Note (`note/`).
        cxr: where to write MIMIC-CXR-JPG (`files/` and four tables).
        stays: ICU stays, 900 if not given.
        images: radiographs, 3000 if not given; with `patients_of` as many as its patients need.
        seed: another seed, another population.
        truth: Parquet file for the latent severities, which no pipeline step may read.
        patients_of: a real MIMIC-IV root whose patients get notes and radiographs.

    Raises:
        ConfigError: nothing or contradicting things to write, real data in the way, or too few
            patients for a note or a radiograph.
    """
    if not (mimic or notes or cxr or truth):
        raise ConfigError(
            "Nothing to write: give at least one of --mimic, --notes, --cxr, --truth."
        )
    if patients_of and (mimic or stays):
        raise ConfigError(
            "--patients-of takes patients and stays from a root: leave out --mimic and --stays."
        )
    started = time.monotonic()
    population, studies = _draw(seed, stays or STAYS, images, patients_of)
    remark = _remark(seed, population, studies, patients_of)
    for root in {root for root in (mimic, notes, cxr) if root}:
        prepare_root(root, remark)
    if truth:
        truth.parent.mkdir(parents=True, exist_ok=True)
        severities(population).write_parquet(truth)
    if mimic:
        write_hosp(mimic, seed, population)
        write_labs(mimic, seed, population)
        write_icu(mimic, seed, population)
    made = {}
    if notes:
        made["reports"] = write_radiology(notes, seed, population, studies)
        made["discharge summaries"] = write_discharge(notes, seed, population)
    if cxr:
        write_cxr(cxr, seed, studies)
        made["radiographs of emergency patients of 2011 to 2016"] = int(studies["images"].sum())
    _refuse_none(made, population)
    log.info(
        "generated %d patients, %d stays, %d radiographs in %.1f s",
        population.patients.height,
        population.stays.height,
        studies["images"].sum(),
        time.monotonic() - started,
    )


def _draw(
    seed: int, stays: int, images: int | None, patients_of: Path | None
) -> tuple[Population, pl.DataFrame]:
    """The population and its imaging studies."""
    if patients_of:
        population = population_of(patients_of, seed)
        return population, draw_studies(seed, population, images)
    images = IMAGES if images is None else images
    # One radiograph at least per emergency patient: so many are enough, the others are left out.
    population = draw_population(seed, stays, emergency_patients=images)
    studies = draw_studies(seed, population, images)
    population = population.without_unseen(studies.filter(pl.col("images") > 0)["visit"])
    return population, studies.join(
        population.visits, on="visit", how="semi", maintain_order="left"
    )


def _refuse_none(made: dict[str, int], population: Population) -> None:
    """Refuse a table without a row: no step could read it."""
    if none := [what for what, count in made.items() if not count]:
        raise ConfigError(
            f"{population.patients.height} patients with {population.stays.height} ICU stays have "
            f"no {' and no '.join(none)}: too few, or --images 0. Ask for more (generate.stays and "
            "generate.images of a configuration, or a larger root), or give notes or radiographs "
            "of your own."
        )


def severities(population: Population) -> pl.DataFrame:
    """The truth: what was drawn for each visit, one row per ICU stay, or per visit without one."""
    visits = population.visits.select(
        "subject_id", "hadm_id", "visit", "z", "z_timeseries", "z_image", "z_text", "z_tabular",
        "p_mortality", "died",
    )  # fmt: skip
    stays = population.stays.select("visit", "stay_id", "intime", "outtime")
    return (
        visits.join(stays, on="visit", how="left", maintain_order="left_right")
        .with_columns(los_hours=(pl.col("outtime") - pl.col("intime")) / 3600)
        .drop("visit", "intime", "outtime")
    )


def _remark(
    seed: int, population: Population, studies: pl.DataFrame, patients_of: Path | None
) -> str:
    """The text of the marker file."""
    origin = (
        "Identifiers, admissions, stays and outcomes are those of an existing MIMIC-IV root; "
        "the radiographs and notes here are synthetic and show or describe no real patient.\n"
        if patients_of
        else "Everything here is synthetic: no row, image or note is of a real patient.\n"
    )
    return (
        "GENERATED DATA in the layouts of MIMIC-IV 2.2, MIMIC-IV-Note 2.2 and MIMIC-CXR-JPG "
        f"2.0.0,\nmade by `python -m preprocessing generate-mimic` with seed {seed}.\n{origin}"
        f"{population.patients.height} patients, {population.stays.height} ICU stays, "
        f"{studies['images'].sum()} radiographs.\n"
        "Severities are planted (synthetic/model.py): no number computed from these "
        "data says anything about medicine.\n"
    )
