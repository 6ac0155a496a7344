"""The page of the missingness audit: what it says, what it hides, and that it can be read aloud."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lanistr.errors import DataContractError
from lanistr.report import missingness, upset

SIZES = {"image": 71, "text": None, "timeseries": 100, "tabular": 100}
MODALITIES = list(SIZES)


def row(name: str, count: int | None, **columns: Any) -> dict[str, Any]:
    known = None if count is None else count
    return {
        "unit": "stay", "breakdown": "all", "level": "all", "kind": "pattern", "name": name,
        "count": count, "share": None if count is None else count / 100, "known": known,
        "outcome": None if count is None else 0.25, "suppressed": count is None,
        "outcome_suppressed": count is None,
    } | columns  # fmt: skip


def unit(name: str, title: str, *, only_in_files: bool) -> dict[str, Any]:
    about = {"definition": "stays in an ICU", "outcome": "died in hospital"}
    return {
        "name": name, "title": title, "modalities": MODALITIES, "only_in_files": only_in_files,
    } | about  # fmt: skip


def audit() -> dict[str, Any]:
    """An audit with a withheld pattern, a breakdown withheld as a whole, and a small series."""
    rows = [
        row("any", 100, kind="total"),
        row("image+text+timeseries+tabular", 71),
        row("timeseries+tabular", None),
        row("none", 0, outcome=None),
        *(row(name, n, kind="has") for name, n in SIZES.items()),
        row("any", 100, kind="total", breakdown="split", level="train"),
        *(
            row(name, 71, breakdown="split", level="train")
            for name in ("image+text+timeseries+tabular", "timeseries+tabular")
        ),
        *(
            row(name, None, kind=kind, breakdown="period", level="2008 - 2010")
            for name, kind in [("any", "total"), ("timeseries+tabular", "pattern")]
        ),
        row("text: no note <of> the patient", 29, kind="absence"),
    ]  # fmt: skip
    share = [[None if hour == 5 else hour / 48 for hour in range(48)], [1.0] * 48]
    return {
        "schema_version": 1,
        "limit": 10,
        "datasets": [
            {
                "dataset": "stays",
                "title": "Made-up stays",
                "note": "Years mean nothing.",
                "published": [{"title": "The paper's rows", "definition": "as published",
                               "count": 400, "incomplete": 143}],
                "provenance": {"digest": "abc123", "scale": "smoke", "text_source": "discharge"},
                "units": [
                    unit("stay", "ICU stays", only_in_files=False),
                    unit("short", "Short stays", only_in_files=True),
                ],
                "rows": rows,
                "complete_with": ["image", "text", "timeseries"],
                "completeness": [{"unit": "stay", "count": 100, "incomplete": 29, "share": 0.29,
                                  "join_rows": 36.8},
                                 {"unit": "short", "count": 7777, "incomplete": 2, "share": 0.5,
                                  "join_rows": None}],
                "observed": {
                    "variables": ["Heart Rate", "pH"], "hours": 48,
                    "groups": {"all": {"stays": 100, "share": share, "all_hours": [0.5, 1.0]}},
                },
            }
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    (folder / "missingness.json").write_text(json.dumps(audit()))
    missingness.write_page(folder / "missingness.json", folder / "missingness.html")
    return (folder / "missingness.html").read_text()


def test_numbers_and_what_is_withheld(html: str) -> None:
    assert "29.00 %" in html  # incomplete
    assert "image + text + timeseries + tabular" in html
    assert "withheld" in html
    assert "By period: withheld as a whole" in html
    assert "71 (25.0 %)" in html  # train
    assert "no note &lt;of&gt; the patient" in html
    assert "abc123" in html


def test_the_data_set_says_what_it_and_its_units_are_called(html: str) -> None:
    assert ">Made-up stays</h2>" in html and ">ICU stays</h3>" in html
    assert "Years mean nothing." in html and "The paper pairs every image" in html
    assert "35.75 %" in html and "as published" in html
    assert "7,777" not in html  # only in the files


class Outline(HTMLParser):
    """Elements of a page that matter to a screen reader or to a reader without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def test_it_can_be_read_aloud_and_without_a_network(html: str) -> None:
    outline = Outline()
    outline.feed(html)
    figures = [svg for svg in outline.of("svg") if svg.get("role") == "img"]
    assert len(figures) == 2  # UpSet and heat map
    assert all(svg["aria-labelledby"] for svg in figures)
    assert all(head.get("scope") in ("col", "row") for head in outline.of("th"))
    assert len(outline.of("caption")) == len(outline.of("table"))
    assert not outline.of("script", "link", "iframe", "img")
    names = [tag["id"] for _, tag in outline.tags if tag.get("id")]
    assert len(names) == len(set(names))


def test_the_figure_in_words() -> None:
    drawn = upset.plot([("image+text", 12), ("none", None)], {"image": 12, "text": None}, "Stays")
    assert "image and text 12; none withheld" in drawn
    assert ">Stays</title>" in drawn


def test_too_few_stays_for_a_heat_map() -> None:
    small = audit()
    small["datasets"][0]["observed"]["groups"] = {}
    (shown,) = (s for s in missingness.sections(small) if s.anchor.endswith("series"))
    assert "too few series" in shown.body_html and "<svg" not in shown.body_html


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(DataContractError, match="snakemake audit"):
        missingness.write_page(tmp_path / "m.json", tmp_path / "m.html")
