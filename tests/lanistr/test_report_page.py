"""Pages that a screen reader can navigate, and in which nothing is mistaken for markup."""

import re

import pytest

from lanistr.report.figures import figure, svg, svg_file
from lanistr.report.page import Section, facts, folded, listing, page, paragraph, table
from tests.lanistr.pages import Outline, check


def drawing(title):
    with figure() as (fig, axes):
        axes.plot([1, 3, 2])
        axes.set_xlabel("hours < 48")
        return svg(fig, title=title, description='x & "y"')


def test_a_page_is_well_formed_and_can_be_navigated():
    sections = [
        Section("one", "First & foremost", drawing("A") + drawing("B") + paragraph("1 < 2")),
        Section("two", "Deeper", listing(["<b>"]) + folded("more", facts({"a<b": 1})), level=3),
        Section("three", "Last", table([{"a": "<i>", "n": 3}], ["a", "n"], "What & why")),
    ]
    html = page("A <title>", sections, stamp=["Scale: smoke."])
    outline = check(html)
    assert outline.headings == [1, 2, 3, 2]
    assert [a["href"] for a in outline.all("a")] == ["#content", "#one", "#three"]
    assert "<i>" not in html and "<b>" not in html.replace("<body>", "")
    assert "Scale: smoke." in html and html.startswith("<!doctype html>")


@pytest.mark.parametrize(
    "sections",
    [
        [Section("a", "A"), Section("a", "B")],
        [Section("a", "A", level=3)],
        [Section("a", "A"), Section("b", "B", level=4)],
    ],
)
def test_repeated_anchors_and_skipped_levels_are_refused(sections):
    with pytest.raises(ValueError, match=r"anchor|level"):
        page("T", sections)


def test_numbers_are_flush_right_and_words_are_not():
    rows = [{"name": "18 or older", "n": 1234, "share": 0.256}, {"name": "all", "n": None}]
    html = table(rows, {"name": "Name", "n": "Count", "share": "Share"}, "Caption")
    assert '<th scope="row">18 or older</th>' in html
    assert '<td class=number data-of="Count">1,234</td>' in html
    assert '<td class=number data-of="Share">0.26</td>' in html
    assert html.count("<td") == 4


def test_figures_of_one_page_share_no_id_and_keep_their_text():
    one, two = drawing("One"), drawing("Two")
    assert not set(Outline(one).ids) & set(Outline(two).ids)
    assert ">hours &lt; 48</text>" in one
    assert "x &amp; &#34;y&#34;" in one
    assert drawing("One") == one


def test_a_figure_takes_the_colour_of_the_text_around_it():
    with figure() as (fig, axes):
        axes.plot([0, 1])
        inline = svg(fig, title="T", description="D")
        alone = svg_file(fig, title="T", description="D")
    assert re.match(r'<svg width="\d+pt" height="\d+pt" ', alone)
    assert "fill: currentColor" in inline and 'fill="white"' not in inline
    assert 'fill="white"' in alone
