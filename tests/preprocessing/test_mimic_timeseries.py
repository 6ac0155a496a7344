"""The open demo: faithful equals the reference bit for bit; corrected keeps its promises."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from preprocessing.datasets.mimic import cohort, timeseries, variables
from preprocessing.datasets.mimic.series.statistics import normalise
from preprocessing.datasets.mimic.switches import switches_of
from preprocessing.engine.duckdb import connect
from preprocessing.splits import Splitter
from tests.preprocessing.reference_model import ModelStay, Row, episodes

Run = Callable[..., tuple[pl.DataFrame, dict, dict[str, list[dict]]]]


@pytest.fixture(scope="module")
def demo(shared: Path) -> Path:
    return shared / "data" / "mimic-iv-demo"


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "mimic-iv-demo"


@pytest.fixture(scope="module")
def run(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Cohort and series of the demo: series by stay_id, facts, both ledgers."""
    lists = [demo / "splits" / name for name in ("testset.csv", "valset.csv")]
    splitter = Splitter.from_options(*lists, 0, 0.1, 0.2)

    @cache
    def extract(profile: str, root: Path = demo, parts: int = 2, **overrides: str) -> tuple:
        out = tmp_path_factory.mktemp("out")
        switches = switches_of(profile, overrides)
        ledgers = {name: out / f"{name}.json" for name in ("cohort", "series")}
        files = {"output": out / "cohort.parquet", "ledger_path": ledgers["cohort"]}
        cohort.select_cohort(root, splitter, switches, **files, con=connect(threads=1))
        outputs = [out / f"part-{part}.parquet" for part in range(parts)]
        timeseries.extract_series(
            root,
            out / "cohort.parquet",
            switches,
            profile=profile,
            outputs=outputs,
            facts=out / "facts.json",
            ledger_path=ledgers["series"],
            con=connect(threads=1),
        )
        entries = {n: json.loads(path.read_text())["entries"] for n, path in ledgers.items()}
        facts = json.loads((out / "facts.json").read_text())
        return pl.read_parquet(outputs).sort("stay_id"), facts, entries

    return extract


def arrays(series: pl.DataFrame) -> np.ndarray:
    """Values and observed as in the golden tensors, (stays, 48, 76) float32."""
    values = series["values"].to_numpy().reshape(-1, 48, 59)
    observed = series["observed"].to_numpy().reshape(-1, 48, 17)
    return np.concatenate([values, observed.astype(np.float32)], axis=2)


@pytest.mark.parametrize("imputation", ["zero", "previous"])
def test_faithful_equals_the_reference_bit_for_bit(run: Run, golden: Path, imputation: str) -> None:
    series, facts, _ = run("faithful", imputation=imputation)
    expected = np.load(golden / f"tensors_{imputation}.npy").astype(np.float32)
    assert series["stay_id"].to_list() == json.loads((golden / "stay_order.json").read_text())
    assert (arrays(series) == expected).all()
    assert facts["rows"] == 54
    names = facts["value_names"] + [f"mask->{name}" for name in facts["variable_names"]]
    assert names == json.loads((golden / "tensor_header.json").read_text())


def test_faithful_splits_and_labels(run: Run, golden: Path) -> None:
    series, _, _ = run("faithful")
    stays = pl.read_parquet(golden / "stays.parquet").sort("stay_id")
    assert series["split"].to_list() == stays["split"].replace("val", "valid").to_list()
    assert series["label"].to_list() == stays["y_true"].to_list()
    assert series["label"].sum() == 9


@pytest.mark.parametrize(
    ("statistics", "file"),
    [("reference", "tensors_zero_norm_allcont"), ("reference_shifted", "tensors_zero_norm")],
)
def test_normalised_as_the_reference_does_bit_for_bit(
    run: Run, golden: Path, statistics: str, file: str
) -> None:
    _, facts, _ = run("faithful", statistics=statistics)
    values = np.load(golden / "tensors_zero.npy")[..., :59]
    normalised = normalise(values, facts["mean"], facts["std"])
    assert (normalised == np.load(golden / f"{file}.npy")[..., :59]).all()


def test_drop_counts_of_the_reference_are_in_the_ledger(run: Run, golden: Path) -> None:
    _, _, ledgers = run("faithful")
    expected = json.loads((golden / "drop_counts.json").read_text())
    funnel = {e["reason"]: e["rows_after"] for e in ledgers["cohort"]}
    assert expected["funnel"] == {
        "icustays": ledgers["cohort"][0]["rows_before"],
        "no_transfer": funnel["changed the ICU"],
        "has_admission_and_patient": funnel["no such admission or patient"],
        "one_stay_per_hadm": funnel["admission with several ICU stays"],
        "age>=18": funnel["younger than 18, or age unknown"],
    }

    def entry(table: str, reason: str) -> dict[str, int]:
        rows = [e for e in ledgers["series"] if (e["table"], e["reason"]) == (table, reason)]
        none = {"rows_before": 0, "rows_after": 0}
        return rows[0] if rows else none

    def dropped(table: str, reason: str) -> int:
        row = entry(table, reason)
        return row["rows_before"] - row["rows_after"]

    names = {
        "s1_subject_not_kept": "patient not in the cohort",
        "s1_item_not_in_map": "item not mapped",
        "s2_empty_hadm": "no admission given",
        "s2_hadm_not_in_stays": "admission not in the cohort",
        "s2_stay_mismatch": "another stay of the admission",
        "s3_null_value": "no value",
        "s3_item_not_ready": "item of no variable",
        "s3_duplicate_loser": "another value of that time kept",
    }
    for table, counts in expected["fate"].items():
        name = f"{'hosp' if table == 'labevents' else 'icu'}/{table}"
        assert entry(name, "patient not in the cohort")["rows_before"] == counts["rows"]
        assert entry(name, "item not mapped")["rows_after"] == counts["s1_written"]
        for key, reason in names.items():
            assert dropped(name, reason) == counts.get(key, 0), (table, key)
        loser = entry(name, names["s3_duplicate_loser"])
        assert loser["rows_after"] == counts.get("s3_kept", 0)
    recovered = entry("hosp/labevents", "stay taken from the admission")["rows_after"]
    assert recovered == expected["fate"]["labevents"]["s2_stay_recovered"]
    for variable, counts in expected["clean"].items():
        assert entry(variable, "values read")["rows_after"] == counts["in"]
    assert dropped("rows of stays", "before hour 0") == expected["ihm"]["rows_before_0h"]
    assert dropped("rows of stays", "after hour 48") == expected["ihm"]["rows_after_48h"]
    assert entry("rows of stays", "after hour 48")["rows_after"] == expected["ihm"]["rows_kept"]


def test_the_model_of_the_rules_equals_the_golden_episodes(demo: Path, golden: Path) -> None:
    """All 112 stays, all hours: what the made-up rows are held against is itself right."""
    stays = pl.read_csv(demo / "icu" / "icustays.csv.gz", try_parse_dates=True)
    stays = stays.filter(pl.col("first_careunit") == pl.col("last_careunit"))
    stays = stays.filter(pl.len().over("hadm_id") == 1)
    model_stays = [ModelStay(*row) for row in stays.select(ModelStay._fields).iter_rows()]
    table = pl.read_csv(golden / "ready_items.csv")
    items = dict(table.select("itemid", "variable").iter_rows())
    rows = []
    for file in ("icu/chartevents", "hosp/labevents"):
        events = pl.scan_csv(demo / f"{file}.csv.gz", schema_overrides={"value": pl.String})
        if file.startswith("hosp"):
            events = events.with_columns(stay_id=None)
        events = events.filter(pl.col("itemid").is_in(list(items)), pl.col("value").is_not_null())
        events = events.with_columns(pl.col("charttime").str.to_datetime())
        rows += [Row(*row) for row in events.select(Row._fields).collect().iter_rows()]
    found = episodes(rows, model_stays, items)
    expected = pl.read_parquet(golden / "episodes_full.parquet")
    assert sum(map(len, found.values())) == expected.height
    for (stay,), episode in expected.sort("row").partition_by("stay_id", as_dict=True).items():
        for (hours, values), row in zip(found[stay], episode.iter_rows(named=True), strict=True):
            assert hours == row["hours"]
            texts = {name: v if isinstance(v, str) else repr(v) for name, v in values.items()}
            assert texts == {n: row[n] for n in variables.variable_names() if row[n]}


def test_parts_and_their_number_change_nothing(run: Run) -> None:
    two, facts_of_two, _ = run("corrected")
    five, facts_of_five, _ = run("corrected", parts=5)
    assert two.equals(five)
    assert facts_of_two["mean"] == pytest.approx(facts_of_five["mean"], rel=1e-12)


def test_corrected_statistics_are_those_of_observed_training_hours(run: Run) -> None:
    series, facts, _ = run("corrected")
    train = arrays(series.filter(split="train")).astype(np.float64)
    for place in variables.continuous():
        observed = train[..., 59 + facts["variable_of_value"][place]] == 1
        values = train[..., place][observed]
        if len(values):
            assert facts["mean"][place] == pytest.approx(values.mean(), rel=1e-6)
            assert facts["std"][place] == pytest.approx(values.std(), rel=1e-5)
    categories = set(range(59)) - set(variables.continuous())
    assert all(facts["mean"][c] == 0 and facts["std"][c] == 1 for c in categories)


def test_corrected_values_are_within_their_ranges(run: Run) -> None:
    series, facts, _ = run("corrected")
    tensors = arrays(series)
    limits = (
        variables.rules().select("variable", "low", "high").rows_by_key("variable", unique=True)
    )
    for place in variables.continuous():
        observed = tensors[..., 59 + facts["variable_of_value"][place]] == 1
        low, high = limits[facts["value_names"][place]]
        assert ((tensors[..., place] >= np.float32(low)) | ~observed).all()
        assert ((tensors[..., place] <= np.float32(high)) | ~observed).all()


def test_coma_total_is_the_sum_of_its_parts_in_the_demo(run: Run) -> None:
    series, facts, _ = run("corrected")
    tensors = arrays(series)
    scored = {name: i for i, name in enumerate(facts["value_names"]) if "coma scale" in name}
    totals = [i for name, i in scored.items() if "total" in name]
    total_observed = tensors[..., 59 + facts["variable_names"].index("Glascow coma scale total")]
    assert total_observed.sum() > 500
    assert (tensors[..., totals].sum(axis=2) == total_observed).all()
