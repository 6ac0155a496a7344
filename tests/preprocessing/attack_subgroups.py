"""The attack on counts of audits and subgroups together: it adds what audit/subgroups.json tells.

Unknown are the test samples of each group by outcome. Of groups that are told a reader knows the
samples and that of two outcomes there are ten each, or of which there is none, as results by
subgroup say so; where the other audit counts the same groups by modalities, how both agree.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.preprocessing.attack import OUTCOMES, SAMPLES, Attack, Key, ranges

LIMIT = 10
OUTCOME = "with the outcome"


def attack_all(audit: Path, undefined: Mapping[Key, str] | None = None) -> Attack:
    """The attack on all files of a folder audit/.

    Args:
        audit: the folder.
        undefined: the outcome that no sample has, by data set, column and group; None where the
            default task is not one of two outcomes.
    """
    attack = Attack(audit / "missingness.json", audit / "leakage.json")
    told = json.loads((audit / "subgroups.json").read_text(encoding="utf-8"))
    for entry in told["datasets"]:
        for subgroup in entry["subgroups"]:
            _read(attack, entry["dataset"], subgroup, undefined)
    return attack


def find_known(attack: Attack) -> list[tuple[Key, int, int]]:
    """Each withheld count that is known to within three, with its least and most.

    Outcomes of a group may be known to be none, or ten and more: they are no small number.
    """
    return [
        (name, least, most)
        for name, least, most in ranges(attack)
        if name[-1] != OUTCOME or (least < LIMIT and most)
    ]


def _read(
    attack: Attack, dataset: str, subgroup: Mapping[str, Any], undefined: Mapping[Key, str] | None
) -> None:
    column, unit = subgroup["column"], SAMPLES.get(dataset.split("/")[0], "sample")
    rows = [row for row in attack.datasets[dataset]["rows"] if row["unit"] == unit]
    levels = {row["level"] for row in rows if row["breakdown"] == column} - {"unknown"}
    sizes = {each["group"]: each["samples"] for each in subgroup["groups"]}
    # Groups that may be withheld: those of the other audit by name, and that of no name.
    others = [*sorted(levels - sizes.keys()), *({"not known"} - sizes.keys())]
    if not levels:
        others = [f"withheld {number}" for number in range(subgroup["withheld"])]
    groups = {name: (dataset, "group", column, name) for name in (*sizes, *others)}
    for name, group in groups.items():
        cells = {(*group, outcome): 1 for outcome in OUTCOMES}
        if name in others and subgroup["withheld"]:
            attack.say(group, cells, None, int(len(others) == subgroup["withheld"]))
            attack.targets[*group, OUTCOME] = {(*group, OUTCOMES[0]): 1}
        else:
            attack.tell(cells, sizes.get(name, 0))
        if name in sizes and undefined is not None:
            none = undefined.get((dataset, column, name))
            for outcome in OUTCOMES[:2]:
                is_none = outcome == none
                attack.tell(
                    {(*group, outcome): 1}, 0 if is_none else LIMIT, 0 if is_none else np.inf
                )
    tested = attack.units_of(dataset, unit, ("split", "test"))
    for outcome in OUTCOMES:
        every = [cell for cell in tested if cell[-1] == outcome]
        parts = [(*group, outcome) for group in groups.values()]
        attack.tell({**dict.fromkeys(parts, 1), **dict.fromkeys(every, -1)}, 0)
    if levels:
        _cross(attack, groups.values(), tested, levels)


def _cross(
    attack: Attack, groups: Collection[Key], tested: Iterable[Key], levels: Collection[str]
) -> None:
    """Tie groups to test samples by what these have, and to the level of the group's name."""
    for group in groups:
        for outcome in OUTCOMES:
            both = [(*group, *cell[-2:]) for cell in tested if cell[-1] == outcome]
            attack.tell({**dict.fromkeys(both, 1), (*group, outcome): -1}, 0)
    for dataset, unit, split, test, *what in tested:
        both = [(*group, *what) for group in groups]
        attack.tell({**dict.fromkeys(both, 1), (dataset, unit, split, test, *what): -1}, 0)
        for group in groups:
            _, _, column, level = group
            if level in levels:
                part, whole = (*group, *what), (dataset, unit, column, level, *what)
                attack.tell({part: 1, (*part, "rest"): 1, whole: -1}, 0)
