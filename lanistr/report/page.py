"""One self-contained HTML page: style and figures lie in the file, so it can be sent by mail.

Bodies of sections are HTML from this package. Everything else is text and escaped here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parent / "templates"
NUMBER = re.compile(r"[<>≤≥+-]? ?\d")
CODE = re.compile(r"`([^`]+)`")
SMALLEST = 10
"""Counts of patients below it are not shown, as a page may be passed on."""

MISSPELT = ("Glascow", "Glasgow")
"""A word of columns as the published files of the series spell it, and as readers know it."""

Cell = str | int | float | None

SCALES = {
    "smoke": "Generated data and tiny models (scale smoke): this page shows that everything runs. "
    "Its numbers say nothing about patients and are not comparable with the paper's.",
    "demo": "A few open patients, with generated radiographs and notes, and tiny models (scale "
    "demo): the numbers are not comparable with the paper's.",
    "open": "Open data that anyone can get, and tiny models (scale open).",
    "own": "Your own data (scale own): what holds for them need not hold elsewhere.",
    "evening": "The paper's data with small models and little pretraining (scale evening): the "
    "numbers are not comparable with the paper's.",
    "paper": "Scale paper: the data and sizes of the paper.",
}


@dataclass(frozen=True)
class Section:
    """A part of a page under its own heading.

    Attributes:
        anchor: id of the section, unique in its page.
        heading: as text.
        body_html: made with `paragraph`, `listing`, `table` and `captioned`; without headings,
            which are sections of their own, so that their order stays right.
        level: of the heading, 2 to 6; one more than the section it belongs to, which precedes it.
    """

    anchor: str
    heading: str
    body_html: str = ""
    level: int = 2

    def __post_init__(self) -> None:
        if not 2 <= self.level <= 6:
            raise ValueError(f"{self.anchor}: heading level {self.level}, allowed are 2 to 6.")


def page(title: str, sections: Sequence[Section], *, stamp: Sequence[str] = ()) -> str:
    """The page as one file.

    Args:
        title: of the page, its only first-level heading.
        sections: in their order; those of level 2 are listed as contents.
        stamp: sentences that no reader may miss, such as the scale; shown below the title.

    Raises:
        ValueError: an anchor occurs twice, or a heading skips a level.
    """
    check_outline(sections)
    template = environment().get_template("page.html")
    return template.render(
        title=title, sections=sections, stamp=stamp, style=Markup(style())
    ).replace(*MISSPELT)


def check_outline(sections: Sequence[Section]) -> None:
    """Refuse what a screen reader could not navigate.

    >>> check_outline([Section("a", "A"), Section("b", "B", level=4)])
    Traceback (most recent call last):
    ValueError: b: heading level 4 after level 2; put it at level 3 or above.
    """
    level, seen = 1, set()
    for section in sections:
        if section.anchor in seen:
            raise ValueError(f"{section.anchor}: two sections have this anchor; rename one.")
        if section.level > level + 1:
            raise ValueError(
                f"{section.anchor}: heading level {section.level} after level {level}; "
                f"put it at level {level + 1} or above."
            )
        seen.add(section.anchor)
        level = section.level


def table(
    rows: Sequence[Mapping[str, Cell]],
    columns: Sequence[str] | Mapping[str, str],
    caption: str,
) -> str:
    """An accessible table that scrolls sideways where the screen is narrow.

    Args:
        rows: cells by key; a missing key, None or "" is an empty cell. Floats show two decimals;
            what `Markup` holds is HTML.
        columns: keys in their order, or keys with their headings; the first names the row.
        caption: as text, above the table.

    Returns:
        HTML; columns of numbers are flush right.

    >>> ">1,234</td>" in table([{"a": "x", "n": 1234}], ["a", "n"], "Counts")
    True
    """
    headings = columns if isinstance(columns, Mapping) else {name: name for name in columns}
    lines = [[shown(row.get(key)) for key in headings] for row in rows]
    heads = [
        (heading, all_numbers([line[place] for line in lines]))
        for place, heading in enumerate(headings.values())
    ]
    return (
        environment().get_template("table.html").render(caption=caption, heads=heads, lines=lines)
    )


def shown(cell: Cell) -> str:
    """A cell as readers see it.

    >>> shown(12345), shown(0.5), shown(None), shown("< 10")
    ('12,345', '0.50', '', '< 10')
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.2f}" if isinstance(cell, float) else cell


def all_numbers(cells: Sequence[str]) -> bool:
    """True if a column is one of numbers: every cell with a digit begins like one.

    >>> all_numbers(["79.89 ± 1.2", "not run", ""]), all_numbers(["younger than 18"])
    (True, False)
    """
    texts = [Markup(cell).striptags() if isinstance(cell, Markup) else cell for cell in cells]
    with_digits = [text for text in texts if any(char.isdigit() for char in text)]
    return bool(with_digits) and all(NUMBER.match(text) for text in with_digits)


def paragraph(text: str) -> str:
    """Text as a paragraph; what stands between backticks is code.

    >>> paragraph("`a < b`, or not")
    '<p><code>a &lt; b</code>, or not</p>'
    """
    marked = CODE.sub(r"<code>\1</code>", str(escape(text)))
    return f"<p>{marked}</p>"


def notice(text: str) -> str:
    """A paragraph that stands out: something was not run, or must not be overlooked."""
    return f'<p class="notice">{escape(text)}</p>'


def listing(items: Sequence[str]) -> str:
    """Texts as a list."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def facts(pairs: Mapping[str, Cell]) -> str:
    """Names and values, such as the provenance of a run."""
    return (
        "<dl>"
        + "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(shown(value))}</dd></div>"
            for name, value in pairs.items()
        )
        + "</dl>"
    )


def captioned(svg: str, caption: str) -> str:
    """A figure of `lanistr.report.figures.svg` below the sentences that explain it."""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>"


def place_beside(figures: Sequence[str], *, wide: bool = False) -> str:
    """Figures side by side where the screen is wide enough, else below each other; or nothing.

    Args:
        figures: or other parts of a page.
        wide: at most two beside each other instead of three.
    """
    kind = "beside wide" if wide else "beside"
    return f'<div class="{kind}">{"".join(figures)}</div>'


def folded(summary: str, body_html: str) -> str:
    """Details that open on demand, without a script."""
    return f"<details><summary>{escape(summary)}</summary>{body_html}</details>"


@functools.cache
def environment() -> Environment:
    """The templates; text is escaped, an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style() -> str:
    """The style sheet of every page."""
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


def explain_scale(scale: str) -> str:
    """What the scale of a run means for its numbers."""
    return SCALES.get(scale, f"Scale {scale}.")
