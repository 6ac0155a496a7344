"""The six features of a review, encoded: vocabularies and scales come from the training split.

product and reviewer are identifiers: row numbers of embedding tables.
verified and year have few values: places in one-hot vectors, as in the paper.
votes and time are numbers: standardised; a missing one takes the training mean, which is 0.

The split is by product, so every product outside of training gets the code of unseen values, unless
the encoders of another category are used that has it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from preprocessing.contracts import check
from preprocessing.datasets.amazon.schemas import Identifiers, Tabular
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger
from preprocessing.shards import write_facts, write_part

IDENTIFIERS = ("product", "reviewer")
CATEGORICAL = ("verified", "year")
NUMERIC = ("votes", "time")
COLUMNS = ["sample_id", "split", "asin", "reviewer_id", "verified", "votes", "unix_time"]

# The first entries of every vocabulary: no value, and a value that training never saw.
NOT_RECORDED, UNSEEN = "<not recorded>", "<unseen>"
RESERVED = (NOT_RECORDED, UNSEEN)


def features() -> list[pl.Expr]:
    """The columns of `schemas.Tabular` as they are, from those of `schemas.Reviews`."""
    return [
        pl.col("sample_id"),
        pl.col("split"),
        pl.col("asin").alias("product"),
        pl.col("reviewer_id").alias("reviewer"),
        pl.col("verified"),
        pl.from_epoch("unix_time", "s").dt.year().cast(pl.Int16).alias("year"),
        pl.col("votes"),
        pl.col("unix_time").alias("time"),
    ]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation (divisor n) of a number in training."""

    mean: float
    std: float


@dataclass(frozen=True)
class Encoders:
    """How each feature becomes a number.

    Attributes:
        identifiers: rows of `schemas.Identifiers`.
        categorical: for each feature its values as text; the code is the place.
        numeric: for each feature its scale.
    """

    identifiers: pl.DataFrame
    categorical: dict[str, list[str]]
    numeric: dict[str, Scale]

    def encode(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the encoded columns of `schemas.Tabular` to the plain ones; row order is kept."""
        for feature in IDENTIFIERS:
            rows = rows.join(self._codes(feature), on=feature, how="left", maintain_order="left")
            rows = rows.with_columns(pl.col(f"{feature}_code").fill_null(RESERVED.index(UNSEEN)))
        places = [self._place(feature) for feature in CATEGORICAL]
        return rows.with_columns(*places, *(self._scaled(feature) for feature in NUMERIC))

    def sizes(self) -> dict[str, int]:
        """Rows of each embedding table, the reserved ones included."""
        known = self.identifiers["feature"]
        return {name: len(RESERVED) + int((known == name).sum()) for name in IDENTIFIERS}

    def _codes(self, feature: str) -> pl.DataFrame:
        own = self.identifiers.filter(pl.col("feature") == feature)
        return own.select(pl.col("value").alias(feature), pl.col("code").alias(f"{feature}_code"))

    def _place(self, feature: str) -> pl.Expr:
        codes = {value: code for code, value in enumerate(self.categorical[feature])}
        value = pl.col(feature).cast(pl.String).fill_null(NOT_RECORDED)
        place = value.replace_strict(codes, default=codes[UNSEEN], return_dtype=pl.Int32)
        return place.alias(f"{feature}_code")

    def _scaled(self, feature: str) -> pl.Expr:
        scale = self.numeric[feature]
        # A number that is constant in training tells nothing: it stays 0 there.
        scaled = (pl.col(feature).cast(pl.Float64) - scale.mean) / (scale.std or 1.0)
        return scaled.fill_null(0.0).cast(pl.Float32).alias(f"{feature}_scaled")


def fit(reviews: Sequence[Path]) -> Encoders:
    """Vocabularies in ascending order and scales, from the training split alone.

    Raises:
        DataContractError: there is no training row to fit on.
    """
    rows = pl.scan_parquet(list(reviews)).filter(pl.col("split") == "train").select(features())
    train = rows.select(*CATEGORICAL, *NUMERIC).collect()
    if train.is_empty():
        raise DataContractError(
            "None of the reviews is in the training split. Change --split-seed or the shares."
        )
    vocabularies = []
    for feature in IDENTIFIERS:
        values = rows.select(feature).unique().collect()[feature].sort()
        codes = pl.int_range(len(RESERVED), len(values) + len(RESERVED), dtype=pl.Int32, eager=True)
        vocabularies.append(
            pl.DataFrame({"value": values, "code": codes}).with_columns(feature=pl.lit(feature))
        )
    return Encoders(
        check(pl.concat(vocabularies), Identifiers, "identifiers"),
        {name: [*RESERVED, *_values(train[name])] for name in CATEGORICAL},
        {name: _scale(train[name]) for name in NUMERIC},
    )


def _values(column: pl.Series) -> list[str]:
    return column.drop_nulls().unique().sort().cast(pl.String).to_list()


def _scale(column: pl.Series) -> Scale:
    known = column.drop_nulls().to_numpy().astype(np.float64)
    return Scale(float(known.mean()), float(known.std())) if len(known) else Scale(0.0, 0.0)


def read_encoders(facts: Path, identifiers: Path) -> Encoders:
    """The encoders that another category was encoded with, from what its step wrote."""
    known = json.loads(facts.read_text())
    return Encoders(
        check(pl.read_parquet(identifiers), Identifiers, identifiers.name),
        known["categorical"],
        {name: Scale(**scale) for name, scale in known["numeric"].items()},
    )


def run(
    reviews: Sequence[Path],
    encoders: Encoders,
    *,
    outputs: Sequence[Path],
    identifiers: Path,
    facts: Path,
    ledger_path: Path,
) -> None:
    """Write one part per part of the reviews, the vocabularies, the facts and the ledger."""
    count = 0
    unseen = dict.fromkeys((*IDENTIFIERS, *CATEGORICAL), 0)
    missing = dict.fromkeys((*CATEGORICAL, *NUMERIC), 0)
    for source, path in zip(reviews, outputs, strict=True):
        rows = pl.read_parquet(source, columns=COLUMNS).select(features())
        table = check(encoders.encode(rows), Tabular, path.name)
        write_part(table, path)
        count += table.height
        for name in unseen:
            unseen[name] += int((table[f"{name}_code"] == RESERVED.index(UNSEEN)).sum())
        for name in missing:
            missing[name] += table[name].null_count()
    write_part(encoders.identifiers, identifiers)
    ledger = Ledger("amazon-tabular")
    for name, number in missing.items():
        ledger.note("reviews", f"{name} is missing", number)
    for name, number in unseen.items():
        ledger.note("reviews", f"{name} was never seen in training", number)
    ledger.write(ledger_path)
    write_facts(
        {
            "rows": count,
            "identifiers": encoders.sizes(),
            "categorical": encoders.categorical,
            "numeric": {name: asdict(scale) for name, scale in encoders.numeric.items()},
            "unseen": UNSEEN,
            "not_recorded": NOT_RECORDED,
        },
        facts,
    )
