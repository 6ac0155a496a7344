"""A tiny valid root of MIMIC-IV, of which cases change one thing; nobody in it is real."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from preprocessing.datasets.mimic.release import CORE, layouts
from tests.field.case import Seen, run_step

Rows = list[dict[str, object]]

SUBJECTS = range(10000101, 10000107)
UNIT = "Medical Intensive Care Unit (MICU)"
ITEMS = {
    220045: ("Heart Rate", "80"),
    220210: ("Respiratory Rate", "16"),
    223762: ("Temperature Celsius", "36.8"),
}
LABS = {50931: ("Glucose", "120"), 50820: ("pH", "7.35")}


class MimicRoot:
    """Raw tables as dicts of cells by column: change them, `write`, then run a step.

    Each of the `SUBJECTS` has one admission and one stay of three days, whose identifiers
    end alike; the tables are those that the steps of hosp/ and icu/ read.

    Attributes:
        mimic: the root, made by `write`.
        tables: rows by table; a column without a cell is empty.
        release: whose columns the tables have.
    """

    def __init__(self, folder: Path, release: str = "v2.2") -> None:
        self.folder = folder
        self.mimic = folder / "mimic"
        self.release = release
        self.tables: dict[str, Rows] = {
            "hosp/patients": [],
            "hosp/admissions": [],
            "hosp/diagnoses_icd": [],
            "hosp/d_icd_diagnoses": [{"icd_code": "I10", "icd_version": 10}],
            "hosp/d_labitems": [
                {"itemid": item, "label": label, "fluid": "Blood", "category": "Chemistry"}
                for item, (label, _) in LABS.items()
            ],
            "hosp/labevents": [],
            "icu/icustays": [],
            "icu/chartevents": [],
            "icu/outputevents": [],
            "icu/d_items": [
                {"itemid": item, "label": label, "linksto": "chartevents"}
                for item, (label, _) in ITEMS.items()
            ],
        }
        for number, subject in enumerate(SUBJECTS):
            self._add_patient(subject, datetime(2150, 3 + number, 1, 8))  # noqa: DTZ001

    def _add_patient(self, subject: int, intime: datetime) -> None:
        patient = {"subject_id": subject}
        admission = patient | {"hadm_id": subject + 10_000_000}
        stay = admission | {"stay_id": subject + 20_000_000}
        hour = timedelta(hours=1)
        self.tables["hosp/patients"].append(
            patient
            | {"gender": "F", "anchor_age": 60, "anchor_year": 2150}
            | {"anchor_year_group": "2011 - 2013"}
        )
        self.tables["hosp/admissions"].append(
            admission
            | {"admittime": intime - 6 * hour, "dischtime": intime + 96 * hour}
            | {"admission_type": "URGENT", "insurance": "Medicare", "race": "WHITE"}
            | {"hospital_expire_flag": 0}
        )
        self.tables["hosp/diagnoses_icd"].append(
            admission | {"seq_num": 1, "icd_code": "I10", "icd_version": 10}
        )
        self.tables["icu/icustays"].append(
            stay
            | {"first_careunit": UNIT, "last_careunit": UNIT}
            | {"intime": intime, "outtime": intime + 72 * hour, "los": 3.0}
        )
        self.tables["icu/outputevents"].append(
            stay | _event(intime + 3 * hour) | {"itemid": 226559, "value": 100}
        )
        for after in (0.25, 6, 30):
            for item, (_, value) in ITEMS.items():
                event = _event(intime + after * hour) | {"itemid": item, "value": value}
                self.tables["icu/chartevents"].append(stay | event)
        for item, (_, value) in LABS.items():
            event = _event(intime + 2 * hour) | {"itemid": item, "value": value}
            number = len(self.tables["hosp/labevents"]) + 1
            keys = {"labevent_id": number, "specimen_id": number}
            self.tables["hosp/labevents"].append(keys | admission | event)

    def write(self, ending: str = ".csv.gz") -> "MimicRoot":
        """Write every table, as .csv.gz or .csv."""
        for table in self.tables:
            self.put(table, self.text(table).encode(), ending)
        return self

    def text(self, table: str) -> str:
        """A table as csv."""
        names = [column.header for column in layouts(self.release)[table]]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.tables[table])
        return text.getvalue()

    def put(self, table: str, data: bytes, ending: str = ".csv.gz") -> Path:
        """Write the bytes of one table in place of what it had."""
        place = table.replace("hosp/", "core/") if self.release == "v1" and table in CORE else table
        for path in self.mimic.glob(f"{place}.*"):
            path.unlink()
        path = self.mimic / f"{place}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data, mtime=0) if ending.endswith(".gz") else data)
        return path

    def rewrite(self, table: str, change: Callable[[str], str | bytes]) -> "MimicRoot":
        """Write all tables, and one of them with its text changed."""
        self.write()
        changed = change(self.text(table))
        self.put(table, changed if isinstance(changed, bytes) else changed.encode())
        return self

    def cohort(self, *options: str | Path) -> Seen:
        """What mimic-cohort makes of the root."""
        return self._run("mimic-cohort", {"--output": "cohort.parquet"}, options)

    def series(self, *options: str | Path) -> Seen:
        """What mimic-timeseries makes of the root and of the cohort that is there."""
        outputs = {"--output": "series.parquet", "--facts": "series-facts.json"}
        return self._run("mimic-timeseries", outputs, (*self._of_cohort(), *options))

    def tabular(self, *options: str | Path) -> Seen:
        """What mimic-tabular makes of the root and of the cohort that is there."""
        outputs = {"--output": "tabular.parquet", "--facts": "tabular-facts.json"}
        return self._run("mimic-tabular", outputs, (*self._of_cohort(), *options))

    def _of_cohort(self) -> tuple[str, Path]:
        return "--cohort", self.folder / "cohort.parquet"

    def _run(self, step: str, outputs: Mapping[str, str], options: tuple[str | Path, ...]) -> Seen:
        paths = outputs | {"--ledger": f"{step}.json"}
        words = [word for key, name in paths.items() for word in (key, self.folder / name)]
        return run_step(self.folder, [step, "--root", self.mimic, *words, *options])


def _event(time: datetime) -> dict[str, object]:
    return {"charttime": time, "storetime": time + timedelta(minutes=5)}
