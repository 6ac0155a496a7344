"""UpSet plots: how often each combination of sets occurs, without circles that overlap.

Source: Lex et al. (2014), "UpSet: Visualization of Intersecting Sets", IEEE TVCG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lanistr.report.figures import GREY, INK, PALETTE, WIDTH, figure, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Patterns = Sequence[tuple[str, int | None]]


def plot(patterns: Patterns, sizes: Mapping[str, int | None], title: str) -> str:
    """Bars for patterns, the dots that say which they are, and the sizes of the sets.

    Args:
        patterns: sets of modalities such as "image+text" or "none", with their counts in the order
            to draw them; None = withheld.
        sizes: units with each modality, whatever else they have; None = withheld.
        title: no two figures of a page share one.

    Returns:
        SVG with the counts in its description.
    """
    names = list(sizes)
    wide = [1.25, max(1.6, 0.24 * len(patterns))]
    options = {"width_ratios": wide, "height_ratios": [2.2, 0.25 * len(names)]}
    with figure(2, 2, width=max(WIDTH, sum(wide) + 0.8), height=3.4, gridspec_kw=options) as (
        fig,
        axes,
    ):
        (corner, bars), (sets, dots) = axes
        corner.axis("off")
        draw_bars(bars, [n for _, n in patterns])
        draw_dots(dots, [name.split("+") for name, _ in patterns], names)
        draw_sets(sets, sizes)
        return svg(fig, title=title, description=described(patterns, sizes))


def draw_bars(axes: Axes, counts: Sequence[int | None]) -> None:
    """One bar per pattern with its count, or an x where it is withheld."""
    places = range(len(counts))
    axes.bar(places, [n or 0 for n in counts], color=PALETTE[0], width=0.65)
    for place, n in zip(places, counts, strict=True):
        text = "x" if n is None else f"{n:,}"
        axes.annotate(
            text,
            (place, n or 0),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=0 if n is None else 90,
            color=INK,
        )
    axes.margins(y=0.3)
    axes.set_xlim(-0.6, len(counts) - 0.4)
    axes.set_xticks([])
    axes.set_ylabel("units")
    axes.grid(axis="x", visible=False)


def draw_dots(axes: Axes, members: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """The matrix below the bars: filled where the pattern has the modality."""
    for column, present in enumerate(members):
        filled = [row for row, name in enumerate(names) if name in present]
        axes.plot([column] * len(names), range(len(names)), "o", color=GREY, ms=3, alpha=0.35)
        axes.plot([column] * len(filled), filled, "-o", color=INK, ms=5, lw=1.2)
    axes.set_xlim(-0.6, len(members) - 0.4)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks(range(len(names)), names)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)


def draw_sets(axes: Axes, sizes: Mapping[str, int | None]) -> None:
    """The sizes of the sets, growing to the left."""
    for row, n in enumerate(sizes.values()):
        axes.barh(row, n or 0, color=GREY, height=0.55)
        text = "x" if n is None else f"{n:,}"
        axes.annotate(
            text, (n or 0, row), xytext=(-2, 0), textcoords="offset points",
            ha="right", va="center", color=INK,
        )  # fmt: skip
    axes.set_ylim(len(sizes) - 0.5, -0.5)
    axes.set_xlim(1.9 * max((n or 0 for n in sizes.values()), default=0) or 1, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)


def described(patterns: Patterns, sizes: Mapping[str, int | None]) -> str:
    """The plot in words.

    >>> described([("image+text", 12), ("none", None)], {"image": 12})
    'Units by pattern: image and text 12; none withheld. With each modality: image 12.'
    """

    def told(name: str, n: int | None) -> str:
        return f"{name.replace('+', ' and ')} {'withheld' if n is None else format(n, ',')}"

    listed = "; ".join(told(*pattern) for pattern in patterns)
    having = "; ".join(told(*size) for size in sizes.items())
    return f"Units by pattern: {listed}. With each modality: {having}."
