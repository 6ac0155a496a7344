"""Scales and vocabularies, fitted again on the training split alone and compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import DEVIATIONS, Measure
from preprocessing.audit.shards import Shards

# In standard deviations; single precision in the shards costs less than a tenth of it.
TOLERANCE = 5e-5
ROWS_AT_ONCE = 1024


def find_misfits(variants: Sequence[Shards], *, series: bool = True) -> Finding:
    """Means, deviations and vocabularies that training alone does not give.

    Where a variant only pretrains, its training split is what all are fitted to.

    Args:
        variants: shards that are trained on together.
        series: False if the scales of the series are known to be of other data.
    """
    shifts: dict[str, float] = {}
    unknown: dict[str, int] = {}
    pretraining = [shards for shards in variants if shards.finetuned.is_empty()]
    for shards in variants:
        if series and "timeseries" in shards.manifest:
            shifts |= _series_shifts(shards)
        if "tabular" in shards.manifest:
            fitted_on = pretraining[0] if pretraining else shards
            table, facts = fitted_on.card.modalities["tabular"].table, shards.manifest["tabular"]
            train = fitted_on.scan(table).filter(pl.col("split") == "train")
            for name, scale in facts.get("numeric", {}).items():
                shifts[shards.named(name)] = shift(scale, train.select(name).collect()[name])
            for name, values in facts.get("categorical", {}).items():
                known = train.select(pl.col(name).unique().cast(pl.String)).collect()[name]
                unknown[shards.named(name)] = count_outside(values, known)
            unknown |= _identifiers(shards, train)
    return _finding(shifts, unknown)


def _identifiers(shards: Shards, train: pl.LazyFrame) -> dict[str, int]:
    """How many values of identifiers have a code without being in training."""
    if not shards.parts("identifiers"):
        return {}
    coded = shards.scan("identifiers").collect()
    found = {}
    for name in coded["feature"].unique(maintain_order=True):
        values = coded.filter(feature=name).select("value")
        known = train.select(value=pl.col(name).cast(pl.String)).unique().collect()
        found[shards.named(name)] = values.join(known, on="value", how="anti").height
    return found


def _finding(shifts: Mapping[str, float], unknown: Mapping[str, int]) -> Finding:
    measures = []
    if shifts:
        largest = max(shifts, key=shifts.__getitem__)
        of = f"largest difference to training, of {largest} among {len(shifts)} scales"
        measures = [Measure(of, metric=DEVIATIONS, value=shifts[largest])]
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
        measures=measures,
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


def count_outside(vocabulary: Iterable[str], known: Iterable[str | None]) -> int:
    """How many entries of a vocabulary, the reserved ones aside, training does not have.

    >>> count_outside(["<unseen>", "ASIAN", "WHITE"], ["WHITE", None])
    1
    """
    return len({value for value in vocabulary if not value.startswith("<")} - set(known))


def _series_shifts(shards: Shards) -> dict[str, float]:
    """Of each column of the series that was scaled: mean 0 and deviation 1 leave one as it is."""
    facts = shards.manifest["timeseries"]
    names = facts.get("value_names", facts["variable_names"])
    scales = list(zip(facts["mean"], facts["std"], strict=True))
    scaled = [column for column, scale in enumerate(scales) if scale != (0, 1)]
    if not scaled:
        return {}
    mean, std = _series_moments(shards, scaled)
    return {
        names[column]: _shift(*scales[column], *moments)
        for column, *moments in zip(scaled, mean, std, strict=True)
        if not np.isnan(moments[0])
    }


def _series_moments(
    shards: Shards, columns: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of some columns over the observed steps of training; NaN if none.

    Sums are of differences to the manifest's mean, which loses no digits to large means.
    """
    facts = shards.manifest["timeseries"]
    steps, variables = facts["hours"], len(facts["variable_names"])
    variable_of = np.array(facts["variable_of_value"])
    origin = np.array(facts["mean"])[columns]
    count, total, squares = (np.zeros(len(columns)) for _ in range(3))
    for rows in _series_batches(shards):
        values = rows["values"].explode().to_numpy().reshape(-1, steps, len(variable_of))
        observed = rows["observed"].explode().to_numpy().reshape(-1, steps, variables)
        there = observed[:, :, variable_of[columns]] == 1
        apart = np.where(there, values[:, :, columns].astype(np.float64) - origin, 0.0)
        count += there.sum(axis=(0, 1))
        total += apart.sum(axis=(0, 1))
        squares += (apart**2).sum(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        mean = total / count
        return origin + mean, np.sqrt(np.maximum(squares / count - mean**2, 0))


def _series_batches(shards: Shards) -> Iterator[pl.DataFrame]:
    """The series of training, some at a time."""
    for path in shards.parts(shards.card.modalities["timeseries"].table):
        batches = pq.ParquetFile(path).iter_batches(
            ROWS_AT_ONCE, columns=["split", "values", "observed"]
        )
        for batch in batches:
            yield pl.DataFrame(batch).filter(pl.col("split") == "train")
