"""Texts that come again in another split, word for word or nearly.

Two texts are near-duplicates if their sets of runs of five words (shingles) have a Jaccard index
of at least 0.8. The search is exact, which MinHash would not be: of n shingles, a near-duplicate
shares at least 0.8 n, hence one of any n - ceil(0.8 n) + 1 of them. Only the rarest that many are
looked up. The texts searched pass by some thousands at a time, so that memory is bounded.

Source: prefix filtering, Chaudhuri, Ganti and Kaushik (2006), "A primitive operator for similarity
joins in data cleaning".
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import polars as pl

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.measure import Measure, divide, measured
from preprocessing.audit.shards import Shards

RUN = 5  # words of a shingle
SIMILAR = 0.8
# Shorter texts come again by chance: "Great product, works as expected".
FEWEST_WORDS = 10
ROWS_AT_ONCE = 20_000

PAIRS = {"copy": pl.UInt64, "place": pl.String, "label": pl.Float64, "jaccard": pl.Float64}


def worth_comparing(texts: pl.DataFrame) -> pl.DataFrame:
    """The rows whose `text` is long enough, with `words` and `copy`, the hash of these, instead.

    Case, punctuation and masks (___) do not count.
    """
    words = pl.col("text").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+")
    long = texts.with_columns(words=words).filter(pl.col("words").list.len() >= FEWEST_WORDS)
    return long.with_columns(copy=pl.col("words").list.join(" ").hash()).drop("text")


def shingles(texts: pl.DataFrame, key: str) -> pl.DataFrame:
    """The distinct shingles of each text.

    Args:
        texts: the column `key`, which names a text, and `words`.
        key: its name.

    Returns:
        The key and `shingle` (uint64), one row each.

    >>> shingles(pl.DataFrame({"copy": [7], "words": [list("abcdef")]}), "copy").height
    2
    """
    left = pl.col("words").list.len().cast(pl.Int64) - pl.int_ranges(pl.col("words").list.len())
    exploded = texts.select(key, word="words", left=left).explode("word", "left")
    hashed = exploded["word"].hash().to_numpy()
    starts = max(len(hashed) - RUN + 1, 0)
    rolled = np.zeros(starts, np.uint64)
    for step in range(RUN):
        # Odd, so that no bit of any word is lost modulo 2**64.
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + hashed[step : step + starts]
    found = exploded.head(starts).with_columns(shingle=pl.Series(rolled, dtype=pl.UInt64))
    return found.filter(pl.col("left") >= RUN).select(key, "shingle").unique()


def nearest(queries: pl.DataFrame, others: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The most similar near-duplicate of each text in each place, if any.

    Args:
        queries: words, copy; as `worth_comparing` gives them.
        others: frames of the texts searched: words, copy, place (where they are from) and label.

    Returns:
        copy (of the query), place, label, jaccard; 1 = the same words.
    """
    distinct = queries.unique("copy")
    own = shingles(distinct, "copy")
    sizes = own.group_by("copy").agg(size=pl.len())
    found = pl.DataFrame(schema=PAIRS)
    for some in others:
        once = some.unique(["copy", "place", "label"], maintain_order=True).with_row_index("other")
        same = once.join(distinct.select("copy"), on="copy", how="semi")
        exact = same.select("copy", "place", pl.col("label").cast(pl.Float64), jaccard=pl.lit(1.0))
        near = _similar(own, sizes, once).join(once.drop("copy"), on="other")
        found = pl.concat([found, exact, near.select(pl.col(n).cast(t) for n, t in PAIRS.items())])
        # In order of rows and labels: the same texts give the same pairs.
        best = found.sort("jaccard", "label", descending=[True, False], maintain_order=True)
        found = best.unique(["copy", "place"], keep="first", maintain_order=True)
    return found


def _similar(own: pl.DataFrame, sizes: pl.DataFrame, once: pl.DataFrame) -> pl.DataFrame:
    """The pairs of near-duplicates: copy, other and jaccard."""
    theirs = shingles(once, "other")
    their_sizes = theirs.group_by("other").agg(their_size=pl.len())
    theirs = theirs.join(own.select("shingle").unique(), on="shingle", how="semi")
    frequency = theirs.group_by("shingle").len()
    ranked = own.join(sizes, on="copy").join(frequency, on="shingle", how="left")
    rank = pl.struct(pl.col("len").fill_null(0), "shingle").rank("ordinal").over("copy")
    enough = pl.col("size") - (SIMILAR * pl.col("size")).ceil() + 1
    rarest = ranked.filter(rank <= enough).select("copy", "shingle")
    pairs = rarest.join(theirs, on="shingle").select("copy", "other").unique()
    pairs = pairs.join(sizes, on="copy").join(their_sizes, on="other")
    ratio = pl.col("their_size") / pl.col("size")
    pairs = pairs.filter(ratio.is_between(SIMILAR, 1 / SIMILAR))
    shared = pairs.join(own, on="copy").join(theirs, on=["other", "shingle"])
    counted = shared.group_by("copy", "other", "size", "their_size").agg(both=pl.len())
    either = pl.col("size") + pl.col("their_size") - pl.col("both")
    scored = counted.with_columns(jaccard=pl.col("both") / either)
    # Five words of a short text may come twice in it; only the same words are the same text.
    return scored.filter(pl.col("jaccard") >= SIMILAR).with_columns(
        pl.col("jaccard").clip(upper_bound=np.nextafter(1, 0))
    )


def find_copies(variants: Sequence[Shards], resamples: int) -> Finding:
    """Texts of test and validation samples that come again in another split, or in pretraining.

    Also how well copying the answer to the nearest text does, where it is one number or class.
    """
    counts: dict[str, int] = {}
    context: dict[str, int] = {}
    parts: list[Part] = []
    measures = []
    for shards in variants:
        if shards.finetuned.is_empty():
            continue
        rows = shards.add_text(shards.labelled()).drop_nulls("text")
        if shards.task.kind == "multilabel":
            rows = rows.with_columns(label=pl.lit(None, pl.Float64))
        rows = worth_comparing(rows.select("split", "subject", "label", "text"))
        placed = rows.select("words", "copy", "label", place="split")
        searched = chain([placed], _pretraining(variants))
        found = nearest(rows.filter(pl.col("split") != "train"), searched)
        texts = shards.named("texts")
        long = f"test {texts} of {FEWEST_WORDS} words or more"
        context[long] = rows.filter(split="test").height
        parts.append(Part(shards.among("test", "text"), [long]))
        for split, copies in _count(rows, found, texts):
            counts |= copies
            whole = long if split == "test" else shards.among(split, "text")
            parts.append(Part(whole, list(copies)))
        if shards.task.kind != "multilabel":
            of = f"label of the nearest training {shards.named('text')}"
            among = shards.among("test", "text")
            measures.append(_copied(of, rows, found, among, shards.task.kind, resamples))
    return Finding("duplicate-texts", counts, context, parts, measures=measures)


def _pretraining(variants: Sequence[Shards]) -> Iterator[pl.DataFrame]:
    """The texts that pretraining sees, some thousands at a time; they have no label."""
    for shards in variants:
        for part in shards.pretrained_texts():
            for some in part.iter_slices(ROWS_AT_ONCE):
                yield worth_comparing(some).with_columns(
                    place=pl.lit("pretraining"), label=pl.lit(None, pl.Float64)
                )


def _count(
    rows: pl.DataFrame, found: pl.DataFrame, texts: str
) -> Iterator[tuple[str, dict[str, int]]]:
    """Split, and copies of it in one place, the same and nearly."""
    for split, places in (("test", ("train", "valid", "pretraining")), ("valid", ("train",))):
        own = rows.filter(split=split)
        for place in places:
            near = own.join(found.filter(place=place), on="copy")
            same = near.filter(jaccard=1.0).height
            yield (
                split,
                {
                    f"{split} {texts} that are word for word in {place}": same,
                    f"{split} {texts} that are nearly in {place}": near.height - same,
                },
            )


def _copied(
    of: str, rows: pl.DataFrame, found: pl.DataFrame, among: Among, kind: str, resamples: int
) -> Measure:
    """How well the label of the nearest training text does; without one, what is usual there."""
    train, test = divide(rows)
    is_class = kind == "multiclass"
    usual = train["label"].mode().sort().first() if is_class else train["label"].mean()
    nearest_label = found.filter(place="train").select("copy", score="label")
    scored = test.join(nearest_label, on="copy", how="left", maintain_order="left")
    known = pl.col("score").cast(pl.Int64 if is_class else pl.Float64)
    scored = scored.with_columns(score=pl.coalesce(known, pl.lit(usual)))
    return measured(of, scored, among, kind=kind, resamples=resamples)
