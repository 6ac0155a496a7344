"""The numbers of rows in words: for axes, and for who cannot see a figure."""

from __future__ import annotations

from collections.abc import Sequence

from lanistr.evaluation.metrics import Metric
from lanistr.evaluation.row import Row


def named(metric: Metric, unit: str) -> str:
    """A metric with what it is in.

    >>> from lanistr.evaluation.metrics import METRIC
    >>> named(METRIC["auroc"], ""), named(METRIC["mae"], "hours")
    ('AUROC in percent', 'MAE in hours')
    """
    known = metric.unit(unit)
    return metric.title + (f" in {known}" if known else "")


def told(rows: Sequence[Row]) -> str:
    """The numbers of a figure in words."""
    with_paper = any(row.paper is not None for row in rows)
    return " ".join(
        f"{row.row}: ours {number_told(row)}{paper_told(row) if with_paper else ''}."
        for row in rows
    )


def paper_told(row: Row) -> str:
    """The paper's number after ours."""
    return f", paper {'not given' if row.paper is None else f'{row.paper:.1f}'}"


def enumerated(items: Sequence[str]) -> str:
    """Items as a sentence lists them.

    >>> enumerated(["a"]), enumerated(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def number_told(row: Row) -> str:
    """Our number with its interval, or why there is none."""
    if row.mean is None:
        return row.status
    digits = 1 if row.measure.percent else 2
    ends = "" if row.low is None else f" ({row.low:.{digits}f} to {row.high:.{digits}f})"
    return f"{row.mean:.{digits}f}{ends}"
