import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.datasets.amazon import reviews
from preprocessing.datasets.amazon.image_paths import ImageSource
from preprocessing.engine.duckdb import connect
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from preprocessing.splits import Splitter

HOST = "https://images.example.org/I/"


def review(number: int, **changes: Any) -> dict[str, Any]:
    """A review as upstream writes it; a change to None leaves the key out."""
    row = {
        "overall": 5.0,
        "verified": True,
        "reviewTime": "09 1, 2016",
        "reviewerID": f"A{number}",
        "asin": f"B{number % 7}",
        "style": {"Size:": " 7.0 oz"},
        "reviewerName": "Ann",
        "reviewText": f"As advertised, {number}",
        "summary": "Good",
        "unixReviewTime": 1472688000,
    }
    return {key: value for key, value in (row | changes).items() if value is not None}


def product(asin: str, **changes: Any) -> dict[str, Any]:
    row = {"asin": asin, "title": "Soap", "brand": "Acme", "price": "$5.49", "category": ["Beauty"]}
    return row | changes


def write(path: Path, rows: list[dict[str, Any] | str]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    return path


class Result:
    """What a run of the step wrote."""

    def __init__(self, folder: Path, parts: list[Path]):
        self.folder = folder
        self.parts = parts
        self.reviews = pl.concat(pl.read_parquet(path) for path in parts)
        self.products = pl.read_parquet(folder / "products.parquet")
        self.links = pl.read_parquet(folder / "links.parquet")
        self.facts = json.loads((folder / "facts.json").read_text())
        entries = json.loads((folder / "ledger.json").read_text())["entries"]
        self.ledger = {e["reason"]: (e["rows_before"], e["rows_after"]) for e in entries}


Step = Callable[..., Result]


@pytest.fixture
def step(tmp_path: Path) -> Step:
    def run(
        rows: list[dict[str, Any] | str] | Path,
        metadata: list[dict[str, Any] | str] | None = None,
        *,
        source: ImageSource = ImageSource.USER_OR_PRODUCT,
        max_malformed: float = 0.001,
        parts: int = 2,
        name: str = "out",
    ) -> Result:
        dump = rows if isinstance(rows, Path) else write(tmp_path / "Beauty.json.gz", rows)
        meta = write(tmp_path / "meta_Beauty.json.gz", metadata) if metadata else None
        folder = tmp_path / name
        outputs = [folder / f"part-{number:05d}.parquet" for number in range(parts)]
        reviews.clean_reviews(
            dump,
            Splitter({}, 0, 0.2, 0.2),
            metadata=meta,
            image_source=source,
            max_malformed=max_malformed,
            outputs=outputs,
            products=folder / "products.parquet",
            links=folder / "links.parquet",
            facts=folder / "facts.json",
            ledger_path=folder / "ledger.json",
            con=connect(),
        )
        return Result(folder, outputs)

    return run


def test_a_review_is_read_as_the_layout_says(step: Step) -> None:
    row = step([review(1, vote="1,341", overall=2.0, verified=False)]).reviews.row(0, named=True)
    assert (row["asin"], row["reviewer_id"], row["label"]) == ("B1", "A1", 1)
    assert (row["votes"], row["verified"], row["unix_time"]) == (1341, False, 1472688000)
    assert (row["summary"], row["review"]) == ("Good", "As advertised, 1")


def test_absent_keys_are_null_and_the_date_stands_in_for_the_time(step: Step) -> None:
    optional = {"reviewText": None, "summary": None, "unixReviewTime": None, "verified": None}
    row = step([review(1, **optional, style=None)]).reviews.row(0, named=True)
    assert row["review"] is row["summary"] is row["verified"] is row["votes"] is None
    assert row["unix_time"] == 1472688000  # 2016-09-01, from "09 1, 2016"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (json.dumps(review(1))[:60], "not a JSON object of the layout, or cut off"),
        ("[1, 2]", "not a JSON object of the layout, or cut off"),
        ("{}", "not a JSON object of the layout, or cut off"),
        (json.dumps(review(1)) * 2, "not a JSON object of the layout, or cut off"),
        (json.dumps(review(1, reviewText="\ud83d")), "half a surrogate pair"),
        (json.dumps(review(1, style={"\udc00": ""})), "half a surrogate pair"),
        (json.dumps(review(1)).replace("Ann", "A\0n"), "NUL bytes"),
        (json.dumps(review(1, overall=float("nan"))), "overall is missing"),
        (json.dumps(review(1, overall=float("inf"))), "overall is infinite; allowed: a number"),
        (json.dumps(review(1, overall=True)), "overall is true or false; allowed: a number"),
        (json.dumps(review(1, overall="5.0")), "overall is text; allowed: a number"),
        (json.dumps(review(1, image="https://a/b.jpg")), "image is text; allowed: a list"),
        (json.dumps(review(1, summary=["Good"])), "summary is a list; allowed: text"),
        (json.dumps(review(1, reviewText={})), "reviewText is an object; allowed: text"),
        (json.dumps(review(1, asin=13714)), "asin is a number; allowed: text"),
        (json.dumps(review(1, asin=None)), "asin is missing"),
        (json.dumps(review(1, reviewerID="")), "reviewerID is missing"),
        (json.dumps(review(1, overall=4.5)), "overall is not a rating of 1 to 5"),
        (json.dumps(review(1, vote="many")), "vote is not a whole number"),
        (json.dumps(review(1, vote="1,34")), "vote is not a whole number"),
        (json.dumps(review(1, vote=-1)), "vote is not a whole number"),
        (json.dumps(review(1, unixReviewTime=10**17)), "unixReviewTime is not a time"),
        (json.dumps(review(1, unixReviewTime=1.5)), "unixReviewTime is not a time"),
        (json.dumps(review(1, unixReviewTime=False)), "unixReviewTime is true or false"),
    ],
)
def test_malformed_lines_are_counted_and_skipped_or_refused(
    step: Step, bad: str, reason: str
) -> None:
    lines = [*(review(number) for number in range(2, 11)), bad]
    kept = step(lines, max_malformed=0.1)
    assert kept.reviews.height == 9
    assert [counts for told, counts in kept.ledger.items() if told.startswith(reason)] == [(10, 9)]
    with pytest.raises(DataContractError, match=f"1 of 10 lines are malformed:\n  1 x {reason}"):
        step(lines, max_malformed=0.05)


def test_unreadable_lines_are_counted_by_what_they_have(step: Step, tmp_path: Path) -> None:
    dump = tmp_path / "mixed.json.gz"
    good, other = (json.dumps(review(n, reviewText="é"), ensure_ascii=False) for n in range(2))
    dump.write_bytes(gzip.compress(f"{good}\n{{\n".encode() + other.encode("cp1252")))
    ledger = step(dump, max_malformed=0.7).ledger
    assert ledger["not a JSON object of the layout, or cut off"] == (3, 2)
    assert ledger["bytes that are not UTF-8, perhaps CP1252"] == (2, 1)


@pytest.mark.parametrize(
    ("vote", "votes"),
    [("1,341", 1341), ("7", 7), (7, 7), (7.0, 7), ("7.0", 7), ("", None), (float("nan"), None)],
)
def test_votes_are_read_as_upstream_and_pandas_write_them(
    step: Step, vote: Any, votes: int | None
) -> None:
    assert step([review(1, vote=vote)]).reviews["votes"].to_list() == [votes]


def test_a_byte_order_mark_changes_no_byte(step: Step, tmp_path: Path) -> None:
    rows = [review(number, reviewText=f'It\'s "{number}" ❤\n') for number in range(9)]
    plain = step(rows, name="plain")
    marked = tmp_path / "Beauty_marked.json.gz"
    text = "\n".join(map(json.dumps, rows)).encode("utf-8-sig")
    marked.write_bytes(gzip.compress(text))
    for one, other in zip(plain.parts, step(marked, name="marked").parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_mixture_of_releases_is_counted_by_line(step: Step) -> None:
    """A key of another release beside ours does not make a dump one of that release."""
    rows = [review(number, timestamp=1, helpful=[0, 0]) for number in range(9)]
    assert step(rows).reviews.height == 9


def test_a_dump_without_a_good_line_is_refused_whatever_the_share(step: Step) -> None:
    with pytest.raises(DataContractError, match="2 of 2 lines are malformed"):
        step(["{", "{"], max_malformed=0.999)
    with pytest.raises(ConfigError, match="max-malformed is 1"):
        step([review(1)], max_malformed=1)


def test_a_cut_off_or_missing_file_is_refused(step: Step, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.json.gz", [review(number) for number in range(500)])
    cut = tmp_path / "cut.json.gz"
    cut.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(DataContractError, match="not a whole gzip file"):
        step(cut)
    with pytest.raises(SourceMissingError, match=r"amazon\.root"):
        step(tmp_path / "none.json.gz")


def test_each_review_is_kept_once_under_its_smallest_product(step: Step) -> None:
    once = review(1, asin="B1")
    copy = review(1, asin="B2", overall=4.0, style={"Size:": " 1 oz"})
    wordless = [review(9, asin=asin, reviewText=None) for asin in ("B1", "B2")]
    result = step([copy, once, once, review(1, asin="B3", unixReviewTime=86400), *wordless])
    kept = result.reviews.filter(pl.col("unix_time") > 86400).drop_nulls("review")
    assert kept.select("asin", "label").rows() == [("B1", 4)]
    assert result.reviews.height == 4  # the other day and both wordless ones stay
    assert result.ledger["exact repetition of a line"] == (6, 5)
    copies = "same reviewer, words and day under another product or rating"
    assert result.ledger[copies] == (5, 4)


def test_line_order_repetitions_and_slices_change_no_byte(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [review(number) for number in range(60)]
    first = step(rows, parts=3, name="a")
    monkeypatch.setattr(reviews, "SLICE", 10)
    second = step([*reversed(rows), *rows[:7]], parts=3, name="b")
    for one, other in zip(first.parts, second.parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_no_product_is_in_two_splits_or_parts(step: Step) -> None:
    rows = [review(number, asin=f"B{number % 40}") for number in range(200)]
    result = step(rows, parts=3)
    assert result.reviews.group_by("asin").agg(pl.col("split").n_unique())["split"].max() == 1
    assert set(result.reviews["split"]) == {"train", "valid", "test"}
    of_parts = [set(pl.read_parquet(path)["asin"]) for path in result.parts]
    assert sum(map(len, of_parts)) == len(set.union(*of_parts)) == 40
    # Fewer rows, the same sides and identifiers.
    fewer = step(rows[:50], parts=3, name="fewer").reviews
    both = fewer.join(result.reviews, on="sample_id", suffix="_all")
    assert both.height == 50 and (both["split"] == both["split_all"]).all()


def test_metadata_is_cleaned_and_deduplicated(step: Step) -> None:
    metadata: list[dict[str, Any] | str] = [
        product(
            "B1", title="<b>Soap</b> &amp; more", brand="by\n\n  Acme", category=["A", "<i>C</i>"]
        ),
        product("B1", imageURL=["https://a/x._SY88.jpg"], price="$5 - $9"),
        product("B2", title="var t=(new Date()).getTime();"),
        product("B3", price=".a-box{color:#fff}", category="Beauty"),
        product("B4", price="$1,005.50", title="<style>p{x}</style>Pen"),
    ]
    result = step([review(1)], metadata)
    rows = {row["asin"]: row for row in result.products.iter_rows(named=True)}
    assert set(rows) == {"B1", "B3", "B4"}
    assert (rows["B1"]["price_low"], rows["B1"]["price_high"]) == (5.0, 9.0)
    assert rows["B3"]["price_low"] is None and rows["B3"]["category"] == "Beauty"
    assert (rows["B4"]["price_low"], rows["B4"]["title"]) == (1005.5, "Pen")
    assert result.ledger["title is a scraped script (getTime)"] == (5, 4)
    assert result.ledger["asin repeated; the row with the most pictures stays"] == (4, 3)
    assert result.reviews["in_metadata"].to_list() == [True]
    alone = step([review(1)], [metadata[0]], name="alone").products.row(0, named=True)
    assert (alone["title"], alone["brand"], alone["category"]) == ("Soap & more", "Acme", "C")


def test_wanted_pictures_follow_the_source(step: Step) -> None:
    rows = [review(1, image=[f"{HOST}u._SY88.jpg"]), review(2)]
    metadata: list[dict[str, Any] | str] = [
        product("B1", imageURLHighRes=[f"{HOST}p.jpg"], imageURL=f"{HOST}p._SX38_.jpg"),
        product("B9", imageURLHighRes=[f"{HOST}of a product without reviews.jpg"]),
    ]
    user = [f"{HOST}u.jpg", f"{HOST}u._SY88.jpg"]
    shown = [f"{HOST}p.jpg", f"{HOST}p._SX38_.jpg"]
    wanted = {
        ImageSource.USER: [user],
        ImageSource.PRODUCT: [shown],
        ImageSource.USER_OR_PRODUCT: [user, shown],
    }
    for source, urls in wanted.items():
        assert step(rows, metadata, source=source, name=source).links["urls"].to_list() == urls


def test_summaries_that_are_the_label_are_counted(step: Step) -> None:
    rows = [
        review(1, summary="Five Stars"),
        review(2, summary="one star", overall=1.0),
        review(3, summary="Four Stars", overall=2.0),
        review(4, summary="Five Stars in my book"),
    ]
    told = {"summary_is_stars": 3, "and_equals_label": 2, "of_lines": 4}
    assert step(rows).facts["giveaway"] == told


def test_the_real_sample(step: Step, shared: Path) -> None:
    result = step(shared / "data" / "amazon-2018" / "All_Beauty_5.sample.json.gz")
    assert result.ledger["exact repetition of a line"] == (1757, 1422)
    assert result.reviews.height == 923
    assert result.facts["giveaway"] == {
        "summary_is_stars": 521,
        "and_equals_label": 518,
        "of_lines": 1757,
    }
    assert not result.reviews["in_metadata"].any() and result.products.is_empty()
