"""What nobody surpasses but by luck: an ideal reader of generated data, on the same test samples.

The generator draws one severity z per visit, death from it, and per modality a z_m = z + noise;
what a modality shows follows z_m and nuisance alone, and whether it is there follows neither.
`raw/truth.parquet` holds z, the z_m and the probability of death. An ideal reader knows the laws,
and the z_m of the modalities that a sample has: who reads the raw data knows less.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lanistr.data.cache import SPLITS, STAGES, Cache
from lanistr.errors import DataContractError
from lanistr.evaluation.metrics import weighted_auroc
from lanistr.evaluation.predictions import population
from lanistr.experiments.config import Experiment
from lanistr.modality import Modality

NODES = 32  # of the Gauss-Hermite quadrature over a posterior


@dataclass(frozen=True)
class Truth:
    """What was drawn for the ICU stays, and the laws it was drawn by, read off the draws.

    Attributes:
        visits: one row per stay, with `stay_id`, `z`, `p_mortality` and `z_<modality>`.
        noise: standard deviation of z_m - z.
        intercept: of the log odds of death as a line in z.
        slope: of that line.
    """

    visits: pl.DataFrame
    noise: dict[Modality, float]
    intercept: float
    slope: float


def read_truth(path: Path) -> Truth:
    """The generator's truth.

    Raises:
        DataContractError: not such a file.
    """
    try:
        visits = pl.read_parquet(path, glob=False).filter(pl.col("stay_id").is_not_null())
        z, risk = visits["z"].to_numpy(), visits["p_mortality"].to_numpy()
        noise = {
            modality: float(np.std(visits[f"z_{modality}"].to_numpy() - z)) for modality in Modality
        }
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not the truth of generated data ({type(error).__name__}). Generate again."
        ) from None
    inside = (risk > 1e-12) & (risk < 1 - 1e-12)
    slope, intercept = np.polyfit(z[inside], np.log(risk[inside] / (1 - risk[inside])), 1)
    return Truth(visits, noise, float(intercept), float(slope))


def ideal_auroc(truth: Truth, cache: Cache, experiment: Experiment) -> tuple[float, float]:
    """The AUROC that an ideal reader reaches on the test samples, of 1.

    Args:
        truth: of the generator.
        cache: says which test samples there are, what each has, and how it ended.
        experiment: says which modalities the reader sees, where a sample has them, and of whom.

    Returns:
        With the modalities; and with the severity z itself, which only the generator sees.

    Raises:
        DataContractError: test samples that were not generated.
    """
    z = severities(truth, finetuning_samples(cache))["z"].to_numpy()
    test = population(cache, experiment)
    visits = severities(truth, test)
    seen = {m: (visits[f"z_{m}"].to_numpy(), test[f"{m}_row"] >= 0) for m in experiment.modalities}
    risk = risk_given(truth, seen, prior=(float(z.mean()), float(z.std())))
    once = np.ones((1, len(test)))
    label = cache.targets(test, cache.task_of(experiment))[:, 0]
    known = visits["p_mortality"].to_numpy()
    return (
        float(weighted_auroc(label, risk, once)[0]),
        float(weighted_auroc(label, known, once)[0]),
    )


def finetuning_samples(cache: Cache) -> np.ndarray:
    """The labeled samples that are learned from; their severities are what one expects."""
    samples = cache.samples
    test = samples["split"] == SPLITS.index("test")
    return samples[(samples["stage"] == STAGES.index("finetune")) & ~test]


def severities(truth: Truth, samples: np.ndarray) -> pl.DataFrame:
    """The truth of samples, in their order; the id of a labeled sample is that of its stay."""
    wanted = pl.DataFrame({"stay_id": samples["sample_id"]})
    known = truth.visits.with_columns(pl.col("stay_id").cast(pl.Int64))
    found = wanted.join(known, on="stay_id", how="left", maintain_order="left")
    if lost := found["z"].null_count():
        raise DataContractError(
            f"{lost} of {len(samples)} samples are not in the generator's truth. "
            "Generate and cache again, or leave the truth out."
        )
    return found


def risk_given(
    truth: Truth,
    seen: dict[Modality, tuple[np.ndarray, np.ndarray]],
    prior: tuple[float, float],
) -> np.ndarray:
    """The probability of death given what is seen of z, (N,).

    Args:
        truth: the laws.
        seen: per modality z_m and True where the sample has it, (N,) each.
        prior: mean and standard deviation of z where nothing is seen; taken as normal.
    """
    mean, spread = prior
    precision, pulled = np.array([1 / spread**2]), np.array([mean / spread**2])
    for modality, (value, has) in seen.items():
        weight = has / truth.noise[modality] ** 2
        precision, pulled = precision + weight, pulled + weight * value
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    z = (pulled / precision)[:, None] + nodes / np.sqrt(precision)[:, None]
    return 1 / (1 + np.exp(-(truth.intercept + truth.slope * z))) @ weights / weights.sum()
