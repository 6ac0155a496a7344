"""A category's dumps to clean reviews, products and wanted pictures: what every shard is made of.

Reviews are deduplicated before they are split: a line that repeats another is dropped, and so are
the copies that upstream lists under the variants of a product (same reviewer, words and day), but
for the one of the smallest asin. Then each review has one product, and the split is by product.
"""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import duckdb
import polars as pl
from typer import Option

from commandline import Made
from preprocessing.contracts import check
from preprocessing.datasets.amazon.dumps import (
    PRODUCT_KEYS,
    REVIEW_KEYS,
    Dump,
    engine_errors,
    load,
    open_dump,
    sift,
    statements,
)
from preprocessing.datasets.amazon.image_paths import ImageSource, candidates
from preprocessing.datasets.amazon.schemas import Links, Products, Reviews
from preprocessing.engine.duckdb import Connection, quoted
from preprocessing.errors import ConfigError
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import part_of, write_facts, write_part
from preprocessing.splits import Splitter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Category:
    """The raw files of a review category; a missing metadata file costs the product pictures."""

    reviews: Dump
    metadata: Dump | None

    @classmethod
    def open(cls, reviews: Path, metadata: Path | None) -> "Category":
        """Find the files and see that they are whole."""
        return cls(
            open_dump(reviews, "reviews"), open_dump(metadata, "metadata") if metadata else None
        )

    def digests(self) -> dict[str, str]:
        """File name to digest, for the manifest."""
        return {dump.path.name: dump.digest for dump in (self.reviews, self.metadata) if dump}


def load_products(
    con: duckdb.DuckDBPyConnection, dump: Dump | None, max_malformed: float, ledger: Ledger
) -> None:
    """Make the table `products`: one row per asin, pages of scraped script left out."""
    if dump is None:
        con.execute(
            "CREATE TEMP TABLE products (asin VARCHAR, title VARCHAR, brand VARCHAR, "
            "category VARCHAR, price_low DOUBLE, price_high DOUBLE, price_written VARCHAR, "
            "pictures_high VARCHAR[], pictures VARCHAR[])"
        )
        return
    load(con, "products", dump, PRODUCT_KEYS)
    sift(con, "product_lines", dump, max_malformed, ledger)
    lines, titled, priced, unread = con.sql(
        "SELECT (SELECT count(*) FROM product_lines WHERE malformed IS NULL), "
        "(SELECT count(*) FROM product_lines WHERE malformed IS NULL AND NOT scraped_script), "
        "count(*), count(*) FILTER (price_written IS NOT NULL AND price_low IS NULL) FROM products"
    ).fetchall()[0]
    name = dump.path.name
    ledger.record(name, "title is a scraped script (getTime)", lines, titled)
    ledger.record(name, "asin repeated; the row with the most pictures stays", titled, priced)
    ledger.note(name, "price is not $5.49 or $5 - $9, left empty", unread)


def load_reviews(
    con: duckdb.DuckDBPyConnection, dump: Dump, max_malformed: float, ledger: Ledger
) -> dict[str, int]:
    """Make the tables `lines` and `kept`; returns what summaries give away."""
    load(con, "reviews", dump, REVIEW_KEYS)
    sift(con, "lines", dump, max_malformed, ledger)
    with engine_errors(dump.path):
        con.execute(statements("kept"))
        lines, distinct, timeless, unsummed, unworded, named, told = con.sql(
            statements("census")
        ).fetchall()[0]
        kept = con.sql("SELECT count(*) FROM kept").fetchall()[0][0]
    name = dump.path.name
    ledger.note(name, "no summary", unsummed)
    ledger.note(name, "no review text", unworded)
    ledger.note(name, "no unixReviewTime or reviewTime that is a date", timeless)
    ledger.note(name, 'summary is "N Star(s)"', named)
    ledger.note(name, 'summary is "N Star(s)" and equals the label', told)
    ledger.record(name, "exact repetition of a line", lines, distinct)
    ledger.record(
        name, "same reviewer, words and day under another product or rating", distinct, kept
    )
    return {"summary_is_stars": named, "and_equals_label": told, "of_lines": lines}


def assign(con: duckdb.DuckDBPyConnection, splitter: Splitter, parts: int) -> None:
    """Make the table `sides`: split and part of each product, by stable hashes of its asin."""
    asins = [asin for (asin,) in con.sql("SELECT DISTINCT asin FROM lines").fetchall() if asin]
    splits = splitter.choose(asins)
    sides = pl.DataFrame(
        {
            "asin": asins,
            "split": [splits[asin] for asin in asins],
            "part": [part_of(asin, parts) for asin in asins],
        },
        schema={"asin": pl.String, "split": pl.String, "part": pl.Int32},
    )
    con.register("assigned", sides)
    con.execute("CREATE TEMP TABLE sides AS SELECT * FROM assigned")
    con.unregister("assigned")


def write_reviews(
    con: duckdb.DuckDBPyConnection, outputs: Sequence[Path], temp_dir: Path | None
) -> Counter[tuple[str, int]]:
    """Write the joined reviews, a part at a time; returns how many there are by split and label."""
    seen: Counter[tuple[str, int]] = Counter()
    schema: dict[str, Any] = {
        name: column.dtype.type for name, column in Reviews.to_schema().columns.items()
    }
    with tempfile.TemporaryDirectory(dir=temp_dir) as folder:
        # One pass writes a bucket per part; each is then small enough to be sorted in memory.
        with engine_errors(outputs[0]):
            con.execute(
                f"COPY ({statements('joined')}) TO {quoted(Path(folder, 'buckets'))} "
                "(FORMAT parquet, PARTITION_BY (part), COMPRESSION lz4)"
            )
        for number, path in enumerate(outputs):
            files = sorted(Path(folder, "buckets", f"part={number}").glob("*.parquet"))
            rows = (
                pl.read_parquet(files, hive_partitioning=False, glob=False)
                if files
                else pl.DataFrame(schema=schema)
            )
            rows = check(rows.select(list(schema)).sort("sample_id"), Reviews, path.name)
            write_part(rows, path)
            for split, label, count in rows.group_by("split", "label").len().iter_rows():
                seen[split, label] += count
    return seen


def wanted_pictures(con: duckdb.DuckDBPyConnection, source: ImageSource) -> pl.DataFrame:
    """The rows of `schemas.Links`: the addresses to try for each review and each product."""
    links: list[tuple[int | None, str | None, list[str]]] = []
    if source is not ImageSource.PRODUCT:
        taken = con.sql(
            "SELECT (content >> 65)::BIGINT, pictures FROM lines "
            "WHERE len(pictures) > 0 AND rowid IN (SELECT line FROM kept) ORDER BY 1"
        ).fetchall()
        links += [(number, None, candidates(user=urls, source=source)) for number, urls in taken]
    if source is not ImageSource.USER:
        shown = con.sql(
            "SELECT asin, pictures_high, pictures FROM products "
            "WHERE asin IN (SELECT asin FROM sides) ORDER BY asin"
        ).fetchall()
        links += [
            (None, asin, candidates(product_high=high, product=low, source=source))
            for asin, high, low in shown
        ]
    schema: dict[str, Any] = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}
    return pl.DataFrame(links, schema=schema, orient="row").filter(pl.col("urls").list.len() > 0)


def split_products(
    split_seed: Annotated[int, Option(help="Seed of the hash that splits")] = 0,
    valid_share: Annotated[float, Option(help="Share of products for validation")] = 0.1,
    test_share: Annotated[float, Option(help="Share of products for testing")] = 0.2,
) -> Splitter:
    """How products are split, of which there is no published list."""
    return Splitter({}, split_seed, valid_share, test_share)


def clean_reviews(
    reviews: Annotated[Path, Option(help="<Category>.json.gz")],
    splitter: Annotated[Splitter, Made(split_products)],
    *,
    outputs: OutputFiles,
    products: Annotated[Path, Option(help="Parquet of clean metadata to write")],
    links: Annotated[Path, Option(help="Parquet of wanted pictures to write")],
    facts: FactsFile,
    ledger_path: LedgerFile,
    con: Connection,
    temp_dir: Path | None = None,
    metadata: Annotated[
        Path | None, Option(help="meta_<Category>.json.gz; without it, no product pictures")
    ] = None,
    image_source: Annotated[ImageSource, Option(help="Whose pictures count")] = ImageSource.USER,
    max_malformed: Annotated[
        float, Option(help="Share of lines that may be malformed and skipped")
    ] = 0.001,
) -> None:
    """Write the reviews, the products, the wanted pictures, the facts and the ledger.

    Raises:
        SourceMissingError: a dump is not there.
        DataContractError: a dump is damaged, or too many of its lines are malformed.
        ConfigError: `max_malformed` is no share, or DuckDB has too little memory.
    """
    if not 0 <= max_malformed < 1:
        raise ConfigError(f"--max-malformed is {max_malformed}; allowed: 0 to below 1.")
    started = time.monotonic()
    category = Category.open(reviews, metadata)
    dump = category.reviews.path.name
    name = dump.split(".")[0]
    flow = Flow(f"reviews of {name}", (dump,), ends_in=(f"amazon/{name}", "review"))
    ledger = Ledger("amazon-reviews", flow)
    load_products(con, category.metadata, max_malformed, ledger)
    giveaway = load_reviews(con, category.reviews, max_malformed, ledger)
    assign(con, splitter, len(outputs))
    seen = write_reviews(con, outputs, temp_dir)
    rows = con.sql("SELECT * EXCLUDE (price_written, pictures_high, pictures) FROM products").pl()
    write_part(check(rows.sort("asin"), Products, products.name), products)
    write_part(check(wanted_pictures(con, image_source), Links, links.name), links)
    write_facts(
        {
            "rows": seen.total(),
            "split_unit": "product",
            "split_seed": splitter.seed,
            "labels": labels_by_split(seen),
            "giveaway": giveaway,
            "image_source": image_source.value,
            "has_metadata": metadata is not None,
            "inputs": category.digests(),
        },
        facts,
    )
    ledger.write(ledger_path)
    log.info("%s: %d reviews kept, %.1f s", reviews.name, seen.total(), time.monotonic() - started)


def labels_by_split(seen: Counter[tuple[str, int]]) -> dict[str, list[int]]:
    """Reviews of one to five stars in each split.

    >>> labels_by_split(Counter({("train", 4): 7, ("test", 0): 1}))
    {'test': [1, 0, 0, 0, 0], 'train': [0, 0, 0, 0, 7]}
    """
    splits = sorted({split for split, _ in seen})
    return {split: [seen[split, label] for label in range(5)] for split in splits}
