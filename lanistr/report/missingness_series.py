"""How often the variables of a series were measured, by hour: a heat map and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanistr.report.figures import figure, svg
from lanistr.report.page import captioned, notice, table

WITHHELD = "withheld"
ALL = "all"


def draw_series(observed: Mapping[str, Any]) -> str:
    """A heat map of variables and hours, and the shares of each variable by split."""
    groups = observed["groups"]
    if not groups:
        return notice("Withheld: there are too few series.")
    lines = [
        {
            "variable": name,
            **{
                group: WITHHELD if value is None else percent(value)
                for group, entry in groups.items()
                for value in [entry["all_hours"][place]]
            },
        }
        for place, name in enumerate(observed["variables"])
    ]
    shown = ", ".join(f"{name} {entry['stays']:,}" for name, entry in groups.items())
    caption = (
        f"Share of {groups[ALL]['stays']:,} series in which a variable was measured, by hour of "
        "the series. White cells with a dot are withheld."
    )
    listed = table(
        lines,
        {"variable": "Variable", **{name: name for name in groups}},
        f"Share of hours in which a variable was measured. Series: {shown}.",
    )
    without = "" if len(groups) > 1 else notice("By split: withheld, as a split is too small.")
    return captioned(heat_map(observed), caption) + listed + without


def heat_map(observed: Mapping[str, Any]) -> str:
    """Variables by hours, coloured by the share of series with an observation."""
    import numpy as np

    shares = np.array(observed["groups"][ALL]["share"], dtype=float)  # None becomes NaN
    names, hours = observed["variables"], observed["hours"]
    with figure(width=6.4, height=4.4) as (fig, axes):
        axes.grid(False)
        edges = np.arange(hours + 1), np.arange(len(names) + 1)
        drawn = axes.pcolormesh(
            *edges, np.ma.masked_invalid(shares), vmin=0, vmax=1, cmap="cividis"
        )
        rows, columns = np.nonzero(np.isnan(shares))
        axes.plot(columns + 0.5, rows + 0.5, linestyle="none", marker=".", markersize=1.5)
        axes.invert_yaxis()
        axes.set_yticks(np.arange(len(names)) + 0.5, names)
        axes.set_xticks(range(0, hours + 1, 6))
        axes.set_xlabel("hour of the series")
        fig.colorbar(drawn, ax=axes, location="top", label="share of series", aspect=40)
        ever = ", ".join(
            f"{name} {percent(value)}"
            for name, value in zip(names, observed["groups"][ALL]["all_hours"], strict=True)
            if value is not None
        )
        return svg(
            fig,
            title="Observed share by variable and hour",
            description=f"Heat map of {len(names)} variables by {hours} hours. Over all hours: "
            f"{ever}. The table below has the numbers by split.",
        )


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent.

    >>> percent(0.3574), percent(0.3574, 2), percent(None)
    ('35.7 %', '35.74 %', '')
    """
    return "" if share is None else f"{100 * share:.{digits}f} %"
