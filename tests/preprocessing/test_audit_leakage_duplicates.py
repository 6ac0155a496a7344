"""Near-duplicates against the definition, applied to every pair."""

import random
from itertools import product

import polars as pl
import pytest

from preprocessing.audit.leakage.duplicates import RUN, SIMILAR, nearest, worth_comparing


def runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


def jaccard(one: str, other: str) -> float:
    a, b = runs(one), runs(other)
    return len(a & b) / len(a | b)


def variants(rng: random.Random, texts: int) -> list[str]:
    """Texts that are alike in all degrees: each a few edits away from another."""
    found = [" ".join(rng.choices("abcdefghijklmnop", k=60)) for _ in range(3)]
    while len(found) < texts:
        words = rng.choice(found).split()
        for _ in range(rng.randint(0, 2)):
            words[rng.randrange(len(words))] = rng.choice("abcdefghijklmnopqrstuvwxyz")
        found.append(" ".join(words[rng.randint(0, 1) :]))
    rng.shuffle(found)
    return found


def searched(queries: list[str], others: list[str], chunk: int) -> pl.DataFrame:
    rows = pl.DataFrame({"text": others}).with_row_index("label").cast({"label": pl.Float64})
    placed = worth_comparing(rows).with_columns(
        place=pl.col("label").cast(pl.Int64).cast(pl.String)
    )
    asked = worth_comparing(pl.DataFrame({"text": queries}))
    found = nearest(asked, placed.iter_slices(chunk))
    return found.join(asked.select("copy", query=pl.col("words").list.join(" ")), on="copy")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("chunk", [7, 100])
def test_finds_the_pairs_of_the_definition_and_no_others(seed: int, chunk: int) -> None:
    rng = random.Random(seed)
    texts = variants(rng, 100)
    queries, others = texts[:40], texts[40:]
    expected = {
        (one, str(place)): jaccard(one, other)
        for one, (place, other) in product(queries, enumerate(others))
        if one == other or jaccard(one, other) >= SIMILAR
    }
    assert 50 < len(expected) < 1000
    found = searched(queries, others, chunk)
    got = {(row["query"], row["place"]): row["jaccard"] for row in found.to_dicts()}
    assert got == pytest.approx(expected)


def test_case_and_punctuation_do_not_tell_texts_apart() -> None:
    text = "The lungs are clear and the heart is of normal size today"
    (row,) = searched([text.upper().replace(" ", ",  ")], [text], 10).to_dicts()
    assert row["jaccard"] == 1.0


def test_short_texts_are_not_compared() -> None:
    assert searched(["Love it, works great"], ["Love it, works great"], 10).is_empty()


def test_same_runs_in_another_order_are_no_word_for_word_copy() -> None:
    """Both texts have the same set of runs, but one has some of them twice."""
    text = "a b c d e a b c d e a b c d e"
    (row,) = searched([text + " a b c d e"], [text], 10).to_dicts()
    assert SIMILAR <= row["jaccard"] < 1
