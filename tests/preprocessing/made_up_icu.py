"""Made-up stays and rows, run through the real extraction; no patient data."""

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from preprocessing.datasets.mimic import timeseries, variables
from preprocessing.datasets.mimic.outcomes import PHENOTYPES
from preprocessing.datasets.mimic.release import CORE, layouts
from preprocessing.datasets.mimic.schemas import HOURS, VALUES, VARIABLES
from preprocessing.datasets.mimic.switches import FAITHFUL, switches_of
from preprocessing.engine.duckdb import connect

INTIME = datetime(2150, 1, 1)  # noqa: DTZ001 (MIMIC's times have no zone)

HR, RR, MBP, SBP, DBP = 220045, 220210, 220052, 220050, 220051
FAHRENHEIT, CELSIUS, FIO2, SPO2 = 223761, 223762, 223835, 220277
EYE, VERBAL, MOTOR = 220739, 223900, 223901
BLOOD_GLUCOSE, URINE_GLUCOSE, BLOOD_PH, URINE_PH, OTHER_PH = 50931, 51478, 50820, 51491, 50831
INCHES, CM, KG, POUNDS = 226707, 226730, 226512, 226531
CAREVUE_REFILL, REFILL_RIGHT, REFILL_LEFT = 3348, 223951, 224308
GCS = "Glascow coma scale"
# In the map of the reference without a variable; not there.
NOT_READY, NOT_MAPPED = 220048, 220001
CHARTS, LABS = "icu/chartevents", "hosp/labevents"

# (subject, hadm, stay) of the stay that most tests need.
STAY = (1, 11, 111)


def at(hours: float) -> datetime:
    """A time of the stay, to the second, as MIMIC keeps them."""
    return INTIME + timedelta(seconds=round(hours * 3600))


@dataclass(frozen=True)
class Stay:
    subject_id: int = 1
    hadm_id: int = 11
    stay_id: int = 111
    begin: float = 0.0
    hours: float = 72.0
    split: str = "train"
    died: int = 0
    los_hours: float | None = None

    def row(self) -> dict[str, object]:
        return {
            "subject_id": self.subject_id,
            "hadm_id": self.hadm_id,
            "stay_id": self.stay_id,
            "admittime": at(self.begin - 24),
            "dischtime": at(self.begin + self.hours + 24),
            "intime": at(self.begin),
            "outtime": at(self.begin + self.hours),
            "los_hours": self.hours if self.los_hours is None else self.los_hours,
            "age": 60,
            "careunit": "Medical Intensive Care Unit (MICU)",
            "period": "2011 - 2013",
            "split": self.split,
            "in_hospital_mortality": self.died,
            "length_of_stay": self.hours if self.los_hours is None else self.los_hours,
            "readmission_30d": None,
            "phenotypes": None,
        }


@dataclass
class Result:
    """What a run wrote; `value` and `observed` look into it by the names of variables."""

    frame: pl.DataFrame
    ledger: list[dict]
    facts: dict

    def array(self, stay_id: int, column: str, size: int) -> np.ndarray:
        cells = self.frame.filter(pl.col("stay_id") == stay_id)[column]
        return cells.to_numpy().reshape(HOURS, size)

    def value(self, name: str, hour: int = 0, stay_id: int = 111) -> float:
        place = variables.value_names().index(name)
        return float(self.array(stay_id, "values", VALUES)[hour, place])

    def observed(self, variable: str, stay_id: int = 111) -> list[int]:
        """The hours in which a variable was observed."""
        place = variables.variable_names().index(variable)
        return np.flatnonzero(self.array(stay_id, "observed", VARIABLES)[:, place]).tolist()

    def category(self, variable: str, hour: int = 0, stay_id: int = 111) -> str | None:
        """The one category that is set, if any."""
        found = [n for n in variables.value_names() if n.startswith(f"{variable}->")]
        given = [n for n in found if self.value(n, hour, stay_id)]
        assert len(given) <= 1
        return given[0].partition("->")[2] if given else None

    def dropped(self, table: str, reason: str) -> int:
        rows = [e for e in self.ledger if (e["table"], e["reason"]) == (table, reason)]
        return sum(e["rows_before"] - e["rows_after"] for e in rows)

    def noted(self, table: str, remark: str) -> int:
        (row,) = [e for e in self.ledger if (e["table"], e["reason"]) == (table, remark)]
        assert row["rows_before"] == row["rows_after"]
        return row["rows_after"]


@dataclass
class MadeUpICU:
    """Raw tables in the making: add rows, then `run`.

    `hours` are counted from the stay's intime; ids left out are those of `STAY`. The dictionaries
    hold every item in use; `labels` names some otherwise, None leaves one out.
    """

    root: Path
    stays: Sequence[Stay] = (Stay(),)
    labels: dict[int, str | None] = field(default_factory=dict)
    diagnosed: Sequence[int] | None = None
    deaths: dict[int, datetime] = field(default_factory=dict)
    release: str = "v2.2"
    charts: list[dict] = field(default_factory=list)
    labs: list[dict] = field(default_factory=list)
    outputs: list[dict] = field(default_factory=list)

    def chart(self, hours: float, item: int, value: object, **ids: object) -> "MadeUpICU":
        row = dict(zip(("subject_id", "hadm_id", "stay_id"), STAY, strict=True))
        row |= {"charttime": at(hours), "itemid": item, "value": value} | ids
        self.charts.append(row)
        return self

    def lab(self, hours: float, item: int, value: object, **ids: object) -> "MadeUpICU":
        row = {"subject_id": STAY[0], "hadm_id": STAY[1], "charttime": at(hours)}
        self.labs.append({"itemid": item, "value": value} | row | ids)
        return self

    def output(self, hours: float, item: int, value: object, **ids: object) -> "MadeUpICU":
        row = dict(zip(("subject_id", "hadm_id", "stay_id"), STAY, strict=True))
        self.outputs.append(row | {"charttime": at(hours), "itemid": item, "value": value} | ids)
        return self

    def put(self, table: str, rows: Sequence[dict]) -> Path:
        """Write a raw table in the layout of the release, as csv.

        Without rows it gets one of nobody in the cohort: no release has an empty table.
        """
        place = table.replace("hosp/", "core/") if self.release == "v1" and table in CORE else table
        path = self.root / f"{place}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [column.header for column in layouts(self.release)[table]]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(
                file, names, restval="", lineterminator="\n", extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(rows or [{names[0]: 0, "subject_id": 0}])
        return path

    def run(
        self, profile: str = "faithful", parts: int = 1, write: bool = True, **switches: str
    ) -> Result:
        """Extract the series with a profile and some switches of it turned."""
        if write:
            self.write()
        out = self.root / "out"
        out.mkdir(exist_ok=True)
        cohort = self.put_cohort(out)
        outputs = [out / f"part-{part}.parquet" for part in range(parts)]
        timeseries.extract_series(
            self.root,
            cohort,
            switches_of(profile, switches),
            profile=profile,
            outputs=outputs,
            facts=out / "facts.json",
            ledger_path=out / "ledger.json",
            con=connection(),
            temp_dir=out,
        )
        return Result(
            pl.read_parquet(outputs),
            json.loads((out / "ledger.json").read_text())["entries"],
            json.loads((out / "facts.json").read_text()),
        )

    def put_cohort(self, folder: Path) -> Path:
        """Write cohort.parquet into a folder."""
        cohort = pl.DataFrame([stay.row() for stay in self.stays]).cast(
            {
                pl.Int64: pl.Int32,
                "in_hospital_mortality": pl.Int8,
                "length_of_stay": pl.Float32,
                "readmission_30d": pl.Int8,
                "phenotypes": PHENOTYPES,
                "los_hours": pl.Float64,
            }
        )
        cohort.write_parquet(folder / "cohort.parquet")
        return folder / "cohort.parquet"

    def dictionary(self, events: str) -> list[dict]:
        """The items of a table of events, under their labels or those of `labels`."""
        items = variables.items(switches_of("corrected", {"fluids": "any"})).filter(table=events)
        rows = items.select("itemid", "label", *(["fluid"] if events == LABS else [])).to_dicts()
        labelled = [row | {"label": self.labels.get(row["itemid"], row["label"])} for row in rows]
        return [row for row in labelled if row["label"] is not None]

    def write(self) -> None:
        """Write every raw table that the extraction reads."""
        self.put("icu/chartevents", self.charts)
        self.put("hosp/labevents", self.labs)
        self.put("icu/outputevents", self.outputs)
        self.put("icu/d_items", self.dictionary(CHARTS))
        self.put("hosp/d_labitems", self.dictionary(LABS))
        admissions = [stay.hadm_id for stay in self.stays]
        diagnosed = admissions if self.diagnosed is None else self.diagnosed
        self.put("hosp/diagnoses_icd", [{"hadm_id": h, "icd_code": "0010"} for h in diagnosed])
        self.put("hosp/d_icd_diagnoses", [{"icd_code": "0010", "icd_version": 9}])
        deaths = [{"hadm_id": h, "deathtime": self.deaths.get(h, "")} for h in admissions]
        self.put("hosp/admissions", deaths)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def connection() -> duckdb.DuckDBPyConnection:
    return connect(memory_limit="500MB", threads=1)


def random_icu(root: Path, seed: int) -> MadeUpICU:
    """A few patients whose rows meet, collide and straddle every boundary.

    Some have numbers alone, some hardly a text: see `series/inference.py`.
    """
    rng = random.Random(seed)
    icu = MadeUpICU(root, stays=[])
    for subject in range(1, 9):
        begin = 0.0
        for stay in range(rng.choice([1, 1, 2, 3])):
            number = 10 * subject + stay
            hours = rng.choice([20, 48, 49.5, 72])
            icu.stays.append(Stay(subject, 1000 + number, 2000 + number, begin, hours))
            # Some stays overlap, as some admissions in MIMIC do (mimic-code#1520).
            begin += rng.choice([hours + 10, hours / 2])
    ready = variables.items(FAITHFUL)
    rules = dict(variables.rules().select("variable", "rule").iter_rows())
    categories = variables.categories(FAITHFUL).select("variable", "text").rows_by_key("variable")
    texts = {
        "systolic": ["120", "120/80", "99.5", " 101 ", "1e2", "-5"],
        "diastolic": ["80", "120/80", "8"],
        "fraction": ["40", "0.4", "100", "1"],
        "temperature": ["36.6", "78.9", "79", "98.6", "97.9"],
        "height": ["70", "178"],
        "weight": ["80", "176.5"],
        "text": ["9", "24", "99", "100", "99.0", "8.5", "NaN", "nan"],
        "decimal": ["7.4", "7.", ".5", ">500", "NEG", "1e2", "-5", " 110", "150"],
        "saturation": ["97", "0.97", "1", "ERROR"],
        "none": ["7", "8.5", "SR (Sinus Rhythm)", "Locked"],
    }
    nulls = ["", "NA", "n/a", "null", "#N/A"]
    rows = ready.select("itemid", "variable").rows()
    for _ in range(1500):
        stay = rng.choice(icu.stays)
        item, variable = rng.choice([*rows, (NOT_READY, ""), (NOT_MAPPED, "")])
        values = texts.get(rules.get(variable, "none")) or [t for (t,) in categories[variable]]
        if rng.random() >= (0, 0.05, 1)[stay.subject_id % 3]:
            values = list(filter(is_number, values))
        if not variable:
            values = ["Text"] if item == NOT_MAPPED else values
        if not values:
            continue
        value = rng.choice(nulls if rng.random() < 0.1 else values)
        minute = rng.choice([0, 1, 30, 59]) * 60 + rng.choice([0, 0, 1])
        hours = stay.begin + rng.choice([-30, -1, 0, 1, 2, 3, 46, 47, 48, 60]) + minute / 3600
        ids = {"subject_id": stay.subject_id, "hadm_id": stay.hadm_id}
        if rng.random() < 0.1:
            ids["hadm_id"] = rng.choice(["", 1000 + 10 * rng.randrange(1, 9)])
        if item > 200_000 or item < 50_000:
            others = [s.stay_id for s in icu.stays if s.subject_id == stay.subject_id]
            other = rng.choice(["", *others]) if rng.random() < 0.1 else stay.stay_id
            icu.chart(hours, item, value, stay_id=other, **ids)
        else:
            icu.lab(hours, item, value, **ids)
    return icu
