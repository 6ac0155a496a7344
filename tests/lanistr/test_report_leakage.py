"""The page of the leakage audit says what was found, to a reader who is no programmer."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from lanistr.errors import DataContractError
from lanistr.report.audit import read_audit
from lanistr.report.leakage import sections, write_page


def gate(name: str, status: str, **changes: Any) -> dict[str, Any]:
    return {
        "gate": name, "status": status, "stops": True, "question": f"Is there {name}?",
        "danger": "It looks too good.", "remedy": "Take <it> out.", "counts": {},
        "context": {}, "settings": [], "measures": [],
    } | changes  # fmt: skip


def measure(**changes: Any) -> dict[str, Any]:
    return {
        "of": "the word", "metric": "AUROC", "value": 0.8, "low": 0.7, "high": 0.9, "n": 50,
        "better_than_chance": True,
        "chance": 0.5, "withheld": None,
    } | changes  # fmt: skip


def audit(*gates: dict[str, Any]) -> dict[str, Any]:
    dataset = {
        "dataset": "mimic",
        "title": "Visits",
        "scale": "smoke",
        "text_source": "discharge",
        "digest": "0",
    }
    return {
        "limit": 10,
        "acknowledged": ["words"],
        "acknowledged_without_finding": ["idle-one"],
        "datasets": [dataset | {"gates": list(gates)}],
    }


FULL = audit(
    gate("clean-one", "clean"),
    gate(
        "words", "acknowledged", counts={"texts": 12, "others": None},
        measures=[measure(), measure(of="rare", value=None, low=None, withheld="too few")],
    ),
    gate("late", "notice", settings=["switch horizon=charttime"]),
)  # fmt: skip


class Text(HTMLParser):
    """The words of a page, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = [value or "" for name, value in attrs if name in ("src", "href")]
        self.loads += [value for value in values if not value.startswith("#")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Text:
    folder = tmp_path_factory.mktemp("page")
    (folder / "leakage.json").write_text(json.dumps(FULL))
    write_page(folder / "leakage.json", folder / "leakage.html")
    text = Text()
    text.feed((folder / "leakage.html").read_text())
    return text


@pytest.mark.parametrize(
    "words",
    [
        "Is there words?", "found and acknowledged", "noticed", "not found", "12", "withheld",
        "AUROC in percent", "80 (70 to 90)", "withheld: too few", "switch horizon=charttime",
        "What to do: Take <it> out.",
        "Acknowledged in the configuration, but not found: idle-one.",
    ],
)  # fmt: skip
def test_the_page_tells(shown: Text, words: str) -> None:
    assert words in shown.words


def test_the_page_needs_no_network(shown: Text) -> None:
    assert shown.loads == []


def test_what_was_found_comes_first() -> None:
    headings = [section.heading for section in sections(FULL)]
    assert headings[2:] == ["Is there words?", "Is there late?", "Not found"]


def test_a_leak_is_said_at_the_top() -> None:
    overview = sections(audit(gate("words", "leak")))[0]
    assert "Leaks that are not acknowledged: 1." in overview.body_html


def test_runs_have_a_section_where_there_are_any() -> None:
    runs = {"table1": {"gates": [gate("selection-on-test", "leak", settings=["a, seed 0"])]}}
    told = {section.anchor: section.body_html for section in sections(FULL, runs=runs)}
    assert "a, seed 0" in told["leakage-runs"] and "table1: found" in told["leakage-runs"]
    assert "leakage-runs" not in {section.anchor for section in sections(FULL)}


def test_another_file_is_refused(tmp_path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataContractError, match="snakemake audit"):
        read_audit(tmp_path / "x.json")
