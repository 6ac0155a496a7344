"""Pages that a screen reader can navigate, and in which nothing is mistaken for markup."""

from html.parser import HTMLParser

import pytest

from lanistr.report.figures import figure, svg, svg_file
from lanistr.report.page import Section, facts, folded, listing, page, paragraph, table

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """What a page is made of; fails on tags that do not close each other."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.headings, self.addresses, self.tags, self.open = [], [], [], [], []
        self.titled = []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes, closes=True):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [found[k] for k in ("src", "href", "xlink:href") if k in found]
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(int(tag[1:]))
        if self.open and self.open[-1] == "svg" and tag == "title":
            self.titled.append(found["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def check(html):
    """What holds of every page; returns its outline."""
    outline = Outline(html)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert all(address.startswith("#") for address in outline.addresses)
    inside = {address[1:] for address in outline.addresses}
    assert inside <= set(outline.ids)
    assert not outline.all("script") and not outline.all("link")
    assert "@import" not in html and "url(http" not in html
    assert outline.all("html")[0]["lang"] == "en"
    for drawing in outline.all("svg"):
        assert drawing["role"] == "img"
        assert drawing["aria-labelledby"].split()[0] in outline.titled
    for region in outline.all("div"):
        if region.get("role") == "region":
            assert region["tabindex"] == "0" and region["aria-label"]
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(cell["scope"] in ("col", "row") for cell in outline.all("th"))
    return outline


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
    assert "<td class=number>1,234</td><td class=number>0.26</td>" in html
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
    assert "fill: currentColor" in inline and 'fill="white"' not in inline
    assert 'fill="white"' in alone
