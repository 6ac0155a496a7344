"""One style for all figures, and their way into a page: inline SVG, text as text.

Colours are told apart by the colour-blind and lines also by their strokes. What is drawn in `INK`
takes the colour of the page's text, so figures can be read in light and in dark mode.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1b1f24"
GREY = "#7a828c"
"""What is not ours, such as the paper's numbers, and grid lines; visible on black and white."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b5578f", "#a07800", "#3a9fd6")
"""Okabe and Ito's, darkened where they were below a contrast of 3 on white."""
STROKES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
WIDTH = 4.0
"""Inches of a figure of one column: as wide as a phone of 390 px shows it at `READABLE`."""
READABLE = 11 / 9
"""CSS pixels per point below which a figure is scrolled and not made smaller: 9 pt are 11 px."""
LARGEST = 1.5
"""How much a figure grows where there is room."""


def style() -> dict[Any, Any]:
    """Matplotlib's settings for every figure."""
    from cycler import cycler

    return {
        "axes.edgecolor": GREY,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=STROKES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "font.family": "DejaVu Sans",  # comes with matplotlib; the page replaces it
        "font.size": 9,
        "grid.alpha": 0.3,
        "grid.color": GREY,
        "legend.edgecolor": "none",
        "legend.facecolor": "none",
        "legend.fontsize": 9,
        "lines.linewidth": 1.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "lanistr",  # the same figure is the same file
        "text.color": INK,
        "xtick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.color": GREY,
        "ytick.labelcolor": INK,
    }


@contextmanager
def figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = WIDTH,
    height: float = 3.2,
    layout: Literal["constrained"] | None = "constrained",
    **options: Any,
) -> Iterator[tuple[Figure, Any]]:
    """A figure and its axes in the style of the report; call `svg` inside the block.

    Args:
        rows: of axes.
        columns: of axes.
        width: inches; about `WIDTH` for a figure of one column.
        height: inches.
        layout: None for axes whose places are given, which is quicker.
        options: of `Figure.subplots`, such as `squeeze=False`.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(style()):
        fig = Figure(figsize=(width, height), layout=layout)
        yield fig, fig.subplots(rows, columns, **options)


def svg(fig: Figure, *, title: str, description: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        fig: made within `figure`.
        title: what is shown, read aloud first; no two figures of a page share one.
        description: what a reader who does not see the figure must know: axes, and what it says.

    Returns:
        SVG as wide as its place, with ids that are unique among figures of other titles.
    """
    drawn = inner(fig).replace(INK, "currentColor")
    key = "f" + hashlib.sha256(title.encode()).hexdigest()[:8]
    content = own_ids(drawn, key).split(">", 1)[1]
    width, height = 72 * fig.get_size_inches()
    sizes = f"max-width:{width * LARGEST:.0f}pt;min-width:{width * READABLE:.0f}px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" style="{sizes}" '
        f'role="img" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(description)}</desc>{content}'
    )


WHITE = '<rect width="100%" height="100%" fill="white"/>'


def svg_file(fig: Figure, *, title: str, description: str) -> str:
    """The figure as a file of its own, on white; without a width, a page may show it as nothing."""
    width, height = 72 * LARGEST * fig.get_size_inches()
    drawn = svg(fig, title=title, description=description)
    drawn = drawn.replace("<svg ", f'<svg width="{width:.0f}pt" height="{height:.0f}pt" ', 1)
    return drawn.replace("</desc>", f"</desc>{WHITE}", 1)


def read_svg(path: Path) -> str:
    """A figure that `svg_file` made, for a page: as wide as its place, and on its ground."""
    drawn = path.read_text(encoding="utf-8").replace(WHITE, "", 1)
    return re.sub(r'^<svg width="\d+pt" height="\d+pt"', "<svg", drawn)


def inner(fig: Figure) -> str:
    """Matplotlib's `<svg>` element, without background and metadata."""
    target = io.StringIO()
    fig.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = target.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    return drawn[drawn.index("<svg") :]


def own_ids(drawn: str, key: str) -> str:
    """Ids that nothing refers to are dropped, the others begin with `key`.

    >>> own_ids('<g id="a"><path id="b"/><use xlink:href="#b"/></g>', "f1")
    '<g><path id="f1-b"/><use xlink:href="#f1-b"/></g>'
    """
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', drawn))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{key}-{match[1]}"' if match[1] in used else ""

    drawn = re.sub(r' id="([^"]+)"', renamed, drawn)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", drawn)
