"""The words of a review: summary and text, as one string."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import pyarrow.parquet as pq
from typer import Option

from preprocessing.datasets.amazon.options import ReviewParts
from preprocessing.datasets.amazon.schemas import Text
from preprocessing.engine.memory import StepMemory, demand
from preprocessing.ledger import Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import largest_group_mb, row_groups, write_facts, write_pieces

CHARACTERS = 512
# What the interpreter and its libraries take, and how many row groups are on their way to the disk.
OWN_MB, GROUPS = 200, 10


class TextLimit(StrEnum):
    """Where a text ends: after 512 characters (paper), or wherever the tokenizer cuts (code)."""

    CHARS = "chars"
    TOKENS = "tokens"


def words(limit: TextLimit, *, with_summary: bool) -> pl.Expr:
    """Summary and review joined as the official code does; null if there is no word.

    The summary gives the label away where it reads "Five Stars"; it can be left out.

    Source: LANISTR, section 4.1 (512 characters); amazon_utils.py (the ". " in between).

    >>> reviews = pl.DataFrame({"summary": ["Five Stars", None], "review": [" Good. ", " "]})
    >>> reviews.select(words(TextLimit.CHARS, with_summary=True))["text"].to_list()
    ['Five Stars. Good.', None]
    """
    names = ["summary", "review"] if with_summary else ["review"]
    pieces = [pl.col(name).str.strip_chars().replace("", None) for name in names]
    text = pl.concat_str(pieces, separator=". ", ignore_nulls=True)
    if limit is TextLimit.CHARS:
        text = text.str.head(CHARACTERS)
    return text.replace("", None).alias("text")


def join_words(
    reviews: ReviewParts,
    limit: Annotated[
        TextLimit,
        Option(
            "--text-limit",
            help="End of a text: 512 characters, or all tokens, which the tokenizer cuts",
        ),
    ] = TextLimit.CHARS,
    *,
    with_summary: Annotated[
        bool,
        Option(
            "--with-summary/--without-summary",
            help="Whether the summary counts, which often is the label: 'Five Stars'",
        ),
    ] = True,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    limit_mb: StepMemory = 2000,
) -> None:
    """Write one part per part of the reviews, the facts and the ledger.

    Raises:
        ConfigError: row groups of the reviews do not fit the memory.
    """
    demand(OWN_MB + GROUPS * max(map(largest_group_mb, reviews)), limit_mb)

    def worded(source: Path) -> Iterator[pl.DataFrame]:
        text = words(limit, with_summary=with_summary)
        for rows in row_groups(source, ["sample_id", "split", "summary", "review"]):
            yield rows.select("sample_id", "split", text).drop_nulls("text")

    before = after = 0
    for source, path in zip(reviews, outputs, strict=True):
        after += write_pieces(worded(source), path, Text)
        before += pq.read_metadata(source).num_rows
    ledger = Ledger("amazon-text")
    ledger.record("reviews", "no words", before, after)
    ledger.write(ledger_path)
    source_name = "summary+review" if with_summary else "review"
    write_facts({"rows": after, "source": source_name, "limit": limit.value}, facts)
