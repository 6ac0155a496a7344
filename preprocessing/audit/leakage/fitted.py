"""Scales and vocabularies, fitted again on the training split alone and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import Measure
from preprocessing.datasets.mimic.schemas import HOURS, VALUES, VARIABLES

if TYPE_CHECKING:
    from preprocessing.datasets.amazon.leakage import Category, Reviews
    from preprocessing.datasets.mimic.leakage import Mimic

# In standard deviations; single precision in the shards costs less than a tenth of it.
TOLERANCE = 5e-5
ROWS_AT_ONCE = 1024


def of_series_and_columns(shards: Mimic) -> Finding:
    """Means, deviations and vocabularies of MIMIC that training alone does not give."""
    facts = shards.manifest
    shifts: dict[str, float] = {}
    if facts["switches"]["statistics"] == "train":
        shifts |= _series_shifts(shards)
    tabular = shards.scan("tabular").filter(pl.col("split") == "train").collect()
    for name, scale in facts["tabular"]["numeric"].items():
        shifts[name] = shift(scale, tabular[name])
    vocabularies = facts["tabular"]["categorical"]
    unknown = {
        name: outside(values, tabular[name].unique()) for name, values in vocabularies.items()
    }
    return _finding(shifts, unknown)


def borrowed(shards: Mimic) -> Finding:
    """Whether the series are scaled by the statistics of the reference's own data."""
    source = shards.manifest["switches"]["statistics"]
    settings = [] if source == "train" else [f"switch statistics={source}"]
    return Finding("borrowed-statistics", settings=settings)


def of_reviews(shards: Reviews) -> Finding:
    """Means, deviations and vocabularies of the reviews that training alone does not give.

    Where there is a pretraining category, its training split is what all are fitted to.
    """
    pretraining = [category for category in shards.categories if category.pretrains]
    shifts, unknown = {}, {}
    for category in shards.categories:
        fitted_on = pretraining[0] if pretraining else category
        train = fitted_on.scan("tabular").filter(pl.col("split") == "train")
        for name, scale in category.facts["numeric"].items():
            column = train.select(name).collect()[name]
            shifts[f"{name} of {category.name}"] = shift(scale, column)
        for name, values in category.facts["categorical"].items():
            known = train.select(pl.col(name).unique().cast(pl.String)).collect()[name]
            unknown[f"{name} of {category.name}"] = outside(values, known)
        unknown |= _identifiers(category, train)
    return _finding(shifts, unknown)


def _identifiers(category: Category, train: pl.LazyFrame) -> dict[str, int]:
    """How many products and reviewers have a code without being in training."""
    coded = pl.read_parquet(category.folder / "identifiers.parquet")
    found = {}
    for name in coded["feature"].unique(maintain_order=True):
        values = coded.filter(feature=name).select("value")
        known = train.select(value=name).unique().collect()
        found[f"{name} of {category.name}"] = values.join(known, on="value", how="anti").height
    return found


def _finding(shifts: Mapping[str, float], unknown: Mapping[str, int]) -> Finding:
    largest = max(shifts, key=shifts.__getitem__)
    measure = Measure(
        of=f"largest difference to training, of {largest} among {len(shifts)} scales",
        metric="standard deviations",
        value=shifts[largest],
    )
    return Finding(
        "fitted-outside-training",
        counts={
            f"values in the vocabulary of {name} that training does not have": count
            for name, count in unknown.items()
        },
        settings=[
            f"scale of {name}: {shifted:.2g} standard deviations from training's"
            for name, shifted in shifts.items()
            if shifted > TOLERANCE
        ],
        measures=[measure],
    )


def shift(scale: Mapping[str, float], train: pl.Series) -> float:
    """How far a mean and deviation are from those of training, in deviations; 0 if it has none.

    >>> shift({"mean": 3.0, "std": 1.0}, pl.Series([1.0, 3.0]))
    1.0
    """
    values = train.drop_nulls().cast(pl.Float64).to_numpy()
    if not len(values):
        return 0.0
    return _shift(scale["mean"], scale["std"], values.mean(), values.std())


def _shift(mean: float, std: float, train_mean: float, train_std: float) -> float:
    """The larger of the two differences; a constant has deviation 1 by convention."""
    unit = train_std or 1.0
    # The manifest has 0 or 1 for a constant, by data set.
    spread = 0.0 if train_std == 0 and std in (0.0, 1.0) else abs(std - train_std)
    return float(max(abs(mean - train_mean), spread) / unit)


def outside(vocabulary: Iterable[str], known: Iterable[str | None]) -> int:
    """How many entries of a vocabulary, the reserved ones aside, training does not have.

    >>> outside(["<unseen>", "ASIAN", "WHITE"], ["WHITE", None])
    1
    """
    return len({value for value in vocabulary if not value.startswith("<")} - set(known))


def _series_shifts(shards: Mimic) -> dict[str, float]:
    """Of each column of the series that holds a number."""
    facts = shards.manifest["timeseries"]
    numbers = [i for i, name in enumerate(facts["value_names"]) if "->" not in name]
    mean, std = _series_moments(shards, np.array(facts["variable_of_value"])[numbers], numbers)
    return {
        facts["value_names"][column]: _shift(facts["mean"][column], facts["std"][column], *moments)
        for column, *moments in zip(numbers, mean, std, strict=True)
        if not np.isnan(moments[0])
    }


def _series_moments(
    shards: Mimic, variables: NDArray[Any], columns: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of some columns over the observed hours of training; NaN if none.

    Sums are of differences to the manifest's mean, which loses no digits to large means.
    """
    origin = np.array(shards.manifest["timeseries"]["mean"])[columns]
    count, total, squares = (np.zeros(len(columns)) for _ in range(3))
    for path in shards.parts("timeseries"):
        batches = pq.ParquetFile(path).iter_batches(
            ROWS_AT_ONCE, columns=["split", "values", "observed"]
        )
        for batch in batches:
            rows = pl.DataFrame(batch).filter(pl.col("split") == "train")
            values = rows["values"].to_numpy().reshape(-1, HOURS, VALUES)[:, :, columns]
            observed = rows["observed"].to_numpy().reshape(-1, HOURS, VARIABLES)[:, :, variables]
            there = observed == 1
            apart = np.where(there, values.astype(np.float64) - origin, 0.0)
            count += there.sum(axis=(0, 1))
            total += apart.sum(axis=(0, 1))
            squares += (apart**2).sum(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        mean = total / count
        return origin + mean, np.sqrt(np.maximum(squares / count - mean**2, 0))
