"""Which counts to withhold, so that small ones cannot be worked out from all that is published.

Counts below a limit are withheld first. Whoever knows how counts add up (parts and totals, all and
its splits, died and survived, the same samples in two audits) could still subtract; so further
ones are withheld, small ones rather than large ones, until none that is withheld can be told.

What is guaranteed, against a reader who has every file that may be shared, all relations and this
module, and who solves an integer programme for each withheld count: nonnegative integers that
agree with all that is published, at least 1 where a count is withheld (or within the bounds that
are told of it), leave each withheld count a range of four or more. None is determined, none is
known to within three, and no small one is known to be small unless relations or bounds say so.
The proof is made by construction: for each withheld count such other tables are found. Not
guaranteed: that a reader knows none of the people, or what the width of an interval hints at.
Which withheld cells are the small ones must not be published.

Source: Fischetti and Salazar-Gonzalez (2000), "Models and algorithms for optimizing cell
suppression in tabular data with linear constraints": its heuristic of one linear programme per
small cell, the cost of a cell being its count.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from preprocessing.audit.alternatives import Component

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LIMIT = 10
Cell = TypeVar("Cell", bound=Hashable)
Bounds = tuple[float, float]

WITHHELD: Bounds = (1, np.inf)


def withheld(
    counts: Mapping[Cell, int],
    relations: Sequence[Mapping[Cell, int]],
    *,
    also: Collection[Cell] = (),
    free: Collection[Cell] = (),
    weights: Mapping[Cell, float] | None = None,
    bounds: Mapping[Cell, Bounds] | None = None,
    together: Iterable[tuple[Cell, Cell]] = (),
    limit: int = LIMIT,
) -> frozenset[Cell]:
    """The cells that must not be published.

    Args:
        counts: of every cell, none negative.
        relations: sums that anyone knows, as factors by cell: {total: -1, part: 1, part: 1} for a
            total that is a cell, {part: 1, part: 1} for one that is public.
        also: cells that are withheld whatever their count, zero included.
        free: cells that are published nowhere, and may be told unless they are small.
        weights: how much dearer than others a cell is to readers; 1 if not given.
        bounds: the least and the most that else is told of a cell.
        together: cells of which none is told without the other, zeros aside.
        limit: counts from 1 to one below it are small; zeros are published.

    Raises:
        DataContractError: a withheld count follows from public totals alone.

    >>> cells = {"all": 60, "train": 45, "valid": 12, "test": 3}
    >>> sorted(withheld(cells, [{"all": -1, "train": 1, "valid": 1, "test": 1}]))
    ['test', 'valid']
    """
    small = {cell for cell, count in counts.items() if 0 < count < limit}
    zeros = _known_zeros(counts, relations, also)
    hidden = {*small, *also} - zeros
    unknown = [cell for cell in counts if cell not in zeros]
    links = [{cell: n for cell, n in link.items() if cell not in zeros} for link in relations]
    same, links = _merge(unknown, links)
    members: dict[Cell, list[Cell]] = defaultdict(list)
    for cell in unknown:
        members[same[cell]].append(cell)
    partners = [(same[a], same[b]) for a, b in together if a in same and b in same]
    told, weight, of_zero = bounds or {}, weights or {}, set(also)
    away, kept = {same[cell] for cell in hidden}, set[Cell]()
    loose = {same[cell] for cell in free if cell in same}
    loose -= {same[cell] for cell in unknown if cell not in free} | away
    for names, sums in _components(members, links, away):
        groups = [members[name] for name in names]
        floors = [(0.0, np.inf) if of_zero.issuperset(group) else WITHHELD for group in groups]
        known = [
            [floor, *(told[cell] for cell in group if cell in told)]
            for floor, group in zip(floors, groups, strict=True)
        ]
        component = Component(
            count=np.array([counts[name] for name in names], dtype=float),
            least=np.array([max(low for low, _ in each) for each in known]),
            most=np.array([min(high for _, high in each) for each in known]),
            cost=np.array([sum(counts[c] * weight.get(c, 1) for c in group) for group in groups]),
            sums=_matrix(names, sums),
            pairs=_pairs(names, partners),
        )
        found = component.protected(
            np.array([name in away for name in names]),
            np.array([name in loose for name in names]),
            limit,
        )
        kept |= {name for name, is_away in zip(names, found, strict=True) if is_away}
    return frozenset(cell for name in kept for cell in members[name])


def _known_zeros(
    counts: Mapping[Cell, int], relations: Sequence[Mapping[Cell, int]], also: Collection[Cell]
) -> set[Cell]:
    """Zeros that are published, and those that follow from them: parts of nothing."""
    open_zeros = {cell for cell in also if counts[cell] == 0}
    zeros = {cell for cell, count in counts.items() if count == 0} - open_zeros
    links = [set(link) for link in relations if not open_zeros.isdisjoint(link)]
    signs = [link for link in relations if not open_zeros.isdisjoint(link)]
    size = -1
    while open_zeros and size != len(zeros):
        size = len(zeros)
        for cells, link in zip(links, signs, strict=True):
            left = cells - zeros
            if left <= open_zeros and len({link[cell] > 0 for cell in left}) == 1:
                zeros |= left
    return zeros


def _merge(
    cells: Sequence[Cell], links: Sequence[Mapping[Cell, int]]
) -> tuple[dict[Cell, Cell], list[dict[Cell, int]]]:
    """Cells that are known to be equal as one: its name for each, and the relations that are left.

    >>> _merge("abc", [{"a": -1, "b": 1}, {"a": 1, "c": 1}, {"b": 1, "c": 1}])
    ({'a': 'b', 'b': 'b', 'c': 'c'}, [{'b': 1, 'c': 1}])
    """
    name = {cell: cell for cell in cells}

    def find(cell: Cell) -> Cell:
        while name[cell] != cell:
            name[cell] = cell = name[name[cell]]
        return cell

    merged = True
    current: list[dict[Cell, int]] = [dict(link) for link in links]
    while merged:
        merged, unique = False, {}
        for link in current:
            factors: dict[Cell, int] = defaultdict(int)
            for cell, n in link.items():
                factors[find(cell)] += n
            left = {cell: n for cell, n in factors.items() if n}
            if len(left) == 2 and sum(left.values()) == 0:
                first, second = left
                name[first] = second
                merged = True
            elif left:
                unique[frozenset(left.items())] = left
        current = list(unique.values())
    return {cell: find(cell) for cell in cells}, current


def _components(
    cells: Iterable[Cell], links: Sequence[Mapping[Cell, int]], away: AbstractSet[Cell]
) -> Iterator[tuple[list[Cell], list[Mapping[Cell, int]]]]:
    """Cells with withheld ones among them and their relations."""
    root = {cell: cell for cell in cells}

    def find(cell: Cell) -> Cell:
        while root[cell] != cell:
            root[cell] = cell = root[root[cell]]
        return cell

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
    for name, names in list_cells.items():
        if not away.isdisjoint(names):
            yield names, links_of[name]


def _pairs(cells: Sequence[Cell], pairs: Iterable[tuple[Cell, Cell]]) -> np.ndarray:
    """Places of cells that are withheld together, (pairs, 2)."""
    place = {cell: number for number, cell in enumerate(cells)}
    found = {(place[a], place[b]) for a, b in pairs if a in place and b in place and a != b}
    return np.array(sorted(found), dtype=int).reshape(-1, 2)


def _matrix(cells: Sequence[Cell], links: Sequence[Mapping[Cell, int]]) -> "csr_array":
    """Factors of cells in relations, (relations, cells)."""
    from scipy.sparse import csr_array

    place = {cell: number for number, cell in enumerate(cells)}
    entries = [(row, place[cell], n) for row, link in enumerate(links) for cell, n in link.items()]
    rows, columns, factors = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array((factors, (rows, columns)), shape=(len(links), len(cells)), dtype=float)
