"""Suppression against a reader who subtracts: intervals of withheld cells by integer programmes."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import lil_array

from preprocessing.audit.alternatives import RANGE
from preprocessing.audit.suppression import LIMIT, withheld
from preprocessing.audit.tables import Tables
from preprocessing.errors import DataContractError

ALL = "all"


def interval(
    cell: object,
    counts: Mapping,
    relations: Sequence[Mapping],
    hidden: Collection,
    also: Collection = (),
) -> tuple[float, float]:
    """What a reader knows of a cell: the least and the most it can be, given what is published."""
    cells = list(counts)
    known = [
        (counts[c], counts[c]) if c not in hidden else (0 if c in also else 1, None) for c in cells
    ]
    place = {c: number for number, c in enumerate(cells)}
    matrix = lil_array((len(relations), len(cells)))
    for row, relation in enumerate(relations):
        for c, factor in relation.items():
            matrix[row, place[c]] = factor
    matrix = matrix.tocsr()
    truth = np.array([counts[c] for c in cells], dtype=float)
    aim = np.array([c == cell for c in cells], dtype=float)
    ends = []
    for sign in (1, -1):
        found = linprog(sign * aim, A_eq=matrix, b_eq=matrix @ truth, bounds=known, integrality=1)
        # Unbounded is as wide as can be.
        ends.append(sign * found.fun if found.status == 0 else -sign * np.inf)
    return ends[0], ends[1]


def table_of(values: Mapping[tuple[str, str], int]) -> tuple[dict, list[dict]]:
    """Cells of a table with both margins and its total, and how they add up."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*values, strict=True))
    counts = dict(values)
    counts |= {(row, ALL): sum(values[row, column] for column in columns) for row in rows}
    counts |= {(ALL, column): sum(values[row, column] for row in rows) for column in columns}
    counts[ALL, ALL] = sum(values.values())
    relations = [
        {(row, ALL): -1, **{(row, column): 1 for column in columns}} for row in [*rows, ALL]
    ] + [{(ALL, column): -1, **{(row, column): 1 for row in rows}} for column in [*columns, ALL]]
    return counts, relations


@st.composite
def linked_tables(draw: st.DrawFn) -> tuple[dict, list[dict]]:
    """Two breakdowns of the same units by pattern: both have the same margin of patterns."""
    patterns = [f"p{n}" for n in range(draw(st.integers(1, 3)))]
    cells = st.one_of(st.integers(0, 15), st.integers(0, 300))
    first = {
        (f"a{n}", p): draw(cells) for n, p in product(range(draw(st.integers(1, 3))), patterns)
    }
    counts, relations = table_of(first)
    second: dict[tuple[str, str], int] = {}
    for pattern in patterns:
        left = counts[ALL, pattern]
        part = draw(st.integers(0, left))
        second |= {("b0", pattern): part, ("b1", pattern): left - part}
    more, others = table_of(second)
    return counts | more, relations + others


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(linked_tables())
def test_no_withheld_count_is_determined(tables: tuple[dict, list[dict]]) -> None:
    counts, relations = tables
    hidden = withheld(counts, relations)
    assert not [cell for cell, n in counts.items() if 0 < n < LIMIT and cell not in hidden]
    assert not [cell for cell in hidden if counts[cell] == 0]
    for cell in hidden:
        least, most = interval(cell, counts, relations, hidden)
        assert most - least >= RANGE - 1e-6
        if counts[cell] < LIMIT:
            assert most >= LIMIT - 1e-6


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(linked_tables())
def test_a_breakdown_that_is_withheld_as_a_whole(tables: tuple[dict, list[dict]]) -> None:
    counts, relations = tables
    whole = [cell for cell in counts if cell[0].startswith("b")]
    hidden = withheld(counts, relations, also=whole)
    # Zeros that follow from zeros are told.
    assert hidden.issuperset(cell for cell in whole if counts[cell])
    for cell in hidden:
        least, most = interval(cell, counts, relations, hidden, also=whole)
        assert most - least >= RANGE - 1e-6


def test_the_order_of_cells_and_sums_decides_nothing() -> None:
    counts, relations = table_of(dict.fromkeys(product("abc", "xyz"), 50) | {("a", "x"): 5})

    def decided(random: Random) -> frozenset:
        def shuffled(cells: Mapping) -> dict:
            return dict(random.sample(list(cells.items()), len(cells)))

        links = random.sample(list(map(shuffled, relations)), len(relations))
        return Tables(shuffled(counts), links).withheld()

    assert len({decided(Random(seed)) for seed in range(8)}) == 1


def test_nothing_small_nothing_withheld() -> None:
    counts, relations = table_of({("a", "p"): 10, ("a", "q"): 0, ("b", "p"): 40, ("b", "q"): 12})
    assert not withheld(counts, relations)


def test_a_small_cell_takes_a_circle_of_cells_along_and_no_total() -> None:
    values = {("a", "p"): 3, ("a", "q"): 50, ("b", "p"): 60, ("b", "q"): 70, ("b", "r"): 500}
    counts, relations = table_of(values | {("a", "r"): 400})
    assert withheld(counts, relations) == {("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")}


def test_two_small_cells_do_not_hide_each_other_if_their_sum_tells() -> None:
    # Both are at least 1, so that a sum of 2 would tell both, and one of 10 that both are small.
    relation = {"total": -1, "x": 1, "y": 1, "z": 1}
    for x, y, hidden in ((1, 1, "xyz"), (4, 6, "xyz"), (5, 6, "xy")):
        assert withheld({"total": x + y + 40, "x": x, "y": y, "z": 40}, [relation]) == set(hidden)


def test_outcomes_follow_from_the_number_and_from_other_levels() -> None:
    counts, relations = table_of(
        {("a", "died"): 4, ("a", "alive"): 60, ("b", "died"): 20, ("b", "alive"): 90}
    )
    hidden = withheld(counts, relations)
    assert hidden == {("a", "died"), ("a", "alive"), ("b", "died"), ("b", "alive")}


def test_dear_cells_are_spared() -> None:
    counts = {"total": 130, "x": 5, "y": 25, "z": 100}
    relation = {"total": -1, "x": 1, "y": 1, "z": 1}
    assert withheld(counts, [relation]) == {"x", "y"}
    assert withheld(counts, [relation], weights={"y": 100.0}) == {"x", "z"}


def test_public_sums_that_tell_a_small_cell_are_refused() -> None:
    with pytest.raises(DataContractError, match="follows from totals that are public"):
        withheld({"x": 3}, [{"x": 1}])


def test_a_zero_of_a_secret_breakdown_that_cannot_be_raised_is_told() -> None:
    """It can be two at most, as what it adds up with is known to be ten or more."""
    known = {"bounds": {"other": (LIMIT, np.inf)}, "also": ["none"]}
    assert not withheld({"none": 0, "other": 12}, [{"none": 1, "other": 1}], **known)


def test_without_a_limit_nothing_is_withheld() -> None:
    counts, relations = table_of({("a", "p"): 1, ("b", "p"): 2})
    assert not withheld(counts, relations, limit=0)


def test_bounds_that_are_told_are_reckoned_with() -> None:
    """Of deaths that are known to be ten or more, twelve are not known to within three."""
    counts = {"all": 60, "died": 12, "alive": 8, "rest": 40}
    relation = {"all": -1, "died": 1, "alive": 1, "rest": 1}
    assert withheld(counts, [relation]) == {"died", "alive"}
    assert withheld(counts, [relation], bounds={"died": (LIMIT, 99)}) == {"alive", "died", "rest"}


def test_cells_that_are_told_together_are_withheld_together() -> None:
    counts = {"died": 18, "alive": 4, "all": 22, "more": 40, "sum": 62}
    relations = [{"all": -1, "died": 1, "alive": 1}, {"sum": -1, "all": 1, "more": 1}]
    dear = {"died": 100.0}
    assert "died" not in withheld(counts, relations, weights=dear)
    assert "died" in withheld(counts, relations, weights=dear, together=[("died", "alive")])
