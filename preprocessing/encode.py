"""Columns of a table as codes and scaled numbers; vocabularies and scales are those of training.

An identifier is the row of an embedding table, a category the place of the 1 in a one-hot vector,
a number is standardised, a missing one takes the training mean, which is 0.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from preprocessing.errors import DataContractError

# The first entries of every vocabulary: no value, and a value that training never saw.
NOT_RECORDED, UNSEEN = "<not recorded>", "<unseen>"
RESERVED = (NOT_RECORDED, UNSEEN)


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation (divisor n) of a number in training."""

    mean: float
    std: float


def _no_identifiers() -> pl.DataFrame:
    return pl.DataFrame(schema={"feature": pl.String, "value": pl.String, "code": pl.Int32})


@dataclass(frozen=True)
class Encoders:
    """How each column becomes a number.

    Attributes:
        categorical: for each column its values as text; the code is the place.
        numeric: for each column its scale.
        identifiers: `feature` (the column), `value` and its `code`, in order of both.
    """

    categorical: dict[str, list[str]]
    numeric: dict[str, Scale]
    identifiers: pl.DataFrame = field(default_factory=_no_identifiers)

    def encode(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `<name>_code` (Int32) and `<name>_scaled` (Float32); row order is kept."""
        for name in self._identified():
            rows = rows.join(self._codes(name), on=name, how="left", maintain_order="left")
            code = pl.col(f"{name}_code").fill_null(RESERVED.index(UNSEEN))
            none = pl.col(name).is_null()
            rows = rows.with_columns(
                pl.when(none).then(RESERVED.index(NOT_RECORDED)).otherwise(code).cast(pl.Int32)
                .alias(f"{name}_code")
            )  # fmt: skip
        places = [self._place(name) for name in self.categorical]
        return rows.with_columns(*places, *(self._scaled(name) for name in self.numeric))

    def facts(self) -> dict[str, Any]:
        """What the manifest says of the columns."""
        known = self.identifiers["feature"]
        return {
            "identifiers": {
                name: len(RESERVED) + int((known == name).sum()) for name in self._identified()
            },
            "categorical": self.categorical,
            "numeric": {name: asdict(scale) for name, scale in self.numeric.items()},
            "unseen": UNSEEN,
            "not_recorded": NOT_RECORDED,
        }

    def _identified(self) -> list[str]:
        return self.identifiers["feature"].unique(maintain_order=True).to_list()

    def _codes(self, name: str) -> pl.DataFrame:
        own = self.identifiers.filter(pl.col("feature") == name)
        return own.select(pl.col("value").alias(name), pl.col("code").alias(f"{name}_code"))

    def _place(self, name: str) -> pl.Expr:
        codes = {value: code for code, value in enumerate(self.categorical[name])}
        value = pl.col(name).cast(pl.String).fill_null(NOT_RECORDED)
        place = value.replace_strict(codes, default=codes[UNSEEN], return_dtype=pl.Int32)
        return place.alias(f"{name}_code")

    def _scaled(self, name: str) -> pl.Expr:
        scale = self.numeric[name]
        # A number that is constant in training tells nothing: it stays 0 there.
        scaled = (pl.col(name).cast(pl.Float64) - scale.mean) / (scale.std or 1.0)
        return scaled.fill_null(0.0).cast(pl.Float32).alias(f"{name}_scaled")


def fit(
    rows: pl.LazyFrame,
    *,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    identifiers: Sequence[str] = (),
) -> Encoders:
    """Vocabularies in ascending order and scales, from the rows whose `split` is train.

    Raises:
        DataContractError: there is no such row.
    """
    rows = rows.filter(pl.col("split") == "train")
    train = rows.select("split", *categorical, *numeric).collect()
    if train.is_empty():
        raise DataContractError(
            "No row is in the training split, from which vocabularies and scales are taken. "
            "Change the split's seed, its shares or its lists."
        )
    return Encoders(
        {name: [*RESERVED, *_values(train[name])] for name in categorical},
        {name: _scale(train[name]) for name in numeric},
        pl.concat([_no_identifiers(), *(_numbered(rows, name) for name in identifiers)]),
    )


def _values(column: pl.Series) -> list[str]:
    return column.drop_nulls().unique().sort().cast(pl.String).to_list()


def _scale(column: pl.Series) -> Scale:
    known = column.drop_nulls().to_numpy().astype(np.float64)
    return Scale(float(known.mean()), float(known.std())) if len(known) else Scale(0.0, 0.0)


def _numbered(rows: pl.LazyFrame, name: str) -> pl.DataFrame:
    values = rows.select(pl.col(name).cast(pl.String)).drop_nulls().unique().collect()[name].sort()
    codes = pl.int_range(len(RESERVED), len(RESERVED) + len(values), dtype=pl.Int32, eager=True)
    return pl.DataFrame({"feature": [name] * len(values), "value": values, "code": codes})
