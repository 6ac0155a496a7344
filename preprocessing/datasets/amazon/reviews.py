"""A category's dumps to clean reviews, products and wanted pictures: what every shard is made of.

Reviews are deduplicated before they are split: a line that repeats another is dropped, and so are
the copies that upstream lists under the variants of a product (same reviewer, words and day), but
for the one of the smallest asin. Then each review has one product, and the split is by product.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
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
from preprocessing.datasets.amazon.image_paths import ImageSource, candidates, is_address
from preprocessing.datasets.amazon.schemas import Links, Products, Reviews
from preprocessing.engine.duckdb import connect_within
from preprocessing.errors import ConfigError
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import cut, even_sizes, part_of, write_facts, write_part, write_pieces
from preprocessing.splits import Splitter

# Row groups of reviews on their way to the disk, and all that every step has.
BESIDE_MB = 600
# Rows in memory at a time, as tuples and as frames.
AT_ONCE, CHUNK = 50_000, 8192
# Lines among which copies are looked for at a time.
SLICE = 500_000
LINKS: dict[str, Any] = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}

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
        con.execute("CREATE TEMP TABLE kept (line BIGINT)")
        slices = 1 + con.sql("SELECT count(*) FROM lines").fetchall()[0][0] // SLICE
        for number in range(slices):
            con.execute(statements("kept"), {"slice": number, "slices": slices})
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
    con.execute("CREATE TEMP TABLE sides (asin VARCHAR, split VARCHAR, part INTEGER)")
    asins = con.sql("SELECT DISTINCT asin FROM lines WHERE asin <> ''").pl()["asin"]
    for some in asins.to_frame().iter_slices(AT_ONCE):
        splits = splitter.choose(some["asin"])
        part = [part_of(asin, parts) for asin in splits]
        sides = pl.DataFrame({"asin": splits.keys(), "split": splits.values(), "part": part})
        con.register("assigned", sides)
        con.execute("INSERT INTO sides FROM assigned")
        con.unregister("assigned")


def write_reviews(
    con: duckdb.DuckDBPyConnection, outputs: Sequence[Path]
) -> Counter[tuple[str, int]]:
    """Write the joined reviews, a part at a time; returns how many there are by split and label."""
    con.execute(f"CREATE TEMP VIEW joined AS {statements('joined')}")
    with engine_errors(outputs[0]):
        counts = con.sql("SELECT part, split, label, count(*) FROM joined GROUP BY ALL").fetchall()
        seen: Counter[tuple[str, int]] = Counter()
        rows = Counter[int]()
        for part, split, label, count in counts:
            seen[split, label] += count
            rows[part] += count
        groups = [even_sizes(rows[part]) for part in range(len(outputs))]
        reader = con.sql("FROM joined ORDER BY part, sample_id").to_arrow_reader(CHUNK)
        pieces = cut((pl.DataFrame(batch).drop("part") for batch in reader), chain(*groups))
        for sizes, path in zip(groups, outputs, strict=True):
            write_pieces(islice(pieces, len(sizes)), path, Reviews)
    return seen


def write_products(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the products of the metadata."""
    count = con.sql("SELECT count(*) FROM products").fetchall()[0][0]
    rows = con.sql(
        "SELECT * EXCLUDE (price_written, pictures_high, pictures) FROM products ORDER BY asin"
    ).to_arrow_reader(CHUNK)
    write_pieces(cut(map(pl.DataFrame, rows), even_sizes(count)), path, Products)


def wanted_pictures(
    con: duckdb.DuckDBPyConnection, source: ImageSource, category: Category, ledger: Ledger
) -> pl.DataFrame:
    """The rows of `schemas.Links`: the addresses to try for each review and each product."""
    links = [pl.DataFrame(schema=LINKS)]
    if source is not ImageSource.PRODUCT:
        taken = con.execute(
            "SELECT (content >> 65)::BIGINT, NULL::VARCHAR, pictures FROM lines "
            "WHERE len(pictures) > 0 AND rowid IN (SELECT line FROM kept) ORDER BY 1"
        )
        links += in_frames(
            taken,
            lambda urls: candidates(user=urls, source=source),
            category.reviews,
            ledger,
        )
    if source is not ImageSource.USER and category.metadata:
        shown = con.execute(
            "SELECT NULL::BIGINT, asin, pictures_high, pictures FROM products "
            "WHERE asin IN (SELECT asin FROM sides) ORDER BY asin"
        )
        links += in_frames(
            shown,
            lambda high, low: candidates(product_high=high, product=low, source=source),
            category.metadata,
            ledger,
        )
    return pl.concat(links, rechunk=True)


def in_frames(
    rows: duckdb.DuckDBPyConnection, urls: Callable[..., list[str]], dump: Dump, ledger: Ledger
) -> Iterator[pl.DataFrame]:
    """Links of rows of two names and lists of addresses: as tuples all would take much more."""
    unusable = 0
    while some := rows.fetchmany(AT_ONCE):
        unusable += sum(not is_address(url) for _, _, *lists in some for url in chain(*lists))
        found = [(number, asin, urls(*lists)) for number, asin, *lists in some]
        yield pl.DataFrame(found, schema=LINKS, orient="row").filter(pl.col("urls").list.len() > 0)
    ledger.note(dump.path.name, "picture whose address is not http(s), left out", unusable)


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
    con: Annotated[duckdb.DuckDBPyConnection, connect_within(BESIDE_MB)],
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
    seen = write_reviews(con, outputs)
    write_products(con, products)
    write_part(
        check(wanted_pictures(con, image_source, category, ledger), Links, links.name), links
    )
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
