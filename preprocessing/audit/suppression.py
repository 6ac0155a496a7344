"""Which cells of linked tables to withhold, so that small counts cannot be worked out from others.

Counts below a limit are withheld first. Whoever knows how cells add up (parts and totals, all and
its splits, died and survived) could still subtract; so further cells are withheld, small ones
rather than large ones, until every withheld count could as well be another number.

What is guaranteed against a reader who has every published cell, all relations and this file: for
each withheld count above zero there is another table of (real) numbers that agrees with all that
is published, is at least 1 where a cell is withheld, and differs in that cell; in a small count by
at least 1, and up to the limit unless the relations forbid that. So no withheld count is
determined, and no small one is known to be small. Not guaranteed: that a reader knows none of the
people, or cannot tell a zero that `also` withholds. Which withheld cells are the small ones must
not be published.

Source: Fischetti and Salazar-Gonzalez (2000), "Models and algorithms for optimizing cell
suppression in tabular data with linear constraints": its heuristic of one linear programme per
small cell, the cost of a cell being its count.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from preprocessing.errors import DataContractError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LIMIT = 10

Cell = TypeVar("Cell", bound=Hashable)

# The cost of a cell that is withheld anyway: small, so that no detour is taken through it.
FREE = 1e-3
# What the solver may leave of a zero, as a share of one count.
NOTHING = 1e-6


def withheld(
    counts: Mapping[Cell, int],
    relations: Sequence[Mapping[Cell, int]],
    *,
    also: Collection[Cell] = (),
    weights: Mapping[Cell, float] | None = None,
    limit: int = LIMIT,
) -> frozenset[Cell]:
    """The cells that must not be published.

    Args:
        counts: of every cell, none negative.
        relations: sums that anyone knows, as factors by cell: {total: -1, part: 1, part: 1} for a
            total that is a cell, {part: 1, part: 1} for one that is public.
        also: cells that are withheld whatever their count, zero included.
        weights: how much dearer than others a cell is to readers; 1 if not given.
        limit: counts from 1 to one below it are small; zeros are published.

    Raises:
        DataContractError: a withheld count follows from public totals alone.

    >>> cells = {"all": 60, "train": 45, "valid": 12, "test": 3}
    >>> sorted(withheld(cells, [{"all": -1, "train": 1, "valid": 1, "test": 1}]))
    ['test', 'valid']
    """
    hidden = {cell for cell, count in counts.items() if 0 < count < limit} | set(also)
    floor, weight = dict.fromkeys(also, 0), weights or {}
    for cells, links in _components(counts, relations, hidden):
        component = _Component(
            count=np.array([counts[cell] for cell in cells], dtype=float),
            floor=np.array([floor.get(cell, 1) for cell in cells], dtype=float),
            cost=np.array([counts[cell] * weight.get(cell, 1) for cell in cells], dtype=float),
            sums=_matrix(cells, links),
        )
        away = component.protected(np.array([cell in hidden for cell in cells]), limit)
        hidden |= {cell for cell, is_away in zip(cells, away, strict=True) if is_away}
    return frozenset(hidden)


@dataclass(frozen=True)
class _Component:
    """Cells that relations tie together, and what moves of their counts keep all sums.

    Attributes:
        count: (cells,).
        floor: the least that a reader knows a withheld cell to be, (cells,).
        cost: of withholding a cell, (cells,).
        sums: factors, (relations, cells).
    """

    count: np.ndarray
    floor: np.ndarray
    cost: np.ndarray
    sums: "csr_array"

    def protected(self, away: np.ndarray, limit: int) -> np.ndarray:
        """All cells to withhold, given those withheld at first; both (cells,) bool."""
        away = away.copy()
        needed = np.maximum(limit - self.count, 1)
        todo = away & (self.count > 0)
        for place in np.argsort(self.count, kind="stable"):
            if not todo[place]:
                continue
            move = self._move(place, needed[place], away)
            away |= np.abs(move) > NOTHING
            # One move may serve several cells; a cell that is not small may go either way.
            enough = np.where(self.count < limit, move, np.abs(move)) > needed - NOTHING
            todo &= ~enough
            todo[place] = False
        return away

    def _move(self, place: int, needed: float, away: np.ndarray) -> np.ndarray:
        """The cheapest change of counts that keeps all sums and changes one cell, (cells,)."""
        for step in (needed, 1.0, -1.0):
            move = self._solve(place, step, away)
            if move is not None:
                return move
        raise DataContractError(
            "A small count of the audit follows from totals that are public, so nothing can be "
            "shared. Merge the smallest groups of the breakdown."
        )

    def _solve(self, place: int, step: float, away: np.ndarray) -> np.ndarray | None:
        from scipy.optimize import linprog
        from scipy.sparse import hstack

        # Moves up and down are variables of their own, as absolute values are to be summed.
        cost = np.where(away, FREE, self.cost)
        up, down = np.full(self.count.shape, np.inf), np.maximum(self.count - self.floor, 0)
        low = np.zeros(2 * len(cost))
        high = np.concatenate([up, down])
        taken, other = (place, place + len(cost)) if step > 0 else (place + len(cost), place)
        if high[taken] < abs(step):
            return None
        low[taken] = high[taken] = abs(step)
        high[other] = 0
        found = linprog(
            np.concatenate([cost, cost]) / self.cost.max(),
            A_eq=hstack([self.sums, -self.sums]),
            b_eq=np.zeros(self.sums.shape[0]),
            bounds=np.column_stack([low, high]),
            method="highs-ds",
        )
        return found.x[: len(cost)] - found.x[len(cost) :] if found.success else None


def _components(
    counts: Mapping[Cell, int], relations: Sequence[Mapping[Cell, int]], hidden: Collection[Cell]
) -> Iterator[tuple[list[Cell], list[Mapping[Cell, int]]]]:
    """Cells with withheld ones among them and their relations; published zeros tie nothing."""
    away = set(hidden)
    root = {cell: cell for cell, count in counts.items() if count > 0 or cell in away}

    def find(cell: Cell) -> Cell:
        while root[cell] != cell:
            root[cell] = cell = root[root[cell]]
        return cell

    nonzero = [{cell: n for cell, n in relation.items() if cell in root} for relation in relations]
    links = [link for link in nonzero if link]
    for link in links:
        first = find(next(iter(link)))
        for cell in link:
            root[find(cell)] = first
    list_cells: dict[Cell, list[Cell]] = defaultdict(list)
    links_of: dict[Cell, list[Mapping[Cell, int]]] = defaultdict(list)
    for cell in root:
        list_cells[find(cell)].append(cell)
    for link in links:
        links_of[find(next(iter(link)))].append(link)
    for name, cells in list_cells.items():
        if not away.isdisjoint(cells):
            yield cells, links_of[name]


def _matrix(cells: Sequence[Cell], links: Sequence[Mapping[Cell, int]]) -> "csr_array":
    """Factors of cells in relations, (relations, cells)."""
    from scipy.sparse import csr_array

    place = {cell: number for number, cell in enumerate(cells)}
    entries = [(row, place[cell], n) for row, link in enumerate(links) for cell, n in link.items()]
    rows, columns, factors = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array((factors, (rows, columns)), shape=(len(links), len(cells)), dtype=float)
