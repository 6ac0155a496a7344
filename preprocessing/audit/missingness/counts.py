"""How many units have which modalities, and how it ended for them: exact, before suppression.

A unit is a row of a frame: `has_<modality>` (Boolean), `outcome` (1, 0 or null = not known), one
column per breakdown (null = `UNKNOWN`) and optionally `weight` (rows it stands for).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import polars as pl

ALL = "all"
NONE = "none"
UNKNOWN = "unknown"


def patterns(modalities: Sequence[str]) -> list[str]:
    """Every set of modalities by name, those with most modalities first.

    >>> patterns(["image", "text"])
    ['image+text', 'image', 'text', 'none']
    """
    sizes = range(len(modalities), -1, -1)
    return ["+".join(names) or NONE for n in sizes for names in combinations(modalities, n)]


def members(pattern: str) -> list[str]:
    """The modalities of a pattern.

    >>> members("image+text"), members("none")
    (['image', 'text'], [])
    """
    return [] if pattern == NONE else pattern.split("+")


@dataclass(frozen=True)
class Group:
    """How many units, by outcome."""

    with_outcome: int = 0
    without_outcome: int = 0
    unknown: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.with_outcome + self.without_outcome + self.unknown

    def __add__(self, other: "Group") -> "Group":
        return Group(
            self.with_outcome + other.with_outcome,
            self.without_outcome + other.without_outcome,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True)
class Unit:
    """What is counted, and its counts.

    Attributes:
        name: such as "stay".
        title: what readers call it.
        definition: a sentence for readers, without its full stop.
        outcome: what `with_outcome` means; empty = nothing is known of any.
        modalities: in their order.
        groups: by breakdown, level and pattern; breakdown `ALL` has the level `ALL`.
        absences: by split, modality and reason, of the units that are samples.
        sampled: the modality that samples have, all units are if None.
        only_in_files: True if it is no news to readers, but follows from other units.
    """

    name: str
    title: str
    definition: str
    outcome: str
    modalities: Sequence[str]
    groups: Mapping[tuple[str, str, str], Group]
    absences: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    sampled: str | None = None
    only_in_files: bool = False

    def is_sampled(self, pattern: str) -> bool:
        """Whether units of a pattern are samples, whose absences have reasons."""
        return self.sampled is None or self.sampled in members(pattern)

    def levels(self) -> Iterator[tuple[str, str]]:
        """All of them first, then each breakdown with each of its levels."""
        found = [(breakdown, level) for breakdown, level, _ in self.groups]
        yield from dict.fromkeys([(ALL, ALL), *found])

    def group(self, breakdown: str, level: str, pattern: str) -> Group:
        """The units of a pattern; none has been seen of most."""
        return self.groups.get((breakdown, level, pattern), Group())

    def total(self, breakdown: str, level: str) -> Group:
        """The units of a level, whatever their modalities."""
        every = (self.group(breakdown, level, pattern) for pattern in patterns(self.modalities))
        return sum(every, Group())

    def having(self, breakdown: str, level: str, modality: str) -> int:
        """The units of a level with a modality, whatever else they have."""
        return sum(
            self.group(breakdown, level, pattern).count
            for pattern in patterns(self.modalities)
            if modality in members(pattern)
        )


def groups(
    units: pl.DataFrame, modalities: Sequence[str], breakdowns: Sequence[str]
) -> dict[tuple[str, str, str], Group]:
    """Units by breakdown, level and pattern, levels in their alphabetical order.

    >>> units = pl.DataFrame({
    ...     "has_image": [True, False, False], "has_text": [True, False, False],
    ...     "outcome": [1, 0, None], "split": ["train", "test", "test"],
    ... })
    >>> for key, group in groups(units, ["image", "text"], ["split"]).items():
    ...     print(*key, group.with_outcome, group.without_outcome, group.unknown)
    all all image+text 1 0 0
    all all none 0 1 1
    split test none 0 1 1
    split train image+text 1 0 0
    """
    weight = pl.col("weight") if "weight" in units.columns else pl.lit(1)
    named = units.with_columns(
        pattern=name_pattern(modalities),
        weight=weight.cast(pl.Int64),
        **{ALL: pl.lit(ALL)},
    )
    found: dict[tuple[str, str, str], Group] = {}
    for breakdown in (ALL, *breakdowns):
        level = pl.col(breakdown).fill_null(UNKNOWN).alias("level")
        sums = (
            named.group_by(level, "pattern", "outcome")
            .agg(pl.col("weight").sum())
            .sort("level", "pattern")
        )
        for name, pattern, outcome, n in sums.iter_rows():
            seen = {1: Group(n), 0: Group(0, n), None: Group(0, 0, n)}[outcome]
            key = (breakdown, name, pattern)
            found[key] = found.get(key, Group()) + seen
    return found


def name_pattern(modalities: Sequence[str]) -> pl.Expr:
    """The name of the pattern from the columns `has_<modality>`."""
    present = [
        pl.when(pl.col(f"has_{name}")).then(pl.lit(name)).otherwise(None) for name in modalities
    ]
    joined = pl.concat_str(present, separator="+", ignore_nulls=True)
    return pl.when(joined == "").then(pl.lit(NONE)).otherwise(joined)
