"""Items are what the dictionaries of the root call them; redacted values."""

import gzip
import logging
from pathlib import Path

import polars as pl
import pytest

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.series.dictionaries import BESIDE, confirmed_items
from preprocessing.datasets.mimic.switches import switches_of
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.ledger import Ledger
from tests.preprocessing.made_up_icu import (
    BLOOD_GLUCOSE,
    BLOOD_PH,
    CELSIUS,
    CHARTS,
    FAHRENHEIT,
    HR,
    LABS,
    RR,
    URINE_GLUCOSE,
    MadeUpICU,
    connection,
)

ANOTHER_LABEL = "its label is not the expected one"


@pytest.fixture
def icu(tmp_path: Path) -> MadeUpICU:
    """A heart rate, and 28 mg/dL of urea under the number of glucose."""
    icu = MadeUpICU(tmp_path).chart(1.5, HR, "80").lab(1.5, BLOOD_GLUCOSE, "28")
    icu.labels = {BLOOD_GLUCOSE: "Urea Nitrogen"}
    return icu


def test_an_item_of_another_label_is_refused_by_number_and_labels(icu: MadeUpICU) -> None:
    with pytest.raises(DataContractError) as caught:
        icu.run("corrected")
    assert "50931 (Glucose): found 'Urea Nitrogen, blood', expected 'GLUCOSE, blood'" in str(
        caught.value
    )
    assert not (icu.root / "out" / "part-0.parquet").exists()


def test_left_out_means_the_item_alone(icu: MadeUpICU, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = icu.run("corrected", item_labels="left_out")
    assert "50931" in caplog.text
    assert result.observed("Glucose") == []
    assert result.observed("Heart Rate") == [1]
    assert result.dropped("hosp/d_labitems", f"item not used: {ANOTHER_LABEL}") == 1
    assert result.dropped(LABS, "item of no variable") == 1


@pytest.mark.parametrize("profile", ["faithful", "corrected"])
def test_believed_means_by_number_as_in_the_reference(icu: MadeUpICU, profile: str) -> None:
    result = icu.run(profile, item_labels="believed")
    assert result.value("Glucose", 1) == 28
    assert result.noted("hosp/d_labitems", f"item believed: {ANOTHER_LABEL}") == 1
    with pytest.raises(DataContractError, match="50931"):
        icu.run(profile, item_labels="refused")


@pytest.mark.parametrize(
    "label", ["Glucose", "glucose", " GLUCOSE ", "Glu-cose", "Glucose (70-105 mg/dL)"]
)
def test_spelling_and_normal_ranges_are_no_difference(icu: MadeUpICU, label: str) -> None:
    icu.labels = {BLOOD_GLUCOSE: label}
    result = icu.run("corrected")
    assert result.value("Glucose", 1) == 28
    assert result.dropped("hosp/d_labitems", f"item not used: {ANOTHER_LABEL}") == 0


@pytest.mark.parametrize("label", ["Glucose, CSF", "Glucose (whole blood)", "?", "Gluco"])
def test_more_or_fewer_words_are_a_difference(icu: MadeUpICU, label: str) -> None:
    icu.labels = {BLOOD_GLUCOSE: label}
    with pytest.raises(DataContractError, match="1 items do not mean"):
        icu.run("corrected")


def test_the_label_of_mimic_iv_that_names_its_range(icu: MadeUpICU) -> None:
    icu.labels = {225664: "Glucose finger stick (range 70-100)"}
    assert icu.chart(2.5, 225664, "120").run("corrected").value("Glucose", 2) == 120


def test_an_item_not_in_the_dictionary_is_believed_and_noted(icu: MadeUpICU) -> None:
    icu.labels = {BLOOD_GLUCOSE: None}
    result = icu.run("corrected")
    assert result.value("Glucose", 1) == 28
    assert result.noted("hosp/d_labitems", "item that the dictionary lacks") == 1
    # Of the items of CareVue no dictionary of MIMIC-IV has one.
    icu.labels |= {211: None}
    assert icu.run("corrected").noted("icu/d_items", "item that the dictionary lacks") == 0


def test_the_fluid_tells_too(icu: MadeUpICU) -> None:
    """Urine glucose under the number of blood glucose has the same label."""
    icu.labels = {}
    icu.write()
    rows = icu.dictionary(LABS)
    for row in rows:
        row["fluid"] = "Urine" if row["itemid"] == BLOOD_GLUCOSE else row["fluid"].title()
    icu.put("hosp/d_labitems", rows)
    with pytest.raises(DataContractError, match="found 'GLUCOSE, Urine', expected"):
        icu.run("corrected", write=False)
    # Where glucose of urine is not in use, nobody asks what it is called.
    icu.labels = {URINE_GLUCOSE: "Protein"}
    assert icu.run("corrected").value("Glucose", 1) == 28
    with pytest.raises(DataContractError, match="51478"):
        icu.run("corrected", fluids="any")


def test_the_unit_tells_too(icu: MadeUpICU) -> None:
    icu.labels = {}
    icu.write()
    units = {FAHRENHEIT: "°F", CELSIUS: "°F", HR: "bpm"}
    rows = [row | {"unitname": units.get(row["itemid"], "")} for row in icu.dictionary(CHARTS)]
    icu.put("icu/d_items", rows)
    with pytest.raises(DataContractError, match="1 items") as caught:
        icu.run("corrected", write=False)
    assert "223762 (Temperature): found 'Temperature Celsius, °F'" in str(caught.value)


def test_an_item_twice_in_the_dictionary_has_to_agree_twice(icu: MadeUpICU) -> None:
    icu.labels = {}
    icu.write()
    more = {"itemid": HR, "label": "Respiratory Quotient"}
    icu.put("icu/d_items", [*icu.dictionary(CHARTS), more])
    with pytest.raises(DataContractError, match="1 items"):
        icu.run("corrected", write=False)
    icu.put("icu/d_items", icu.dictionary(CHARTS) * 2)
    assert icu.run("corrected", write=False).value("Heart Rate", 1) == 80


def test_dictionaries_are_asked_for_unless_numbers_are_believed(icu: MadeUpICU) -> None:
    icu.labels = {}
    icu.write()
    for name in BESIDE:
        (icu.root / f"{name}.csv").unlink()
    with pytest.raises(SourceMissingError, match="hosp/d_labitems"):
        icu.run("corrected", write=False)
    assert icu.run("faithful", write=False).value("Glucose", 1) == 28


@pytest.mark.parametrize("refill", ["unmapped", "metavision"])
def test_the_open_demo_is_what_we_expect(shared: Path, refill: str) -> None:
    switches = switches_of("corrected", {"fluids": "any", "refill": refill})
    source = open_source(shared / "data" / "mimic-iv-demo", list(BESIDE))
    ledger = Ledger("demo")
    items = confirmed_items(source, connection(), switches, ledger)
    assert items.height == variables.items(switches).height
    assert [entry.rows_after for entry in ledger.entries if "lacks" in entry.reason] == [0, 0]


# '___' in value, the number in valuenum (mimic-code#1703).


def test_redacted_values_come_from_valuenum_or_are_lost(icu: MadeUpICU) -> None:
    icu.labels = {}
    icu.lab(5.5, BLOOD_PH, "___", valuenum="7.21").lab(6.5, BLOOD_PH, "___")
    icu.chart(5.5, RR, "___", valuenum="15").chart(7.5, RR, "16", valuenum="99")
    for profile in ("faithful", "corrected"):
        taken = icu.run(profile, redacted="valuenum")
        assert [taken.value("Respiratory rate", hour) for hour in (5, 7)] == [15, 16]
        assert taken.value("pH", 5) == pytest.approx(7.21)
        assert taken.observed("pH") == [5]
        assert taken.noted(LABS, "redacted value taken from valuenum") == 1
        assert taken.noted(CHARTS, "redacted value taken from valuenum") == 1
        assert taken.dropped(LABS, "pH: not a number") == 1
        lost = icu.run(profile, redacted="lost")
        assert lost.observed("pH") == []
        assert lost.observed("Respiratory rate") == [7]
        assert lost.dropped(LABS, "pH: not a number") == 2
    assert icu.run("corrected").frame.equals(taken.frame)
    assert icu.run("faithful").observed("pH") == []


def test_parquet_and_compressed_tables_reveal_the_same(icu: MadeUpICU) -> None:
    icu.labels = {}
    icu.lab(5.5, BLOOD_PH, "___", valuenum="7.21").lab(6.5, BLOOD_GLUCOSE, "___", valuenum="151.0")
    expected = icu.run("corrected")
    path = icu.root / "hosp" / "labevents.csv"
    types = {"value": pl.String, "valuenum": pl.Float64}
    frame = pl.read_csv(path, schema_overrides=types)
    names = [name for name, kind in frame.schema.items() if kind == pl.String and name != "value"]
    times = [pl.col(n).str.to_datetime() for n in names if n.endswith("time")]
    frame.with_columns(times).write_parquet(path.with_suffix(".parquet"))
    text = path.read_bytes()
    path.unlink()
    assert icu.run("corrected", write=False).frame.equals(expected.frame)
    path.with_suffix(".parquet").unlink()
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(text))
    result = icu.run("corrected", write=False)
    assert result.frame.equals(expected.frame)
    assert result.ledger == expected.ledger
