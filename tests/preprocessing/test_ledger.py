"""The ledger: what was dropped is counted, in order, without values."""

import json

import polars as pl

from preprocessing.ledger import Entry, Flow, Ledger


def test_keep_drops_and_counts_null_as_not_kept():
    ledger = Ledger("step")
    kept = ledger.keep(
        "stays", pl.DataFrame({"age": [17, 18, None]}), pl.col("age") >= 18, reason="minor"
    )
    assert kept["age"].to_list() == [18]
    assert ledger.entries == [Entry("stays", "minor", 3, 1)]


def test_a_note_keeps_its_rows():
    ledger = Ledger("step")
    ledger.note("stays", "odd", 4)
    assert ledger.entries == [Entry("stays", "odd", 4, 4)]


def test_file_holds_step_and_entries_in_order(tmp_path):
    ledger = Ledger("step", Flow("stays", ("a",), order=2))
    ledger.record("a", "first", 3, 2)
    ledger.record("b", "second", 2, 2)
    ledger.write(tmp_path / "new" / "ledger.json")
    written = json.loads((tmp_path / "new" / "ledger.json").read_text())
    assert written["step"] == "step"
    assert written["flow"] == {"rows": "stays", "tables": ["a"], "order": 2, "ends_in": []}
    assert [entry["reason"] for entry in written["entries"]] == ["first", "second"]
    assert written["entries"][0] == {
        "table": "a",
        "reason": "first",
        "rows_before": 3,
        "rows_after": 2,
    }
