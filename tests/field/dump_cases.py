"""Dumps of reviews: archives and encodings, tools that wrote them again, other releases."""

import codecs
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from tests.field.case import SECRET, Seen, case, run_step

ARCHIVES = "Archives and encodings"
SAVED_AGAIN = "Tables saved again"

REVIEW = {
    "overall": 5.0,
    "verified": True,
    "reviewTime": "09 1, 2016",
    "reviewerID": "A1",
    "asin": "B1",
    "reviewText": SECRET,
    "summary": "Good",
    "unixReviewTime": 1472688000,
}
WHOLE = 20
"""Lines of a dump that are as they should be."""


def written(**changes: Any) -> str:
    """A line of a review; a key changed to None is left out."""
    row = {key: value for key, value in (REVIEW | changes).items() if value is not None}
    return json.dumps(row) + "\n"


def lines(**changes: Any) -> bytes:
    """Lines of a dump, all of them changed alike."""
    return "".join(written(reviewerID=f"A{n}", **changes) for n in range(WHOLE)).encode()


def read_dumps(
    folder: Path, reviews: bytes, metadata: bytes | None = None, ending: str = ".gz"
) -> Seen:
    """What `amazon-reviews` makes of the bytes of dumps, of which a tenth may be malformed."""
    (folder / f"All_Beauty.json{ending}").write_bytes(reviews)
    files: dict[str, str] = {
        "--reviews": f"All_Beauty.json{ending}",
        "--output": "r.parquet",
        "--products": "p.parquet",
        "--links": "l.parquet",
        "--facts": "f.json",
        "--ledger": "ledger.json",
    }
    if metadata is not None:
        (folder / f"meta_All_Beauty.json{ending}").write_bytes(metadata)
        files["--metadata"] = f"meta_All_Beauty.json{ending}"
    words = [word for option, name in files.items() for word in (option, folder / name)]
    return run_step(folder, ["amazon-reviews", "--max-malformed", "0.1", *words])


def read_all(folder: Path, text: bytes) -> Seen:
    """What the step makes of lines; every one must have become a review."""
    seen = read_dumps(folder, gzip.compress(text))
    assert seen.message is not None or pl.read_parquet(folder / "r.parquet").height == WHOLE
    return seen


def declare(kind: str, what: str, promise: Any, says: str, raw: Callable[[], bytes]) -> None:
    """Declare a case of a dump of reviews, made when it is asked for."""

    @case(kind, what, promise, says)
    def see(folder: Path) -> Seen:
        return read_dumps(folder, raw())


def damaged() -> bytes:
    """A dump whose compressed data has wrong bytes in the middle."""
    text = "".join(written(reviewerID=f"A{n}", reviewText=f"{n * n} {n**3}") for n in range(400))
    raw = bytearray(gzip.compress(text.encode()))
    raw[len(raw) // 2 : len(raw) // 2 + 40] = bytes(range(200, 240))
    return bytes(raw)


BROKEN_GZIP = "All_Beauty.json.gz is not a whole gzip file..."
for what, raw in {
    "a dump of reviews whose gzip stream is cut off": lambda: gzip.compress(lines())[:-20],
    "a dump of reviews that is damaged in the middle": damaged,
    "a dump of reviews with a wrong checksum": lambda: gzip.compress(lines())[:-8] + b"12345678",
    "a dump of reviews with zero bytes after its end": lambda: gzip.compress(lines()) + bytes(512),
    "a dump of reviews with words after its end": lambda: gzip.compress(lines()) + b"words",
    "a dump of reviews that ends in .gz and is not compressed": lines,
}.items():
    declare(ARCHIVES, what, "refused", BROKEN_GZIP, raw)

for what, says, raw in (
    ("an empty dump of reviews", "All_Beauty.json.gz is empty...", lambda: gzip.compress(b"")),
    (
        "a dump of reviews with blank lines alone",
        "All_Beauty.json.gz is empty...",
        lambda: gzip.compress(b"\n\n"),
    ),
    (
        "a dump of reviews in UTF-16",
        "All_Beauty.json.gz is UTF-16 text. Allowed: UTF-8...",
        lambda: gzip.compress(lines().decode().encode("utf-16")),
    ),
    (
        "a dump of reviews whose lines end in CR alone",
        "All_Beauty.json.gz has lines that end in a carriage return alone...",
        lambda: gzip.compress(lines().replace(b"\n", b"\r")),
    ),
    (
        "a dump of reviews with a line of 17 MB",
        "All_Beauty.json.gz has a line of more than 16 MB...",
        lambda: gzip.compress(lines() + written(reviewText="x" * 17_000_000).encode(), 1),
    ),
):
    declare(ARCHIVES, what, "refused", says, raw)

for what, says, line in (
    (
        "a review in CP1252",
        "bytes that are not UTF-8, perhaps CP1252",
        '{"asin": "B1", "reviewText": "caf\xe9"}\n'.encode("cp1252"),
    ),
    (
        "a review with half a surrogate pair",
        "half a surrogate pair, such as \\ud83d alone",
        b'{"asin": "B1", "reviewText": "\\ud83d"}\n',
    ),
    ("a review with a NUL byte", "NUL bytes", written().replace("Good", "G\0od").encode()),
    ("a review that is cut off", "not a JSON object of the layout, or cut off", b'{"asin": "B'),
):
    declare(ARCHIVES, what, "dropped", says, lambda line=line: gzip.compress(lines() + line))


@case(ARCHIVES, "a dump of reviews in several gzip members", "read", "as if it were one")
def members(folder: Path) -> Seen:
    raw = gzip.compress(lines()[:300]) + gzip.compress(lines()[300:])
    seen = read_dumps(folder, raw)
    assert pl.read_parquet(folder / "r.parquet").height == WHOLE
    return seen


@case(ARCHIVES, "a dump of reviews with a byte order mark", "read", "as without it")
def byte_order_mark(folder: Path) -> Seen:
    return read_all(folder, codecs.BOM_UTF8 + lines())


@case(ARCHIVES, "a dump of reviews with CR LF at line ends", "read", "as with LF")
def carriage_returns(folder: Path) -> Seen:
    return read_all(folder, lines().replace(b"\n", b"\r\n"))


@case(SAVED_AGAIN, "votes that pandas made 3.0", "read", "3 votes")
def float_votes(folder: Path) -> Seen:
    seen = read_all(folder, lines(vote=3.0))
    assert pl.read_parquet(folder / "r.parquet")["votes"].unique().to_list() == [3]
    return seen


@case(SAVED_AGAIN, "votes and styles that pandas filled with empty text", "read", "absent")
def filled(folder: Path) -> Seen:
    seen = read_all(folder, lines(vote="", style="", image=""))
    assert pl.read_parquet(folder / "r.parquet")["votes"].null_count() == WHOLE
    return seen


@case(SAVED_AGAIN, "NaN in a dump of reviews for keys that are absent", "read", "absent")
def not_numbers(folder: Path) -> Seen:
    nan = float("nan")
    seen = read_all(folder, lines(vote=nan, summary=nan, verified=nan, image=nan))
    row = pl.read_parquet(folder / "r.parquet").row(0, named=True)
    assert row["votes"] is row["summary"] is row["verified"] is None
    return seen


@case(SAVED_AGAIN, "whole numbers of a dump of reviews as floats", "read", "as whole numbers")
def floats(folder: Path) -> Seen:
    seen = read_all(folder, lines(unixReviewTime=1472688000.0))
    assert pl.read_parquet(folder / "r.parquet")["unix_time"].unique().to_list() == [1472688000]
    return seen


for what, says, changes in (
    (
        "a time of a review as text",
        "unixReviewTime is text; allowed: a number",
        {"unixReviewTime": "1472688000"},
    ),
    (
        "a time of a review in milliseconds",
        "unixReviewTime is not a time in whole seconds",
        {"unixReviewTime": 1472688000000},
    ),
    (
        "a time of a review with a half second",
        "unixReviewTime is not a time in whole seconds",
        {"unixReviewTime": 1472688000.5},
    ),
    ("stars of a review as text", "overall is text; allowed: a number", {"overall": "5.0"}),
    ("true for stars", "overall is true or false; allowed: a number", {"overall": True}),
    ("an asin without its zeros", "asin is a number; allowed: text", {"asin": 13714}),
    (
        "1 for a purchase that is verified",
        "verified is a number; allowed: true or false",
        {"verified": 1},
    ),
    ("half a vote", "vote is not a whole number", {"vote": 3.5}),
    ("a list of pictures as text", "image is text; allowed: a list", {"image": "['a.jpg']"}),
):
    declare(
        SAVED_AGAIN,
        what,
        "dropped",
        says,
        lambda changes=changes: gzip.compress(lines() + written(**changes).encode()),
    )


@case(
    SAVED_AGAIN,
    "a dump of reviews in which more lines are malformed than may be skipped",
    "refused",
    "All_Beauty.json.gz: 20 of 20 lines are malformed:",
)
def all_malformed(folder: Path) -> Seen:
    seen = read_dumps(folder, gzip.compress(lines(unixReviewTime="1472688000")))
    assert "\n  20 x unixReviewTime is text; allowed: a number\n" in str(seen.message)
    assert "Fetch" not in str(seen.message)
    return seen


OTHER = "looks like another release, that of"
OF_2023 = {"rating": 5.0, "title": "Good", "text": SECRET, "asin": "B1", "parent_asin": "B1"}
OF_2014 = {"reviewerID": "A1", "asin": "B1", "helpful": [2, 3], "overall": 5.0, "summary": SECRET}
declare(
    SAVED_AGAIN,
    "a dump of reviews in the layout of 2023",
    "refused",
    f"All_Beauty.json.gz {OTHER} 2023: it has the keys parent_asin, rating, text. Allowed: ...",
    lambda: gzip.compress(json.dumps(OF_2023).encode()),
)
declare(
    SAVED_AGAIN,
    "a dump of reviews in the layout of 2014",
    "refused",
    f"All_Beauty.json.gz {OTHER} 2014: it has the keys helpful. Allowed: ...",
    lambda: gzip.compress(json.dumps(OF_2014).encode()),
)


@case(
    SAVED_AGAIN,
    "metadata of products in the layout of 2014, Python dicts",
    "refused",
    f"meta_All_Beauty.json.gz {OTHER} 2014: it holds Python dicts instead of JSON. Allowed: ...",
)
def python_dicts(folder: Path) -> Seen:
    products = str({"asin": "B1", "title": f"It's {SECRET}", "price": 5.49}).encode()
    return read_dumps(folder, gzip.compress(lines()), gzip.compress(products))


@case(
    SAVED_AGAIN,
    "metadata of products in the layout of 2023",
    "refused",
    f"meta_All_Beauty.json.gz {OTHER} 2023: it has the keys average_rating, parent_asin. ...",
)
def parent_products(folder: Path) -> Seen:
    products = json.dumps({"title": SECRET, "average_rating": 4.8, "parent_asin": "B1"}).encode()
    return read_dumps(folder, gzip.compress(lines()), gzip.compress(products))


@case(
    SAVED_AGAIN,
    "prices of products as numbers",
    "dropped",
    "price is a number; allowed: text",
)
def priced(folder: Path) -> Seen:
    products = [{"asin": f"B{n}", "title": "Soap", "price": "$5.49"} for n in range(20)]
    products.append({"asin": "B99", "title": SECRET, "price": 5.49})
    metadata = "\n".join(map(json.dumps, products)).encode()
    return read_dumps(folder, gzip.compress(lines()), gzip.compress(metadata))
