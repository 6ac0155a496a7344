"""Counts that are published together, with how they add up: what `suppression` decides about."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from preprocessing.audit.suppression import LIMIT, Bounds, withheld

Key = tuple[Hashable, ...]
# A number that is published nowhere, but follows where all else of a sum is.
UNTOLD = 1e-3


@dataclass
class Tables:
    """Cells of linked tables; the attributes are the arguments of `withheld`."""

    counts: dict[Key, int] = field(default_factory=dict)
    relations: list[dict[Key, int]] = field(default_factory=list)
    also: set[Key] = field(default_factory=set)
    free: set[Key] = field(default_factory=set)
    weights: dict[Key, float] = field(default_factory=dict)
    bounds: dict[Key, Bounds] = field(default_factory=dict)
    together: list[tuple[Key, Key]] = field(default_factory=list)

    def add(self, other: "Tables") -> None:
        """Publish the cells of another, too."""
        self.counts |= other.counts
        self.relations += other.relations
        self.also |= other.also
        self.free |= other.free
        self.weights |= other.weights
        self.bounds |= other.bounds
        self.together += other.together

    def relate(self, name: Key, whole: Iterable[Key], parts: Iterable[Key]) -> None:
        """Say that parts are all of a whole but for a rest, or the other way round.

        Args:
            name: for the rest, whose count follows.
            whole: cells that add up to it.
            parts: cells.
        """
        link = {**dict.fromkeys(whole, -1), **dict.fromkeys(parts, 1)}
        rest = -sum(sign * self.counts[cell] for cell, sign in link.items())
        self.counts[name], self.weights[name] = abs(rest), UNTOLD
        self.relations.append({**link, name: 1 if rest >= 0 else -1})

    def withheld(self, limit: int = LIMIT) -> frozenset[Key]:
        """The cells that must not be published, whatever the order in which they came."""
        links = [dict(sorted(link.items(), key=repr)) for link in self.relations]
        return withheld(
            dict(sorted(self.counts.items(), key=repr)),
            sorted(links, key=repr),
            also=self.also,
            free=self.free,
            weights=self.weights,
            bounds=self.bounds,
            together=self.together,
            limit=limit,
        )
