"""What of the findings may leave: their counts among those of the missingness audit."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from preprocessing.audit.among import Among
from preprocessing.audit.missingness.cells import WITH, WITHOUT, Cell, list_among
from preprocessing.audit.missingness.dataset import Counts
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Key, Tables

Entry = Mapping[str, Any]
# Readers can spare the detail of a gate before the totals of the other audit.
WEIGHT = 5.0


def add_gates(tables: Tables, found: Entry, counted: Sequence[Counts]) -> None:
    """Add what the gates of a data set counted, and what it is part of.

    Args:
        tables: with the cells of the missingness audit.
        found: what `audit-leakage` wrote.
        counted: what the missingness audit counted.
    """
    of = {counts.dataset: counts for counts in counted}
    for gate in found["gates"]:
        own = {name: n for kind in ("counts", "context") for name, n in gate[kind].items()}
        tables.counts |= {_key(found, gate, name): n for name, n in own.items()}
        tables.weights |= {_key(found, gate, name): WEIGHT for name in own}
        for number, part in enumerate(gate["parts"]):
            whole = part["whole"]
            cells: Sequence[Key]
            if isinstance(whole, str):
                cells = [_key(found, gate, whole)]
            else:
                cells = _among(Among(**whole), of)
            if cells:
                parts = [_key(found, gate, name) for name in part["parts"]]
                tables.relate(_key(found, gate, f"rest {number}"), cells, parts)
        for measure in gate["measures"]:
            if measure["n"]:
                _add_measure(tables, _key(found, gate, "n", measure["of"]), measure, of)


def _add_measure(tables: Tables, key: Key, measure: Entry, of: Mapping[str, Counts]) -> None:
    """Add how many test samples are behind a figure, and what it tells of their outcomes."""
    tables.counts[key], tables.weights[key] = measure["n"], WEIGHT
    among = Among(**measure["among"])
    if cells := _among(among, of):
        tables.relate((*key, "rest"), cells, [key])
    if measure["few"] is None or among.outcome != "known" or not cells:
        return
    dataset, cell = cells[0]
    total = cell._replace(kind="total", name="any")
    both = [(dataset, total._replace(measure=which)) for which in (WITH, WITHOUT)]
    for outcome in both:
        n = tables.counts[outcome]
        if not measure["few"]:
            tables.bounds[outcome] = (LIMIT, np.inf)
        elif n < LIMIT:
            tables.bounds[outcome] = (0, LIMIT - 1)


def _among(among: Among, of: Mapping[str, Counts]) -> list[tuple[str, Cell]]:
    """The cells of the missingness audit that add up to some samples; none if it has none."""
    counts = of.get(among.dataset) or of.get(among.dataset.partition("/")[0])
    return [(counts.dataset, cell) for cell in list_among(counts, among)] if counts else []


def _key(found: Entry, gate: Entry, *name: str) -> Key:
    return (found["dataset"], gate["gate"], *name)


def shareable(found: Entry, hidden: Collection[Key]) -> dict[str, Any]:
    """What the gates of a data set found, None where a count is withheld."""
    return {**found, "gates": [_gate(found, gate, hidden) for gate in found["gates"]]}


def _gate(found: Entry, gate: Entry, hidden: Collection[Key]) -> dict[str, Any]:
    def told(name: str) -> int | None:
        kind = "counts" if name in gate["counts"] else "context"
        return None if _key(found, gate, name) in hidden else int(gate[kind][name])

    def measures() -> Iterator[dict[str, Any]]:
        for measure in gate["measures"]:
            key = _key(found, gate, "n", measure["of"])
            shown = {name: measure[name] for name in measure if name not in ("among", "few")}
            yield {**shown, "n": None if key in hidden else measure["n"] or None}

    shown = {name: value for name, value in gate.items() if name != "parts"}
    for kind in ("counts", "context"):
        shown[kind] = {name: told(name) for name in gate[kind]}
    return {**shown, "measures": list(measures())}
