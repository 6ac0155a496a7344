"""No count below ten can be read off the flow or computed from it."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanistr.report.flow import Step, Way, drawn, groups, is_safe, sections, shown_counts, ways
from lanistr.report.page import page
from tests.lanistr.pages import check


def entry(table, reason, before, after):
    return {"table": table, "reason": reason, "rows_before": before, "rows_after": after}


def ledger(tables, order, *entries):
    flow = {"rows": "ICU stays", "tables": tables, "order": order}
    return {"step": "s", "flow": flow, "entries": list(entries)}


def consistent(texts, total):
    """Every assignment of small counts that fits what is shown."""
    small = [place for place, text in enumerate(texts) if text == "< 10"]
    covered = sum(text == "10 or more" for text in texts)
    known = sum(
        int(text.replace(",", "")) for text in texts if text[0] not in "<" and "or" not in text
    )
    for values in product(range(1, 10), repeat=len(small)):
        rest = total - known - sum(values)
        if rest >= 10 * covered if covered else rest == 0:
            yield values


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 9), st.integers(10, 40)), min_size=1, max_size=6))
def test_every_small_count_stays_unknown(counts):
    for group in groups(counts):
        own = [counts[place] for place in group]
        texts = shown_counts(own)
        if not is_safe(own):
            assert group == list(range(len(counts)))  # nothing to hide it behind: no count after it
            continue
        possible = list(consistent(texts, sum(own)))
        small = [count for count in own if count < 10]
        assert tuple(small) in possible
        for place in range(len(small)):
            assert len({values[place] for values in possible}) > 1


@given(st.lists(st.integers(1, 50), max_size=8))
def test_every_step_is_in_one_group_in_its_order(counts):
    assert [place for group in groups(counts) for place in group] == list(range(len(counts)))


def test_what_cannot_be_hidden_is_not_told():
    html, shown = drawn(Way("stays", 100, [Step("l", 0, "too young", 3)]))
    assert shown == {("l", 0): "< 10"}
    assert "97" not in html and "not told" in html


def test_steps_continue_across_ledgers_and_remarks_are_left_out():
    ledgers = {
        "events": ledger(
            ["cohort"],
            2,
            entry("cohort", "shorter than 48 h", 150, 100),
            entry("cohort", "a remark", 40, 40),
            entry("measurements", "no value", 1000, 900),
        ),
        "stays": ledger(
            [],
            1,
            entry("icustays", "nothing", 200, 200),
            entry("icustays", "several stays", 200, 150),
        ),
    }
    (main,), (other,) = ways(ledgers)
    assert (main.name, main.start) == ("ICU stays", 200)
    assert [(step.reason, step.rows) for step in main.steps] == [
        ("several stays", 50),
        ("shorter than 48 h", 50),
    ]
    assert other.name == "events, measurements"


@pytest.fixture
def results(tmp_path):
    import json

    (tmp_path / "ledger").mkdir()
    entries = [
        entry("icu/icustays", "changed the ICU", 1726, 1516),
        entry("icu/icustays", "younger than 18", 1516, 1513),
    ]
    (tmp_path / "ledger" / "stays.json").write_text(json.dumps(ledger([], 1, *entries)))
    return tmp_path


def test_the_table_of_a_ledger_tells_no_more_than_the_flow(results):
    html = page("T", sections(results))
    check(html)
    assert "1,726" in html and "1,513" in html
    for secret in ("1,516", "1516", ">210<", ">3<"):
        assert secret not in html
    assert "10 or more" in html and "&lt; 10" in html


def test_a_run_without_ledgers_says_so(tmp_path):
    assert "No ledger" in page("T", sections(tmp_path))
