"""Every gate of the reviews on shards without a leak, and with its leak planted."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.audit.leakage import report
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.gates import every_gate
from preprocessing.audit.shards import open_variants
from tests.preprocessing.leakage_shards import (
    Plant,
    Tables,
    amazon_manifest,
    amazon_shards,
)


def found(folder: Path, plant: Plant | None = None) -> dict[str, Finding]:
    variants = open_variants(amazon_shards(folder, plant))
    return {finding.gate: finding for finding in report.findings(variants, resamples=50)}


def caught(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.found}


def in_test(table: str, **columns: Any) -> Plant:
    """Other values in the test split of Beauty."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        is_test = pl.col("split") == "test"
        changes = {
            name: pl.when(is_test).then(value).otherwise(name) for name, value in columns.items()
        }
        tables[f"Beauty/{table}"] = tables[f"Beauty/{table}"].with_columns(**changes)

    return plant


def pretrained_product(tables: Tables, manifest: dict[str, Any]) -> None:
    """A product of two categories, test in one of them."""
    in_test("samples", asin=pl.lit("Office0"))(tables, manifest)


def validation_is_test(tables: Tables, manifest: dict[str, Any]) -> None:
    samples = tables["Beauty/samples"].filter(pl.col("split") != "valid")
    test = samples.filter(split="test").with_columns(split=pl.lit("valid"))
    tables["Beauty/samples"] = pl.concat([samples, test])


def scales_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    manifest |= amazon_manifest(tables, ("train", "valid", "test"))


def identifiers_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    every = tables["Beauty/tabular"].select(feature=pl.lit("product"), value="product")
    tables["Beauty/identifiers"] = pl.concat([tables["Beauty/identifiers"], every])


def copied_text(tables: Tables, manifest: dict[str, Any]) -> None:
    in_test("text", text=pl.lit(tables["Beauty/text"]["text"][0]))(tables, manifest)


def text_of_pretraining(tables: Tables, manifest: dict[str, Any]) -> None:
    in_test("text", text=pl.lit(tables["Office/text"]["text"][0]))(tables, manifest)


def of_the_worst(table: str, **columns: pl.Expr) -> Plant:
    """Other values for reviews of three stars, in all splits of Beauty; the others have five."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        worst = tables["Beauty/samples"].filter(stars=2)["sample_id"].implode()
        changes = {
            name: pl.when(pl.col("sample_id").is_in(worst)).then(value).otherwise(name)
            for name, value in columns.items()
        }
        tables[f"Beauty/{table}"] = tables[f"Beauty/{table}"].with_columns(**changes)

    return plant


PLANTED = {
    "products-in-two-splits": [in_test("samples", asin=pl.lit("Beauty10000"))],
    "test-in-pretraining": [pretrained_product],
    "selection-on-test": [validation_is_test],
    "star-words": [in_test("text", text="Five Stars. " + pl.col("text"))],
    "fitted-outside-training": [scales_of_all, identifiers_of_all],
    "label-columns": [of_the_worst("tabular", votes=pl.lit(100))],
    "duplicate-texts": [copied_text, text_of_pretraining],
    "reviewers-in-two-splits": [in_test("tabular", reviewer=pl.lit("Beauty-r10000"))],
    "pictures-in-two-splits": [in_test("samples", image_id=pl.lit("p10000"))],
    "modality-pattern": [of_the_worst("samples", has_image=pl.lit(False))],
    "text-length": [of_the_worst("text", text=pl.col("text") + " again" * 40)],
}


def test_clean_shards_pass_every_gate(tmp_path: Path) -> None:
    assert caught(found(tmp_path)) == set()


@pytest.mark.parametrize(
    ("gate", "plant"), [(gate, plant) for gate, plants in PLANTED.items() for plant in plants]
)
def test_a_planted_leak_is_caught(tmp_path: Path, gate: str, plant: Plant) -> None:
    assert gate in caught(found(tmp_path, plant))


@pytest.mark.parametrize("gate", [gate for gate in PLANTED if not every_gate()[gate].stops])
def test_what_only_is_reported_stops_nothing(tmp_path: Path, gate: str) -> None:
    for number, plant in enumerate(PLANTED[gate]):
        findings = found(tmp_path / str(number), plant)
        assert not [name for name in caught(findings) if every_gate()[name].stops]


def test_every_gate_of_the_shards_has_a_planted_leak(tmp_path: Path) -> None:
    assert set(found(tmp_path)) == set(PLANTED)


def test_reading_the_stars_is_measured_beside_the_majority(tmp_path: Path) -> None:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        labels = tables["Beauty/samples"].select("sample_id", named=pl.col("stars") + 1)
        texts = tables["Beauty/text"].join(labels, on="sample_id", maintain_order="left")
        named = pl.format("{} stars. {}", "named", "text")
        tables["Beauty/text"] = texts.with_columns(text=named).drop("named")

    (measure,) = found(tmp_path, plant)["star-words"].measures
    assert (measure.value, measure.metric, measure.n) == (1.0, "accuracy", 50)
    assert measure.chance == pytest.approx(2 / 3, abs=0.02)
