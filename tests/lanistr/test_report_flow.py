"""The flow as it may be shared, and the ledgers in full."""

import json

import pytest

from lanistr.report.flow import draw_ways, sections
from lanistr.report.page import page
from tests.lanistr.pages import check

WAY = {
    "rows": "ICU <stays>",
    "read": 1726,
    "steps": [
        {"reason": "changed the ICU", "dropped": None, "left": None},
        {"reason": "younger than 18", "dropped": None, "left": 1513},
    ],
}


def test_what_is_withheld_is_said_to_be():
    html = draw_ways([WAY])
    assert "<b>1,726</b> ICU &lt;stays&gt; read" in html and "<b>1,513</b> remain" in html
    assert html.count("<b>withheld</b>") == 3


@pytest.fixture
def results(tmp_path):
    (tmp_path / "ledger").mkdir()
    told = {"table": "icu/icustays", "reason": "younger than 18"}
    entries = [{**told, "rows_before": 1516, "rows_after": 1513}]
    ledger = {"step": "s", "flow": None, "entries": entries}
    (tmp_path / "ledger" / "stays.json").write_text(json.dumps(ledger))
    return tmp_path


def test_ledgers_are_tables(results):
    html = page("T", sections(results))
    check(html)
    assert "younger than 18" in html and "&lt; 10" in html


def test_a_run_without_ledgers_says_so(tmp_path):
    assert "No ledger" in page("T", sections(tmp_path))
