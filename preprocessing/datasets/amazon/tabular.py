"""The six features of a review, encoded.

product and reviewer are identifiers; verified and year are categories, as in the paper; votes and
time are numbers. The split is by product, so every product outside of training gets the code of
unseen values, unless the encoders of another category are used that has it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from commandline import Made
from preprocessing.contracts import check
from preprocessing.datasets.amazon.options import ReviewParts
from preprocessing.datasets.amazon.schemas import Identifiers, Tabular
from preprocessing.encode import RESERVED, UNSEEN, Encoders, Scale, fit
from preprocessing.engine.memory import StepMemory, demand
from preprocessing.errors import ConfigError
from preprocessing.ledger import Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import row_groups, write_facts, write_part, write_pieces

IDENTIFIERS = ("product", "reviewer")
CATEGORICAL = ("verified", "year")
NUMERIC = ("votes", "time")
# What the interpreter, its libraries and row groups take, and a word of a vocabulary at most.
OWN_MB, IDENTIFIER_BYTES = 300, 200
COLUMNS = ["sample_id", "split", "asin", "reviewer_id", "verified", "votes", "unix_time"]


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


def fit_reviews(reviews: Sequence[Path]) -> Encoders:
    """Encoders of the parts of a category's reviews.

    Raises:
        DataContractError: there is no training row to fit on.
    """
    return fit(
        pl.scan_parquet(list(reviews), glob=False).select(features()),
        categorical=CATEGORICAL,
        numeric=NUMERIC,
        identifiers=IDENTIFIERS,
    )


def read_encoders(facts: Path, identifiers: Path) -> Encoders:
    """The encoders that another category was encoded with, from what its step wrote."""
    known = json.loads(facts.read_text(encoding="utf-8"))
    return Encoders(
        known["categorical"],
        {name: Scale(**scale) for name, scale in known["numeric"].items()},
        check(pl.read_parquet(identifiers, glob=False), Identifiers, identifiers.name),
    )


def chosen_encoders(
    reviews: ReviewParts,
    fitted_facts: Annotated[
        Path | None, Option(help="Facts of another category, to encode as it was encoded")
    ] = None,
    fitted_identifiers: Annotated[
        Path | None, Option(help="Identifiers of that category, given with its facts")
    ] = None,
) -> Encoders:
    """Encoders fitted on the training split, or those of another category.

    Raises:
        ConfigError: one of its files without the other.
        DataContractError: there is no training row to fit on.
    """
    if fitted_facts and fitted_identifiers:
        return read_encoders(fitted_facts, fitted_identifiers)
    if fitted_facts or fitted_identifiers:
        raise ConfigError("Give both --fitted-facts and --fitted-identifiers, or neither.")
    return fit_reviews(reviews)


def encode_features(
    reviews: ReviewParts,
    encoders: Annotated[Encoders, Made(chosen_encoders)],
    *,
    outputs: OutputFiles,
    identifiers: Annotated[Path, Option(help="Parquet of product and reviewer codes to write")],
    facts: FactsFile,
    ledger_path: LedgerFile,
    limit_mb: StepMemory = 2000,
) -> None:
    """Write one part per part of the reviews, the vocabularies, the facts and the ledger.

    Raises:
        ConfigError: the vocabularies do not fit the memory.
    """
    demand(OWN_MB + encoders.identifiers.height * IDENTIFIER_BYTES // 10**6, limit_mb)
    count = 0
    unseen = dict.fromkeys((*IDENTIFIERS, *CATEGORICAL), 0)
    missing = dict.fromkeys((*CATEGORICAL, *NUMERIC), 0)

    def encoded(source: Path) -> Iterator[pl.DataFrame]:
        for rows in row_groups(source, COLUMNS):
            table = encoders.encode(rows.select(features()))
            for name in unseen:
                unseen[name] += int((table[f"{name}_code"] == RESERVED.index(UNSEEN)).sum())
            for name in missing:
                missing[name] += table[name].null_count()
            yield table

    for source, path in zip(reviews, outputs, strict=True):
        count += write_pieces(encoded(source), path, Tabular)
    write_part(check(encoders.identifiers, Identifiers, identifiers.name), identifiers)
    ledger = Ledger("amazon-tabular")
    for name, number in missing.items():
        ledger.note("reviews", f"{name} is missing", number)
    for name, number in unseen.items():
        ledger.note("reviews", f"{name} was never seen in training", number)
    ledger.write(ledger_path)
    write_facts({"rows": count, **encoders.facts()}, facts)
