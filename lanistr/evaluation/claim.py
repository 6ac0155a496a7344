"""What a table says of pretraining, in sentences that follow from its rows either way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lanistr.evaluation.row import Row, Table, method_of

K = TypeVar("K")
T = TypeVar("T")

LEVEL = 0.05
WITH, WITHOUT = ("LANISTR", "100 %"), ("LANISTR w/o pretraining", "0 %")
"""Rows with and without pretraining; a curve over unlabeled data names them after its share."""

ENOUGH = 5
"""Seeds from which on a test without a difference is significant as seldom as it should be."""


def told_claims(table: Table) -> list[str]:
    """Whether LANISTR with pretraining beats the same model without, and the best other row.

    Per data set and, in a curve over labels, number of labels, and then where the effect ends.
    Nothing where a table has no row of LANISTR; other forms of it are no rivals. The comparison
    with and without pretraining is judged by its interval; the best of several rows was chosen, so
    that it is judged by Holm's p.
    """
    sentences = []
    curve, datasets = table.layout.curve, grouped(asked_alike(table), lambda rows: rows[0].dataset)
    for dataset, points in datasets.items():
        told = [told_at(asked, curve, table.stamp.scale) for asked in points]
        told += [told_end(points)] if curve == "labels" else []
        sentences += [f"{dataset}: {text}" if len(datasets) > 1 else text for text in told if text]
    return sentences


def asked_alike(table: Table) -> list[list[Row]]:
    """Rows that may be compared: of one data set and, in a curve over labels, number of labels."""
    datasets = grouped(table.rows, lambda row: row.dataset).values()
    if table.layout.curve != "labels":
        return [*datasets]
    return [
        points
        for rows in datasets
        for by_labels in [sorted(rows, key=lambda row: row.labels or math.inf)]
        for points in grouped(by_labels, lambda row: row.labels).values()
    ]


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by a key, in their order."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def told_at(rows: Sequence[Row], curve: str | None, scale: str) -> str:
    """Both comparisons of rows that were asked the same."""
    return " ".join(filter(None, [told_pretraining(rows, scale), told_best(rows, curve)]))


def one_of(rows: Sequence[Row], names: Sequence[str]) -> Row | None:
    """The row of one of these names, a point of a curve without what it is at."""
    return next((row for row in rows if method_of(row.row) in names), None)


def told_pretraining(rows: Sequence[Row], scale: str) -> str:
    """LANISTR with pretraining against the same model without it; empty without such rows."""
    full, scratch = one_of(rows, WITH), one_of(rows, WITHOUT)
    if full is None or scratch is None:
        return ""
    if full.mean is None or scratch.mean is None or scratch.difference is None:
        missing = scratch if full.mean is not None else full
        return f"Whether pretraining helps LANISTR is not known: {missing.row}, {missing.status}."
    metric = full.measure
    lower = "" if metric.higher_is_better else " (lower is better)"
    numbers = (
        f"{metric.title}{lower} {full.mean:.2f} with it, {scratch.mean:.2f} without, "
        f"{gained(scratch)}; {told_amounts(full, scratch, scale)}."
    )
    if (effect := effect_of(scratch)) == 0:
        return f"No difference is shown between LANISTR with pretraining and without: {numbers}"
    verb = "lifts" if effect > 0 else "lowers"
    return f"Pretraining {verb} LANISTR: {numbers}"


def effect_of(other: Row) -> int:
    """What LANISTR's number is beside another row's: 1 greater, -1 smaller, 0 neither shown."""
    assert other.difference_low is not None and other.difference_high is not None
    return (other.difference_high < 0) - (other.difference_low > 0)


def gained(other: Row) -> str:
    """What LANISTR has more than another row, with interval and p."""
    assert other.difference is not None and other.difference_low is not None
    assert other.difference_high is not None and other.p_value is not None
    unit = "points" if other.measure.percent else other.unit
    return (
        f"{-other.difference:+.2f} {unit} (95 % interval {-other.difference_high:+.2f} to "
        f"{-other.difference_low:+.2f}, {told_p(other)})"
    )


def told_p(row: Row) -> str:
    """The p-value, and that adjusted for the rows of the table.

    >>> told_p(Row("LateFusion", "ok", None, "stays", "auroc", p_value=0.042, p_holm=0.0001))
    'p = 0.042, by Holm < 0.001'
    """
    told = [
        f"{name} {'< 0.001' if value < 0.001 else f'= {value:.3f}'}"
        for name, value in (("p", row.p_value), ("by Holm", row.p_holm))
        if value is not None
    ]
    return ", ".join(told)


def told_amounts(full: Row, scratch: Row, scale: str) -> str:
    """What both learned from."""
    counts = dict.fromkeys(f"{row.n_runs} seed{'s' * (row.n_runs > 1)}" for row in (full, scratch))
    amounts = [
        *([f"{full.labels:,} labels"] if full.labels is not None else []),
        *([f"{full.unlabeled:,} unlabeled samples"] if full.unlabeled is not None else []),
        " and ".join(counts),
        *(["generated data"] if scale == "smoke" else []),
    ]
    return ", ".join(amounts)


def told_best(rows: Sequence[Row], curve: str | None) -> str:
    """LANISTR against the best row of another method; empty without one, or of shares of data."""
    if (best := best_other(rows)) is None or curve == "unlabeled":
        return ""
    verb = {1: "beats", 0: "is not shown to differ from", -1: "is behind"}[beaten(best)]
    return f"LANISTR {verb} the best other row, {best.row} ({best.mean:.2f}): {gained(best)}."


def best_other(rows: Sequence[Row]) -> Row | None:
    """The best of what is compared with LANISTR and no form of it; None without one."""
    others = [row for row in rows if row.difference is not None and not row.row.startswith(WITH[0])]
    if one_of(rows, WITH) is None or not others:
        return None
    return max(others, key=lambda row: goodness(row) * (row.mean or 0))


def goodness(row: Row) -> int:
    """1 where a higher number is better, else -1."""
    return 1 if row.measure.higher_is_better else -1


def is_significant(row: Row) -> bool:
    """Whether a row is shown to differ from LANISTR, among all rows of its table."""
    return row.p_holm is not None and row.p_holm < LEVEL


def beaten(other: Row) -> int:
    """Whether LANISTR is better than another row, by Holm's p: 1 better, -1 worse, 0 not shown."""
    if not is_significant(other):
        return 0
    return 1 if goodness(other) * (other.difference or 0) < 0 else -1


def helped(scratch: Row) -> int:
    """Whether LANISTR is better than without pretraining, by the interval, as in `beaten`."""
    return goodness(scratch) * effect_of(scratch)


def told_end(points: Sequence[Sequence[Row]]) -> str:
    """Up to how many labels pretraining is better, of a curve; empty where none is compared."""
    known = [
        row for rows in points if (row := one_of(rows, WITHOUT)) and row.difference is not None
    ]
    if not known:
        return ""
    better = [row for row in known if helped(row) > 0]
    if not better:
        return "At no number of labels is pretraining shown to be better."
    return (
        f"Of {told_numbers(known)} labels, pretraining is shown to be better with "
        f"{told_numbers(better)}."
    )


def told_numbers(rows: Sequence[Row]) -> str:
    """The numbers of labels of rows.

    >>> told_numbers([Row("a", "ok", None, "d", "auroc", labels=n) for n in (40, 200, 4000)])
    '40, 200 and 4,000'
    """
    *most, last = [f"{row.labels:,}" for row in rows]
    return f"{', '.join(most)} and {last}" if most else last


def told_luck(rows: Sequence[Row], subjects: str) -> str:
    """Which luck the intervals and p of a table are about, and which not."""
    if (runs := max((row.n_runs for row in rows), default=0)) < 2:
        return (
            f"Intervals and p are by bootstrap over {subjects} alone: one seed says nothing of the "
            "luck of training."
        )
    few = f" {runs} seeds cannot bound the luck of training: intervals are too narrow, p too small."
    return (
        f"Intervals and p are by bootstrap over {subjects} and seeds together: about who was "
        "tested and how training went, not about which samples have a label, the same in all runs."
        + (few if runs < ENOUGH else "")
    )
