"""What is told of a sample to models that know nothing of time: one row of numbers."""

from __future__ import annotations

import numpy as np

from lanistr.batch import Batch, InputSpec
from lanistr.data.samples import Samples, plan_in_order
from lanistr.modality import Modality

STATISTICS = ("first", "last", "minimum", "maximum", "mean", "median")
ROWS_AT_ONCE = 1024


def width(spec: InputSpec, modalities: frozenset[Modality]) -> int:
    """How many numbers a row has."""
    series = len(STATISTICS) * spec.series_values + spec.series_variables
    table = sum(_one_hot_sizes(spec).values()) + len(spec.number_names)
    return series * (Modality.TIMESERIES in modalities) + table * (Modality.TABULAR in modalities)


def summarise(samples: Samples, modalities: frozenset[Modality]) -> np.ndarray:
    """A row of numbers per sample, NaN = not known, (N, width) float64.

    Args:
        samples: those summarised; columns that are never inputs of their task are not in their
            spec.
        modalities: those in use, of tabular and timeseries.
    """
    rows = [np.empty((0, width(samples.spec, modalities)))]
    for batch in map(samples.batch, plan_in_order(len(samples), ROWS_AT_ONCE)):
        rows.append(summarise_batch(batch, samples.spec, modalities))
    return np.concatenate(rows)


def summarise_batch(batch: Batch, spec: InputSpec, modalities: frozenset[Modality]) -> np.ndarray:
    """The rows of the samples of a batch, (B, width) float64."""
    parts = [np.empty((len(batch), 0))]
    if Modality.TIMESERIES in modalities:
        parts += _summarise_series(batch, spec)
    if Modality.TABULAR in modalities:
        parts += _list_columns(batch, spec)
    return np.concatenate(parts, axis=1)


def describe_series(values: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The `STATISTICS` of each series over its observed hours, NaN where none was.

    Args:
        values: (N, hours).
        observed: True = measured in that hour, (N, hours).

    Returns:
        (N, statistics) float64.

    >>> described = describe_series(np.array([[5, 1, 9, 3.0]]), np.array([[1, 1, 0, 1]]) > 0)
    >>> dict(zip(STATISTICS, described[0].tolist()))
    {'first': 5.0, 'last': 3.0, 'minimum': 1.0, 'maximum': 5.0, 'mean': 3.0, 'median': 3.0}
    """
    described = np.full((len(values), len(STATISTICS)), np.nan)
    any_hour = observed.any(axis=1)
    seen, there = values[any_hour].astype(np.float64), observed[any_hour]
    known = np.where(there, seen, np.nan)
    each, hours = np.arange(len(seen)), seen.shape[1]
    described[any_hour] = np.stack(
        [
            seen[each, there.argmax(axis=1)],
            seen[each, hours - 1 - there[:, ::-1].argmax(axis=1)],
            np.nanmin(known, axis=1),
            np.nanmax(known, axis=1),
            np.nanmean(known, axis=1),
            np.nanmedian(known, axis=1),
        ],
        axis=1,
    )
    return described


def _summarise_series(batch: Batch, spec: InputSpec) -> list[np.ndarray]:
    """The statistics of each value column, then how many hours each variable was observed in."""
    values, observed = batch.series.numpy(), batch.observed.numpy()
    columns = enumerate(spec.variable_of_value)
    described = [describe_series(values[:, :, c], observed[:, :, v]) for c, v in columns]
    return [*described, observed.sum(axis=1).astype(np.float64)]


def _list_columns(batch: Batch, spec: InputSpec) -> list[np.ndarray]:
    """Categories as one-hot columns, then the numbers; all unknown where there is no row."""
    there = batch.has(Modality.TABULAR).numpy()[:, None]
    codes = dict(zip(spec.category_names, batch.categories.numpy().T, strict=True))
    hot = [codes[name][:, None] == np.arange(size) for name, size in _one_hot_sizes(spec).items()]
    return [np.where(there, part, np.nan) for part in (*hot, batch.numbers.numpy())]


def _one_hot_sizes(spec: InputSpec) -> dict[str, int]:
    """The categories but for identifiers, of which there may be as many as rows."""
    sizes = zip(spec.category_names, spec.category_sizes, strict=True)
    return {name: size for name, size in sizes if name not in spec.identifiers}
