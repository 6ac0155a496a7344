"""What holds of every page that the report writes."""

from html.parser import HTMLParser

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
    # Browsers let what scrolls take focus; a page of landmarks would have none to go to.
    assert (
        "tabindex" not in html
        and 'role="region"' not in html
        and "aria-labelledby" not in str(outline.all("section"))
    )
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(cell["scope"] in ("col", "row") for cell in outline.all("th"))
    return outline
