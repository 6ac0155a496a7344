"""The reference's rules 2.2 to 2.6 once more, row by row in plain Python: slow and independent.

It reads nothing of preprocessing but the tables of facts, and is itself held against the
golden episodes. Texts at which the reference stops (Q7, Q11) are passed over.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

NULLS = {
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
}
TEXT = {"Heart Rate", "Respiratory rate", "Mean blood pressure"}
POUNDS = {226531, 3581}
DIGITS = re.compile(r"(\d+(\.\d*)?|\.\d+)")
REFILL = {"Normal <3 secs": 0.0, "Brisk": 0.0, "Abnormal >3 secs": 1.0, "Delayed": 1.0}


class Row(NamedTuple):
    subject_id: int
    hadm_id: int | None
    stay_id: int | None
    charttime: datetime
    itemid: int
    value: str | None


class ModelStay(NamedTuple):
    subject_id: int
    hadm_id: int
    stay_id: int
    intime: datetime
    outtime: datetime


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def cleaned(variable: str, itemid: int, text: str) -> float | str | None:
    """2.4.4; a number, or the text where that is what counts."""
    if variable == "Capillary refill rate":
        return REFILL.get(text)
    if variable.startswith("Glascow"):
        return text
    if variable in TEXT:
        return text if number(text) is not None else None
    if variable in {"Glucose", "pH", "Oxygen saturation"}:
        x = number(text) if DIGITS.fullmatch(text) else None
        return x * 100 if x is not None and variable[0] == "O" and x <= 1 else x
    if variable.endswith("stolic blood pressure") and (both := re.fullmatch(r"(\d+)/(\d+)", text)):
        return float(both[1 if variable[0] == "S" else 2])
    x = number(text)
    if x is None:
        return None
    if variable == "Fraction inspired oxygen":
        return x / 100
    if variable == "Temperature":
        return (x - 32) * 5.0 / 9.0 if x >= 79 else x
    return x * 0.453592 if variable == "Weight" and itemid in POUNDS else x


def episodes(
    rows: Iterable[Row], stays: Iterable[ModelStay], items: Mapping[int, str]
) -> dict[int, list[tuple[float, dict[str, float | str]]]]:
    """2.3 to 2.4.8: hours and values of each row of each stay, all hours."""
    stays = list(stays)
    stay_of = {(stay.subject_id, stay.hadm_id): stay.stay_id for stay in stays}
    values: dict[tuple, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    owners: dict[tuple, set[int]] = defaultdict(set)
    for row in rows:
        own = stay_of.get((row.subject_id, row.hadm_id))
        if own is None or row.stay_id not in (None, own) or (row.value or "") in NULLS:
            continue
        if row.itemid not in items:
            continue
        value = cleaned(items[row.itemid], row.itemid, row.value)
        if value is None or value != value:
            continue
        values[row.subject_id, row.charttime][items[row.itemid]].append(value)
        owners[row.subject_id, row.charttime].add(own)
    found: dict[int, list] = {stay.stay_id: [] for stay in stays}
    for (subject, time), variables in values.items():
        for stay in stays:
            inside = stay.intime <= time <= stay.outtime
            if stay.subject_id == subject and (stay.stay_id in owners[subject, time] or inside):
                hours = (time - stay.intime).total_seconds() / 60.0 / 60
                best = {name: max(given) for name, given in variables.items()}
                found[stay.stay_id].append((hours, best))
    return {stay: sorted(given, key=lambda row: row[0]) for stay, given in found.items()}


def hourly(
    episode: Iterable[tuple[float, dict[str, float | str]]],
) -> dict[tuple[int, str], float | str]:
    """2.5 and 2.6: the last value of each hour and variable."""
    cells: dict[tuple[int, str], float | str] = {}
    for hours, values in episode:
        if -1e-6 < hours < 48 + 1e-6:
            for variable, value in values.items():
                is_number = isinstance(value, float) or variable in TEXT
                cells[int(hours - 1e-6), variable] = float(value) if is_number else value
    return cells
