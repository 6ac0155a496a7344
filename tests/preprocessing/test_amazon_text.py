import json
from pathlib import Path

import polars as pl
import pytest

from preprocessing.datasets.amazon import text


@pytest.mark.parametrize(
    ("limit", "with_summary", "expected"),
    [
        (text.TextLimit.CHARS, True, ["Five Stars. " + "é" * 500, "Five Stars", "Fine"]),
        (text.TextLimit.TOKENS, True, ["Five Stars. " + "é" * 600, "Five Stars", "Fine"]),
        (text.TextLimit.CHARS, False, ["é" * 512, "Fine"]),
    ],
)
def test_words_are_summary_and_review_up_to_the_limit(
    tmp_path: Path, limit: text.TextLimit, with_summary: bool, expected: list[str]
) -> None:
    part = tmp_path / "reviews.parquet"
    pl.DataFrame(
        {
            "sample_id": [0, 1, 2, 3],
            "split": "train",
            "summary": ["Five Stars", "Five Stars", None, None],
            "review": ["é" * 600, None, " Fine\n", " \n"],
        }
    ).write_parquet(part)
    text.join_words(
        [part],
        limit,
        with_summary=with_summary,
        outputs=[tmp_path / "text.parquet"],
        facts=tmp_path / "facts.json",
        ledger_path=tmp_path / "ledger.json",
    )
    assert pl.read_parquet(tmp_path / "text.parquet")["text"].to_list() == expected
    entry = json.loads((tmp_path / "ledger.json").read_text())["entries"][0]
    assert (entry["rows_before"], entry["rows_after"]) == (4, len(expected))
    source = "summary+review" if with_summary else "review"
    assert json.loads((tmp_path / "facts.json").read_text())["source"] == source
