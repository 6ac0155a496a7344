"""Columns in words: whole phrases within the budget, nothing that is unknown."""

import pytest

from lanistr.data.card import Card
from lanistr.data.tab2txt import SEPARATOR, described, prepend_words
from tests.lanistr.review_shards import CARD

REVIEW = Card.model_validate(CARD).words
ROW = {
    "product": "B0000530HU",
    "reviewer": "A3CIUOJXQ5VDQ2",
    "verified": False,
    "year": 2016,
    "votes": 0,
    "time": 1472688000,
}


def test_every_column_is_told_once():
    assert described(ROW, REVIEW, budget=999) == (
        "verified purchase: no; votes: 0; year: 2016; date: 2016-09-01; product: B0000530HU; "
        "reviewer: A3CIUOJXQ5VDQ2"
    )


@pytest.mark.parametrize("budget", range(0, 130, 7))
def test_a_text_keeps_to_its_budget_in_whole_phrases(budget):
    text = described(ROW, REVIEW, budget)
    whole = described(ROW, REVIEW, 999).split(SEPARATOR)
    assert len(text) <= budget
    assert set(filter(None, text.split(SEPARATOR))) <= set(whole)


def test_what_is_unknown_is_left_out():
    assert described(dict.fromkeys(ROW), REVIEW) == ""
    assert described({"votes": 3}, REVIEW) == "votes: 3"


def test_a_row_without_known_columns_leaves_its_text_alone():
    assert prepend_words("", "Good.") == "Good."
