"""Every input from the field meets what is promised of it, and no message shows a cell."""

from pathlib import Path

import pytest

from tests.field.case import CASES, SECRET, Case
from tests.field.catalogue import PAGE, load_cases, page

load_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.input}")
def test_the_promise_is_kept(case: Case, tmp_path: Path) -> None:
    seen = case.see(tmp_path)
    if case.promise in ("refused", "noticed"):
        assert seen.message is not None
        assert case.is_said(seen.message.splitlines()[0]), seen.message
        assert SECRET not in seen.message
    else:
        assert seen.message is None
    if case.promise == "dropped":
        assert any(map(case.is_said, seen.dropped)), seen
    if case.promise == "noted":
        assert any(map(case.is_said, seen.noted)), seen


def test_the_catalogue_is_current() -> None:
    """`python -m tests.field.catalogue` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
