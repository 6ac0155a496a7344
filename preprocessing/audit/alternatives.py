"""The search for other tables that agree with what is published, for `suppression`."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from preprocessing.errors import DataContractError

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

# The least difference between the most and the least that a withheld count can be.
RANGE = 4

# The cost of a cell that is withheld anyway: small, so that no detour is taken through it.
FREE = 1e-3
# What the solver may leave of a whole number.
NOTHING = 1e-6
LITTLE = 1e-3
# Moves to try where the one that is wanted is forbidden.
STEPS = tuple(sign * size for size in range(RANGE, 0, -1) for sign in (1, -1))
# Cells that moving many at once must serve to be tried again.
MANY = 3
# What it is worth to serve a cell, in steps of cells that are withheld anyway.
GAIN = 100.0


@dataclass(frozen=True)
class Component:
    """Cells that relations tie together, and what moves of their counts keep all sums.

    Attributes:
        count: (cells,).
        least: what a reader knows a withheld cell to be at least, (cells,).
        most: what a reader knows it to be at most, (cells,).
        cost: of withholding a cell, (cells,).
        sums: factors, (relations, cells).
        pairs: cells that are withheld together, (pairs, 2).
    """

    count: np.ndarray
    least: np.ndarray
    most: np.ndarray
    cost: np.ndarray
    sums: "csr_array"
    pairs: np.ndarray

    def protected(self, away: np.ndarray, free: np.ndarray, limit: int) -> np.ndarray:
        """All cells to withhold, given those withheld at first and those that need no protection.

        All are (cells,) bool.
        """
        while True:
            away = away & ~self.forced_zeros(away)
            try:
                return self._search(away, free, limit)
            except StuckZeroError as stuck:
                self.tell_zero(away, stuck.place)

    def tell_zero(self, away: np.ndarray, place: int) -> None:
        """Publish a zero, which is no small count: nothing may change it any more."""
        away[place] = False
        self.room[[place, place + len(away)]] = 0
        self.pairs[(self.pairs == place).any(axis=1)] = place

    def _search(self, away: np.ndarray, free: np.ndarray, limit: int) -> np.ndarray:
        search = Search(self, away, free, limit)
        search.take(np.zeros_like(self.count))
        search.move_many()
        search.move_each(self.count < limit)
        search.move_many()
        search.move_each(np.ones_like(away))
        return search.away

    @cached_property
    def keep(self) -> "LinearConstraint":
        """All sums stay, in moves up and moves down: as absolute values are to be summed."""
        from scipy.optimize import LinearConstraint
        from scipy.sparse import hstack

        return LinearConstraint(hstack([self.sums, -self.sums]), 0, 0)

    @cached_property
    def room(self) -> np.ndarray:
        """How far counts can move up, and down, (2 cells,)."""
        return np.maximum(np.concatenate([self.most - self.count, self.count - self.least]), 0)

    def forced_zeros(self, away: np.ndarray) -> np.ndarray:
        """Withheld zeros that nothing can raise, even if all else is withheld, (cells,) bool.

        All that can rise at all can rise a little at once: the moves are a convex set.
        """
        from scipy.optimize import Bounds, milp

        zeros, size = away & (self.count == 0), len(away)
        if not zeros.any():
            return zeros
        high = self.room.copy()
        high[:size][zeros] = LITTLE
        cost = np.where(np.concatenate([zeros, np.zeros_like(zeros)]), -1.0, 0.0)
        found = milp(cost, bounds=Bounds(0, high), constraints=self.keep)
        return zeros & (found.x[:size] - found.x[size:] < LITTLE / 2)

    def solve(self, cost: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray | None:
        """The cheapest move in whole numbers, (cells,); None if there is none.

        Args:
            cost: of each step up, and down, (2 cells,).
            low: the least of these steps, (2 cells,).
            high: the most.
        """
        from scipy.optimize import Bounds, milp

        for whole in (0, 1):
            found = milp(
                cost / np.abs(cost).max(),
                integrality=np.full(cost.shape, whole),
                bounds=Bounds(low, high),
                constraints=self.keep,
                options={"mip_rel_gap": 0.1},
            )
            if not found.success:
                return None
            move: np.ndarray = found.x[: len(cost) // 2] - found.x[len(cost) // 2 :]
            if np.abs(move - move.round()).max() < NOTHING:
                return move.round()
        raise AssertionError("an integer programme has a solution in integers")


class StuckZeroError(Exception):
    """A withheld zero that can be raised, but not far enough, and other cells with it.

    Attributes:
        place: number of the cell.
    """

    def __init__(self, place: int) -> None:
        """Say which."""
        super().__init__(place)
        self.place = place


class Search:
    """The search for other tables that agree with what is published, for each withheld cell."""

    def __init__(
        self, component: Component, away: np.ndarray, free: np.ndarray, limit: int
    ) -> None:
        """Nothing is found yet.

        Args:
            component: the cells.
            away: which are withheld, (cells,) bool; more will be.
            free: which are published nowhere and need no protection, (cells,) bool.
            limit: of small counts.
        """
        self.component, self.away = component, away | free
        count = component.count
        self.up, self.down = np.zeros_like(count), np.zeros_like(count)
        self.wanted = np.where(count < limit, np.maximum(limit - count, RANGE), 0)
        self.wanted[count == 0] = RANGE
        self.done = free.copy()

    @property
    def todo(self) -> np.ndarray:
        """Withheld cells that could be told, as far as is known, (cells,) bool."""
        narrow = (self.up < self.wanted) | (self.up + self.down < RANGE)
        return self.away & narrow & ~self.done

    def take(self, move: np.ndarray) -> None:
        """Withhold what a move changes."""
        self.away |= move != 0
        pairs, found = self.component.pairs, -1
        while found != (found := int(self.away.sum())):
            self.away[pairs[self.away[pairs].any(axis=1)]] = True
        self.up, self.down = np.maximum(self.up, move), np.maximum(self.down, -move)

    def move_many(self) -> None:
        """Move as many withheld cells at once as can be without withholding more."""
        before = len(self.away) + MANY
        while before - (before := int(self.todo.sum())) >= MANY:
            fixed = np.where(np.tile(self.away, 2), self.component.room, 0)
            self.try_move(np.where(self.away, FREE, 1), fixed)

    def move_each(self, which: np.ndarray) -> None:
        """Move each cell that is left, the smallest first, and withhold what it takes."""
        component, size = self.component, len(self.away)
        while (todo := self.todo & which).any():
            place = int(np.flatnonzero(todo)[np.argmin(component.count[todo])])
            for step in (max(self.wanted[place], RANGE), *STEPS):
                taken, other = (place, place + size) if step > 0 else (place + size, place)
                room = component.room.copy()
                if room[taken] < abs(step):
                    continue
                room[other] = 0
                self.try_move(np.where(self.away, FREE, component.cost), room, (taken, abs(step)))
                if self.up[place] + self.down[place] >= RANGE:
                    break
            self.done[place] = True
            if self.up[place] + self.down[place] < RANGE:
                if component.count[place] == 0 and self.up[place]:
                    raise StuckZeroError(place)
                if component.count[place] == 0:
                    component.tell_zero(self.away, place)
                    continue
                raise DataContractError(
                    "A small count of the audit follows from totals that are public, so nothing "
                    "can be shared. Merge the smallest groups of the breakdown."
                )

    def try_move(
        self, cost: np.ndarray, room: np.ndarray, forced: tuple[int, float] | None = None
    ) -> None:
        """Make the cheapest move that takes as many cells along as cost nothing.

        Args:
            cost: of a step of each cell, (cells,).
            room: for steps up and down, (2 cells,).
            forced: a step up or down that must be made, and how large it is.
        """
        size = len(self.away)
        # Small ones up; of others it is the same which way.
        aim = np.where(self.todo, np.maximum(self.wanted, RANGE), 0)
        gain = np.where(aim > 0, -GAIN * FREE / np.maximum(aim, 1), cost)
        for limits, up in (
            (np.where(aim > 0, np.minimum(room[:size], aim), room[:size]), gain),
            (room[:size], cost),
        ):
            low, high = np.zeros(2 * size), np.concatenate([limits, room[size:]])
            if forced:
                low[forced[0]] = high[forced[0]] = forced[1]
            move = self.component.solve(np.concatenate([up, cost]), low, high)
            if move is not None:
                self.take(move)
                break
