"""Demographics: groups, vocabularies from training alone, and nothing from after admission."""

import json

import polars as pl
import pytest

from preprocessing.datasets.mimic import tabular
from preprocessing.datasets.mimic.release import layouts
from preprocessing.datasets.mimic.schemas import Cohort, Tabular
from preprocessing.encode import RESERVED, fit
from preprocessing.engine.duckdb import connect
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger

TRAIN, VALID, TEST = "train", "valid", "test"


def cohort(*splits: str) -> pl.DataFrame:
    """One stay per split; stay n is of patient 10000000 + n and admission 20000000 + n."""
    numbers = pl.int_range(len(splits), eager=True)
    dtypes = {name: column.dtype.type for name, column in Cohort.to_schema().columns.items()}
    rows = {
        "subject_id": 10000000 + numbers,
        "hadm_id": 20000000 + numbers,
        "stay_id": 30000000 + numbers,
        "age": 20 + 10 * numbers,
        "careunit": ["Medical Intensive Care Unit (MICU)"] * len(splits),
        "split": splits,
    }
    return pl.DataFrame({name: rows.get(name) for name in dtypes}, schema=dtypes)


def patients(count: int) -> pl.DataFrame:
    frame = {"subject_id": [10000000 + n for n in range(count)], "gender": ["F"] * count}
    return pl.DataFrame(frame, schema_overrides={"subject_id": pl.Int32})


def admissions(count: int, **columns) -> pl.DataFrame:
    values = {
        "race": "WHITE",
        "insurance": "Medicare",
        "language": "ENGLISH",
        "marital_status": "MARRIED",
        "admission_type": "EW EMER.",
        "admission_location": "EMERGENCY ROOM",
    }
    frame = {name: [value] * count for name, value in values.items()} | columns
    hadm_id = [20000000 + n for n in range(count)]
    dtypes = {"hadm_id": pl.Int32} | dict.fromkeys(frame, pl.String)
    return pl.DataFrame({"hadm_id": hadm_id} | frame, schema=dtypes)


def lost(ledger: Ledger) -> dict[str, int]:
    entries = [(entry.reason, entry.rows_before - entry.rows_after) for entry in ledger.entries]
    return {reason: count for reason, count in entries if count}


@pytest.mark.parametrize(
    ("race", "group"),
    [
        ("WHITE - RUSSIAN", "WHITE"),
        ("PORTUGUESE", "WHITE"),
        ("BLACK/AFRICAN AMERICAN", "BLACK"),
        ("HISPANIC/LATINO - PUERTO RICAN", "HISPANIC"),
        ("SOUTH AMERICAN", "HISPANIC"),
        ("ASIAN - SOUTH EAST ASIAN", "ASIAN"),
        ("AMERICAN INDIAN/ALASKA NATIVE", "OTHER"),
        ("MULTIPLE RACE/ETHNICITY", "OTHER"),
        ("UNKNOWN", None),
        ("UNABLE TO OBTAIN", None),
        ("PATIENT DECLINED TO ANSWER", None),
        ("", None),
        (None, None),
        (" white ", "WHITE"),
    ],
)
def test_race_groups(race, group):
    rows = tabular.demographics(
        cohort(TRAIN), patients(1), admissions(1, race=[race]), ledger := Ledger("step")
    )
    assert rows["race"].to_list() == [group]
    assert ledger.entries[-1].rows_after == 0


def test_unlisted_race_is_other_and_counted():
    rows = tabular.demographics(
        cohort(TRAIN, TRAIN), patients(2), admissions(2, race=["X", "WHITE"]), ledger := Ledger("s")
    )
    assert rows["race"].to_list() == ["OTHER", "WHITE"]
    assert "OTHER" in ledger.entries[-1].reason
    assert ledger.entries[-1].rows_after == 1


def test_nothing_known_is_null_in_every_release():
    columns = {
        "language": ["?", "English", ""],
        "admission_location": ["INFORMATION NOT AVAILABLE", None, "emergency room"],
    }
    rows = tabular.demographics(
        cohort(TRAIN, TRAIN, TRAIN), patients(3), admissions(3, **columns), Ledger("step")
    )
    assert rows["language"].to_list() == [None, "ENGLISH", None]
    assert rows["admission_location"].to_list() == [None, None, "EMERGENCY ROOM"]


def test_stays_without_patient_or_admission_are_counted():
    ledger = Ledger("step")
    rows = tabular.demographics(
        cohort(TRAIN, VALID, TEST), patients(3).head(2), admissions(3).tail(2), ledger
    )
    assert rows["stay_id"].to_list() == [30000001]
    assert lost(ledger) == {"no row in hosp/patients": 1, "no row in hosp/admissions": 1}


@pytest.mark.parametrize("repeated", ["patients", "admissions"])
def test_repeated_keys_are_read_once_or_refused(repeated):
    tables = {"patients": patients(1), "admissions": admissions(1)}
    once = tabular.demographics(cohort(TRAIN), **tables, ledger=Ledger("step"))
    tables[repeated] = pl.concat([tables[repeated]] * 2)
    ledger = Ledger("step")
    assert tabular.demographics(cohort(TRAIN), **tables, ledger=ledger).equals(once)
    assert lost(ledger) == {"row repeated word for word": 1}
    column = "gender" if repeated == "patients" else "race"
    different = tables[repeated].with_columns(pl.Series(column, ["this", "that"]))
    tables[repeated] = different
    with pytest.raises(DataContractError, match=rf"hosp/{repeated}: 1 of 2 rows") as caught:
        tabular.demographics(cohort(TRAIN), **tables, ledger=Ledger("step"))
    assert "0000000" not in str(caught.value)


def test_vocabularies_and_scale_are_those_of_training_alone():
    rows = tabular.demographics(
        cohort(TRAIN, TRAIN, VALID, TEST),
        patients(4),
        admissions(4, insurance=["b", "a", "c", "d"], language=["?", "?", "?", "English"]),
        Ledger("step"),
    )
    encoders = fit(rows.lazy(), categorical=tabular.CATEGORICAL, numeric=tabular.NUMERIC)
    facts, coded = encoders.facts(), encoders.encode(rows)
    assert facts["categorical"]["insurance"] == [*RESERVED, "A", "B"]
    assert facts["categorical"]["language"] == [*RESERVED]
    assert facts["numeric"] == {"age": {"mean": 25.0, "std": 5.0}}
    assert coded["insurance_code"].to_list() == [3, 2, 1, 1]
    assert coded["language_code"].to_list() == [0, 0, 0, 1]
    assert coded["age_scaled"].to_list() == [-1.0, 1.0, 3.0, 5.0]


def test_only_columns_known_at_admission_are_read():
    outcome = {"discharge_location", "dischtime", "deathtime", "hospital_expire_flag"}
    assert not outcome & {*tabular.OF_ADMISSION, *Tabular.to_schema().columns}


def write_raw(root, release: str, count: int) -> None:
    filled = {
        "hosp/patients": patients(count),
        "hosp/admissions": admissions(count).with_columns(
            subject_id=pl.col("hadm_id") - 10000000, admittime=pl.lit("2180-05-06 01:02:03")
        ),
    }
    filled["hosp/patients"] = filled["hosp/patients"].with_columns(
        anchor_age=50, anchor_year=2180, anchor_year_group=pl.lit("2014 - 2016")
    )
    for table, frame in filled.items():
        columns = layouts(release)[table]
        missing = [pl.lit(None).alias(c.name) for c in columns if c.name not in frame.columns]
        frame = frame.with_columns(missing).select(pl.col(c.name).alias(c.header) for c in columns)
        path = root / (table.replace("hosp", "core") if release == "v1" else table)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_csv(f"{path}.csv")


@pytest.mark.parametrize("release", ["v1", "v2.2"])
def test_from_raw_files_to_parts(tmp_path, release):
    write_raw(tmp_path, release, 3)
    cohort(TRAIN, VALID, TEST).write_parquet(tmp_path / "cohort.parquet")
    outputs = [tmp_path / "tabular" / f"part-{part:05}.parquet" for part in range(2)]
    tabular.collect_demographics(
        tmp_path,
        tmp_path / "cohort.parquet",
        outputs=outputs,
        facts=tmp_path / "tabular.json",
        ledger_path=tmp_path / "ledger.json",
        con=connect(memory_limit="500MB", threads=1, temp_dir=None),
    )
    rows = pl.concat([pl.read_parquet(path) for path in outputs]).sort("stay_id")
    assert rows.columns == list(Tabular.to_schema().columns)
    assert rows["race"].to_list() == ["WHITE"] * 3
    assert rows["age"].to_list() == [20, 30, 40]
    assert rows["race_code"].to_list() == [2] * 3 and rows["age_scaled"].to_list() == [0, 10, 20]
    assert json.loads((tmp_path / "tabular.json").read_text())["rows"] == 3
    assert json.loads((tmp_path / "ledger.json").read_text())["step"] == "mimic-tabular"


def test_open_demo_has_no_unlisted_race(shared):
    from preprocessing.datasets.mimic.raw import open_source

    source = open_source(shared / "data" / "mimic-iv-demo", ["hosp/admissions"])
    con = connect(memory_limit="500MB", threads=1, temp_dir=None)
    races = source.read(con, "hosp/admissions", ["race"])
    recorded = races.select(tabular.recorded("race"))
    unlisted = recorded.filter(
        pl.col("race").is_not_null()
        & ~pl.any_horizontal(pl.col("race").str.starts_with(p) for p in tabular.RACE_GROUPS)
    )
    assert races.height == 275
    assert unlisted.is_empty()
