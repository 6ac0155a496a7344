"""The numbers of rows in words: for axes, and for who cannot see a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lanistr.evaluation.metrics import METRIC, Metric
from lanistr.evaluation.row import Row


def named(metric: Metric, unit: str) -> str:
    """A metric with what it is in.

    >>> from lanistr.evaluation.metrics import METRIC
    >>> named(METRIC["auroc"], ""), named(METRIC["mae"], "hours")
    ('AUROC in percent', 'MAE in hours')
    """
    known = metric.unit(unit)
    return metric.title + (f" in {known}" if known else "")


def inside(title: str) -> str:
    """A title as it stands inside a sentence.

    >>> inside("Reviews"), inside("ICU stays")
    ('reviews', 'ICU stays')
    """
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def metric_of(measure: Mapping[str, Any]) -> Metric | None:
    """The metric of tables that a measure of the leakage audit is; None if it is none of these."""
    titles = {metric.title.casefold(): metric for metric in METRIC.values()}
    return titles.get(measure["metric"].casefold())


def measure_told(measure: Mapping[str, Any], end: str) -> str:
    """A number of a measure of the leakage audit, as tables have it and no finer than it is known.

    >>> measure_told({"metric": "AUROC", "value": 0.76}, "value")
    '76'
    >>> measure_told({"metric": "R2", "low": 0.5}, "low")
    '0.50'
    """
    metric = metric_of(measure)
    percent = metric is not None and metric.percent
    return f"{100 * measure[end]:.0f}" if percent else f"{measure[end]:.2f}"


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
