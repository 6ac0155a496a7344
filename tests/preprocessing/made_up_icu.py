"""Made-up stays and rows, run through the real extraction; no patient data."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from preprocessing.mimic import timeseries, variables
from preprocessing.mimic.release import layouts
from preprocessing.mimic.switches import switches_of
from preprocessing.raw import connect
from preprocessing.schemas import HOURS, VALUES, VARIABLES

INTIME = datetime(2150, 1, 1)  # noqa: DTZ001 (MIMIC's times have no zone)

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


@dataclass
class MadeUpICU:
    """Raw tables in the making: add rows, then `run`.

    `hours` are counted from the stay's intime; ids left out are those of `STAY`.
    """

    root: Path
    stays: Sequence[Stay] = (Stay(),)
    labels: dict[int, str] = field(default_factory=dict)
    diagnosed: Sequence[int] | None = None
    deaths: dict[int, datetime] = field(default_factory=dict)
    charts: list[dict] = field(default_factory=list)
    labs: list[dict] = field(default_factory=list)

    def chart(self, hours: float, item: int, value: object, **ids: object) -> "MadeUpICU":
        row = dict(zip(("subject_id", "hadm_id", "stay_id"), STAY, strict=True))
        row |= {"charttime": at(hours), "itemid": item, "value": value} | ids
        self.charts.append(row)
        return self

    def lab(self, hours: float, item: int, value: object, **ids: object) -> "MadeUpICU":
        row = {"subject_id": STAY[0], "hadm_id": STAY[1], "charttime": at(hours)}
        self.labs.append({"itemid": item, "value": value} | row | ids)
        return self

    def put(self, table: str, rows: Sequence[dict]) -> Path:
        """Write a raw table in the layout of v2.2, as csv."""
        path = self.root / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [column.name for column in layouts("v2.2")[table]]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def run(
        self, profile: str = "faithful", parts: int = 1, write: bool = True, **switches: str
    ) -> Result:
        """Extract the series with a profile and some switches of it turned."""
        if write:
            self.write()
        out = self.root / "out"
        out.mkdir(exist_ok=True)
        cohort = pl.DataFrame([stay.row() for stay in self.stays]).cast(
            {
                pl.Int64: pl.Int32,
                "in_hospital_mortality": pl.Int8,
                "los_hours": pl.Float64,
            }
        )
        cohort.write_parquet(out / "cohort.parquet")
        outputs = [out / f"part-{part}.parquet" for part in range(parts)]
        timeseries.run(
            self.root,
            out / "cohort.parquet",
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

    def write(self) -> None:
        """Write every raw table that the extraction reads."""
        self.put("icu/chartevents", self.charts)
        self.put("hosp/labevents", self.labs)
        self.put("icu/outputevents", [])
        self.put("icu/d_items", [{"itemid": i, "label": text} for i, text in self.labels.items()])
        admissions = [stay.hadm_id for stay in self.stays]
        diagnosed = admissions if self.diagnosed is None else self.diagnosed
        self.put("hosp/diagnoses_icd", [{"hadm_id": h, "icd_code": "0010"} for h in diagnosed])
        self.put("hosp/d_icd_diagnoses", [{"icd_code": "0010", "icd_version": 9}])
        deaths = [{"hadm_id": h, "deathtime": self.deaths.get(h, "")} for h in admissions]
        self.put("hosp/admissions", deaths)


def connection() -> duckdb.DuckDBPyConnection:
    return connect(memory_limit="500MB", threads=1)
