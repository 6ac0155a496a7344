"""From observed hours to dense arrays: hour x column, and which hours were observed."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.schemas import HOURS, VALUES, VARIABLES


def dense(
    cells: pl.DataFrame, stay_ids: pl.Series, imputation: str
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The arrays of some stays, in the order of `stay_ids`.

    Args:
        cells: stay_id, hour, variable, column, value: one row per observed hour of a variable.
        stay_ids: the stays wanted, each once; those without a cell come out unobserved.
        imputation: what an unobserved hour holds: "zero", or the "previous" value and,
            before the first, a normal one.

    Returns:
        values (stays, 48, 59), not normalised; observed (stays, 48, 17), 1 = measured.
    """
    values = np.zeros((len(stay_ids), HOURS, VALUES), dtype=np.float32)
    observed = np.zeros((len(stay_ids), HOURS, VARIABLES), dtype=np.uint8)
    places = pl.DataFrame({"stay_id": stay_ids}).with_row_index("place")
    cells = cells.join(places, on="stay_id", how="inner")
    place, hour = cells["place"].to_numpy(), cells["hour"].to_numpy()
    values[place, hour, cells["column"].to_numpy()] = cells["value"].to_numpy()
    observed[place, hour, cells["variable"].to_numpy()] = 1
    if imputation == "previous":
        values = carried_forward(values, observed)
    return values, observed


def carried_forward(
    values: NDArray[np.float32], observed: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Values with every unobserved hour filled from the hour last observed, or a normal value.

    Source: timeseries-reference.md 2.6, imputation "previous".
    """
    normal = np.zeros(VALUES, dtype=np.float32)
    for column, value in variables.normal_values().items():
        normal[column] = value
    with_start = np.concatenate([np.broadcast_to(normal, (len(values), 1, VALUES)), values], axis=1)
    hours = np.arange(1, HOURS + 1)[None, :, None]
    last = np.maximum.accumulate(hours * observed, axis=1)[:, :, variables.variable_of_value()]
    return np.take_along_axis(with_start, last, axis=1)
