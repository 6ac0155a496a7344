"""An attack on the files of the audits: what a reader of all can say of each withheld count.

It reads audit/missingness.json and audit/leakage.json and nothing else; `attack_subgroups` adds
audit/subgroups.json. Unknown are nonnegative integers, the units of each level by modalities and
outcome; known is what the files tell, what the documentation says of how it adds up, and that zeros
are told of a breakdown which tells anything. An integer programme asks for the least and the most
of each withheld count.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

ALL = ("all", "all")
OUTCOMES = ("with", "without", "unknown")
MOST = 1e6
# Whose samples and units the gates look at, by the first word of the data set.
SAMPLES = {"mimic": "stay_48h", "amazon": "review"}
UNITS = {"mimic": "patient", "amazon": "product"}
# What the counts and contexts of the gates are, in the words of the files: split and modality.
SAME = {
    r"(stays|time series)": ("", ""),
    r"samples with a radiograph": ("", "image"),
    r"(samples with a note|texts)": ("", "text"),
    r"validation samples": ("valid", ""),
    r"test samples": ("test", ""),
}
PART = {
    r"radiographs from .*|test .*images.*": ("", "image"),
    r"(notes|texts that|such texts) .*": ("", "text"),
    r"test (texts|notes|reviews).*": ("test", "text"),
    r"valid (texts|notes|reviews).*": ("valid", "text"),
    r"stays that .*|time series that .*": ("", ""),
}

Key = tuple[Any, ...]
Sum = Mapping[Key, int]


class Attack:
    """All that a reader knows, as equations.

    Attributes:
        place: number of each unknown.
        targets: what is withheld, as sums of unknowns, by name.
    """

    def __init__(self, missingness: Path, leakage: Path | None = None) -> None:
        """Read the files."""
        self.place: dict[Key, int] = {}
        self.known: list[tuple[Sum, float, float]] = []
        self.targets: dict[Key, Sum] = {}
        audit = json.loads(missingness.read_text(encoding="utf-8"))
        self.datasets = {entry["dataset"]: entry for entry in audit["datasets"]}
        for entry in audit["datasets"]:
            self._read_dataset(entry)
        for way in audit.get("flow", []):
            self._read_way(way)
        if leakage:
            for entry in json.loads(leakage.read_text(encoding="utf-8"))["datasets"]:
                self._read_gates(entry)

    def tell(self, cells: Sum, low: float, high: float | None = None) -> None:
        for key in cells:
            self.place.setdefault(key, len(self.place))
        self.known.append((cells, low, low if high is None else high))

    def say(self, name: Key, cells: Sum, count: int | None, least: int = 1) -> None:
        """A number of the files: told, or withheld."""
        if count is None:
            self.targets[name] = cells
            self.tell(cells, least, np.inf)
        else:
            self.tell(cells, count)

    # --- the missingness audit

    def _units(self, dataset: str, name: str) -> Mapping[str, Any]:
        return next(u for u in self.datasets[dataset]["units"] if u["name"] == name)

    def units_of(
        self, dataset: str, unit: str, level: tuple[str, str], has: str = "",
        lacks: str = "", outcomes: Iterable[str] = OUTCOMES,
    ) -> dict[Key, int]:  # fmt: skip
        patterns = {
            row["name"]
            for row in self.datasets[dataset]["rows"]
            if row["unit"] == unit and row["kind"] == "pattern"
        }
        chosen = [
            p for p in patterns
            if (not has or has in p.split("+")) and (not lacks or lacks not in p.split("+"))
        ]  # fmt: skip
        return {(dataset, unit, *level, p, o): 1 for p in chosen for o in outcomes}

    def _read_dataset(self, entry: Mapping[str, Any]) -> None:
        dataset = entry["dataset"]
        levels: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        telling = {
            (row["unit"], row["breakdown"])
            for row in entry["rows"]
            if row["kind"] == "pattern" and row["count"]
        }
        reasons: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
        for row in entry["rows"]:
            unit, level = row["unit"], (row["breakdown"], row["level"])
            if row["kind"] == "absence":
                reasons[unit, row["name"]].append(row)
                continue
            levels[unit][row["breakdown"]].add(row["level"])
            name = (dataset, unit, *level, row["kind"], row["name"])
            cells = self.units_of(dataset, unit, level)
            if row["kind"] == "pattern":
                cells = {(dataset, unit, *level, row["name"], o): 1 for o in OUTCOMES}
            elif row["kind"] == "has":
                cells = self.units_of(dataset, unit, level, row["name"])
            self.say(name, cells, row["count"], int((unit, row["breakdown"]) in telling))
            if row["kind"] != "has":
                self._read_outcome(name, cells, row, bool(self._units(dataset, unit)["outcome"]))
        for unit, of in levels.items():
            for breakdown, names in of.items():
                if breakdown != "all":
                    for cell in self.units_of(dataset, unit, ALL):
                        parts = [(dataset, unit, breakdown, name, *cell[4:]) for name in names]
                        self.tell({cell: -1, **dict.fromkeys(parts, 1)}, 0)
        self._read_reasons(dataset, reasons)
        unit = SAMPLES.get(dataset.split("/")[0], "sample")
        for group, told in ((entry["observed"] or {}).get("groups") or {}).items():
            level = ALL if group == "all" else ("split", group)
            self.tell(self.units_of(dataset, unit, level, "timeseries"), told["stays"])
        if dataset == "mimic":
            self._relate_stays(dataset, levels)

    def _read_outcome(self, name: Key, cells: Sum, row: Mapping[str, Any], has: bool) -> None:
        died = {cell: 1 for cell in cells if cell[-1] == "with"}
        known = {cell: 1 for cell in cells if cell[-1] != "unknown"}
        if row["known"] is not None:
            self.tell(known, row["known"])
        if row["outcome"] is not None and row["known"] is not None:
            self.tell(died, round(row["outcome"] * row["known"]))
        elif row["outcome"] is not None:
            none = died if row["outcome"] == 0 else {c: 1 for c in known if c not in died}
            self.tell(none, 0)
        elif row["outcome_suppressed"] and has:
            self.targets[*name, "with"] = died

    def _read_reasons(self, dataset: str, reasons: Mapping[Key, list[Mapping[str, Any]]]) -> None:
        lacking: dict[Key, list[Key]] = defaultdict(list)
        for (unit, name), rows in reasons.items():
            parts = []
            for row in rows:
                key = (dataset, unit, row["breakdown"], row["level"], "absence", name)
                some = any(other["count"] for other in rows)
                self.say(key, {key: 1}, row["count"], int(some))
                if row["breakdown"] == "split":
                    parts.append(key)
                    lacking[unit, row["level"], name.split(": ")[0]].append(key)
            whole = (dataset, unit, *ALL, "absence", name)
            self.tell({whole: -1, **dict.fromkeys(parts, 1)}, 0)
        for (unit, level, modality), keys in lacking.items():
            if unit == "join":
                continue
            must = "timeseries" if unit == "stay_48h" else ""
            cells = self.units_of(dataset, unit, ("split", level), has=must, lacks=modality)
            self.tell({**dict.fromkeys(keys, 1), **dict.fromkeys(cells, -1)}, 0)

    def _relate_stays(self, dataset: str, levels: Mapping[str, Mapping[str, set[str]]]) -> None:
        """Stays are long or short, and of one admission each."""
        for breakdown, names in levels["stay"].items():
            for level in names:
                for cell in self.units_of(dataset, "stay", (breakdown, level)):
                    parts = {(dataset, u, *cell[2:]): 1 for u in ("stay_48h", "stay_under_48h")}
                    self.tell({cell: -1, **parts}, 0)
                for modality in ("timeseries", "tabular"):
                    for outcome in OUTCOMES:
                        stays, admissions = (
                            self.units_of(
                                dataset, unit, (breakdown, level), modality, "", [outcome]
                            )
                            for unit in ("stay", "admission")
                        )
                        self.tell({**stays, **dict.fromkeys(admissions, -1)}, 0)

    def _read_way(self, way: Mapping[str, Any]) -> None:
        before = (way["rows"], "read")
        self.say(before, {before: 1}, way["read"])
        for number, step in enumerate(way["steps"]):
            dropped, left = (way["rows"], number, "dropped"), (way["rows"], number, "left")
            self.say(dropped, {dropped: 1}, step["dropped"])
            self.say(left, {left: 1}, step["left"])
            self.tell({before: -1, dropped: 1, left: 1}, 0)
            before = left
        category = way["rows"].removeprefix("reviews of ")
        dataset, unit = (f"amazon/{category}", "review")
        if way["rows"] == "ICU stays":
            dataset, unit = "mimic", "stay_48h"
        if dataset in self.datasets:
            self.tell({before: -1, **self.units_of(dataset, unit, ALL)}, 0)

    # --- the leakage audit

    def _read_gates(self, entry: Mapping[str, Any]) -> None:
        for gate in entry["gates"]:
            for name, n in {**gate["counts"], **gate["context"]}.items():
                key = (entry["dataset"], gate["gate"], name)
                self.say(key, {key: 1}, n)
                self._relate_count(key, entry["dataset"], name)
            for measure in gate["measures"]:
                key = (entry["dataset"], gate["gate"], "n", measure["of"])
                if measure["metric"] == "standard deviations":
                    continue
                self.say(key, {key: 1}, measure["n"])
                dataset = self._find(entry["dataset"], measure["of"].rpartition(", ")[2])
                if dataset:
                    is_default = ", for " not in measure["of"]
                    outcomes = OUTCOMES[:2] if is_default else OUTCOMES
                    self._relate_measure(key, dataset, outcomes, gate["gate"])

    def _find(self, dataset: str, variant: str) -> str:
        """The data set of the missingness audit that a number of a gate is about."""
        own = f"{dataset}/{variant}"
        return own if own in self.datasets else dataset if dataset in self.datasets else ""

    def _relate_count(self, key: Key, gated: str, name: str) -> None:
        what, _, variant = name.rpartition(" of ")
        dataset = self._find(gated, variant)
        if dataset and dataset != gated:
            name = what
        if not dataset:
            return
        family = dataset.split("/")[0]
        unit = SAMPLES.get(family, "sample")
        for rules, is_same in ((SAME, family == "mimic"), (PART, False)):
            for pattern, (split, modality) in rules.items():
                if re.fullmatch(pattern, name):
                    level = ("split", split) if split else ALL
                    cells = self.units_of(dataset, unit, level, modality, "", OUTCOMES[:2])
                    rest = {} if is_same else {(*key, "rest"): 1}
                    self.tell({key: 1, **rest, **dict.fromkeys(cells, -1)}, 0)
                    return

    def _relate_measure(self, key: Key, dataset: str, outcomes: Iterable[str], gate: str) -> None:
        family = dataset.split("/")[0]
        is_all = family == "mimic" and gate not in ("duplicate-texts",)
        cells = self.units_of(
            dataset, SAMPLES.get(family, "sample"), ("split", "test"), "", "", outcomes
        )
        rest = {} if is_all and tuple(outcomes) != OUTCOMES else {(*key, "rest"): 1}
        self.tell({key: 1, **rest, **dict.fromkeys(cells, -1)}, 0)

    # --- the programme

    def solve(self, objective: Mapping[Key, float]) -> dict[Key, int] | None:
        """The integers that agree with the files and make a sum least; None if none do."""
        constraints, size = self._constraints, len(self.place)
        aim = np.zeros(size)
        for key, weight in objective.items():
            aim[self.place[key]] = weight
        found = milp(
            aim, integrality=np.ones(size), bounds=Bounds(0, MOST), constraints=constraints,
            options={"mip_rel_gap": 0.0},
        )  # fmt: skip
        if found.x is None:
            return None
        values = found.x.round().astype(int)
        return {key: int(values[place]) for key, place in self.place.items()}

    def freeze(self) -> None:
        """All is told."""
        rows, columns, factors, low, high = [], [], [], [], []
        for row, (cells, least, most) in enumerate(self.known):
            for key, factor in cells.items():
                rows.append(row)
                columns.append(self.place[key])
                factors.append(factor)
            low.append(least)
            high.append(most)
        shape = (len(self.known), len(self.place))
        matrix = coo_array((factors, (rows, columns)), shape=shape, dtype=float).tocsr()
        self._constraints = LinearConstraint(matrix, low, high)


def ranges(attack: Attack, enough: int = 4, tries: int = 40) -> Iterator[tuple[Key, int, int]]:
    """Each withheld count that is known to within less than `enough`, with its least and most.

    Tables that agree with the files clear many counts at once; what is left is asked for alone.
    """
    attack.freeze()
    rng = np.random.default_rng(0)
    least, most = {}, {}

    def take(values: Mapping[Key, int]) -> None:
        for name, cells in attack.targets.items():
            n = sum(sign * values[key] for key, sign in cells.items())
            least[name], most[name] = min(least.get(name, n), n), max(most.get(name, n), n)

    def open_targets() -> list[Key]:
        return [name for name in attack.targets if most[name] - least[name] < enough]

    start = attack.solve({})
    assert start is not None, "the files contradict each other, or the attack does not read them"
    take(start)
    for _ in range(tries):
        if not (left := open_targets()):
            return
        objective: dict[Key, float] = defaultdict(float)
        for name in left:
            sign = rng.choice([-1.0, 1.0])
            for key, factor in attack.targets[name].items():
                objective[key] += sign * factor
        take(attack.solve(objective) or {})
    for name in open_targets():
        for sign in (1, -1):
            take(attack.solve({key: sign * n for key, n in attack.targets[name].items()}) or {})
        if most[name] - least[name] < enough:
            yield name, least[name], most[name]
