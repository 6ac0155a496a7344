"""The reference's rules 2.2 to 2.6 once more, row by row in plain Python: slow and independent.

It reads nothing of preprocessing but the tables of facts, and is itself held against the
golden episodes. Texts at which the reference stops (Q7, Q11) are passed over.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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


def as_read(values: Sequence[str | None], chunk_rows: int) -> list[float | str | None]:
    """2.4.3: what pandas makes of a column: a chunk without a text is numbers."""
    read: list[float | str | None] = []
    for begin in range(0, len(values), chunk_rows):
        chunk = [None if (v or "") in NULLS else v for v in values[begin : begin + chunk_rows]]
        numbers = [None if v is None else number(v) for v in chunk]
        has_text = any(v is not None and x is None for v, x in zip(chunk, numbers, strict=True))
        read += chunk if has_text else numbers
    return read


def as_written(values: Iterable[float | str | None]) -> list[str | None]:
    return [repr(value) if isinstance(value, float) else value for value in values]


def cleaned(variable: str, itemid: int, text: str, value: float | str) -> float | str | None:
    """2.4.4; a number, or the text where that is what counts.

    Args:
        variable: what the item measures.
        itemid: the item.
        text: what was charted.
        value: what was read of it.
    """
    if variable == "Capillary refill rate":
        return REFILL.get(text)
    if variable.startswith("Glascow"):
        return text
    if variable in TEXT:
        return value if isinstance(value, float) or number(value) is not None else None
    if variable in {"Glucose", "pH", "Oxygen saturation"}:
        is_number = isinstance(value, float) or DIGITS.fullmatch(value)
        x = float(value) if is_number else None
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


def read(
    file: Sequence[Row], stay_of: Mapping[tuple, int], chunk_rows: int
) -> list[tuple[Row, float | str | None]]:
    """2.3 and 2.4.1: the valid rows of a patient's file, with what is read of their values."""
    written = as_written(as_read([row.value for row in file], chunk_rows))
    valid = []
    for row, value in zip(file, written, strict=True):
        own = stay_of.get((row.subject_id, row.hadm_id))
        if own is not None and row.stay_id in (None, own):
            valid.append((row, value))
    values = as_read([value for _, value in valid], chunk_rows)
    return [(row, value) for (row, _), value in zip(valid, values, strict=True)]


def text_last(value: float | str) -> tuple[bool, float | str]:
    """The order of pandas among numbers and texts."""
    return isinstance(value, str), value


def episodes(
    rows: Iterable[Row],
    stays: Iterable[ModelStay],
    items: Mapping[int, str],
    mapped: Collection[int] = (),
    chunk_rows: int = 131_072,
) -> dict[int, list[tuple[float, dict[str, float | str]]]]:
    """2.2 to 2.4.8: hours and values of each row of each stay, all hours.

    Args:
        rows: in the order of the raw files: output, charted, laboratory.
        stays: those of the cohort.
        items: the variable of each item in use.
        mapped: further items of the reference's map.
        chunk_rows: what pandas reads at once.
    """
    stays = list(stays)
    stay_of = {(stay.subject_id, stay.hadm_id): stay.stay_id for stay in stays}
    values: dict[tuple, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    owners: dict[tuple, set[int]] = defaultdict(set)
    subjects = {stay.subject_id for stay in stays}
    files: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.subject_id in subjects and (row.itemid in items or row.itemid in mapped):
            files[row.subject_id].append(row)
    for row, value in (pair for file in files.values() for pair in read(file, stay_of, chunk_rows)):
        if value is None or row.itemid not in items:
            continue
        value = cleaned(items[row.itemid], row.itemid, row.value, value)
        if value is None or value != value:
            continue
        values[row.subject_id, row.charttime][items[row.itemid]].append(value)
        owners[row.subject_id, row.charttime].add(stay_of[row.subject_id, row.hadm_id])
    found: dict[int, list] = {stay.stay_id: [] for stay in stays}
    for (subject, time), variables in values.items():
        for stay in stays:
            inside = stay.intime <= time <= stay.outtime
            if stay.subject_id == subject and (stay.stay_id in owners[subject, time] or inside):
                hours = (time - stay.intime).total_seconds() / 60.0 / 60
                best = {name: max(given, key=text_last) for name, given in variables.items()}
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
