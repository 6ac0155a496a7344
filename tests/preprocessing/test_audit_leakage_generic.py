"""The gates of a data set that has no code of its own, for tasks of every kind."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.audit.leakage import report
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.gates import GENERIC, every_gate
from preprocessing.audit.shards import Shards, open_variants
from preprocessing.errors import DataContractError, SourceMissingError
from tests.preprocessing.generic_shards import SEASONS, TASKS, make_manifest, write_generic
from tests.preprocessing.leakage_shards import Plant, Tables

# Asked elsewhere: of the cache of a tokenizer.
ELSEWHERE = {"vocabulary-outside-training"}


def found(folder: Path, *tasks: str, plant: Plant | None = None, **more: Any) -> dict[str, Finding]:
    variants = open_variants(write_generic(folder, *tasks, plant=plant, **more))
    return {finding.gate: finding for finding in report.findings(variants, resamples=50)}


def caught(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.found}


def in_test(table: str, **columns: Any) -> Plant:
    """Other values in the test split."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        is_test = pl.col("split") == "test"
        changes = {
            name: pl.when(is_test).then(value).otherwise(name) for name, value in columns.items()
        }
        tables[table] = tables[table].with_columns(**changes)

    return plant


def from_answer(table: str, answer: str, **columns: pl.Expr) -> Plant:
    """Columns that are made of the answer, in all splits."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        known = tables["samples"].filter(stage="finetune").select("row_id", answer=answer)
        joined = tables[table].join(known, on="row_id", how="left", maintain_order="left")
        tables[table] = joined.with_columns(**columns).drop("answer")
        if table == "tabular":
            manifest |= {"tabular": make_manifest(tables, {})["tabular"]}

    return plant


def pretraining_on_test(tables: Tables, manifest: dict[str, Any]) -> None:
    test = tables["samples"].filter(split="test").with_columns(stage=pl.lit("pretrain"))
    tables["samples"] = pl.concat([tables["samples"], test])


def validation_is_test(tables: Tables, manifest: dict[str, Any]) -> None:
    samples = tables["samples"].filter(pl.col("split") != "valid")
    test = samples.filter(split="test").with_columns(split=pl.lit("valid"))
    tables["samples"] = pl.concat([samples, test])


def scales_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    manifest |= make_manifest(tables, manifest["card"], ("train", "valid", "test"))


def series_of_all(tables: Tables, manifest: dict[str, Any]) -> None:
    others = make_manifest(tables, {}, ("train", "valid", "test"))
    manifest |= {"timeseries": others["timeseries"]}


def word_of_test(tables: Tables, manifest: dict[str, Any]) -> None:
    in_test("tabular", color=pl.lit("green"))(tables, manifest)
    manifest["tabular"]["categorical"]["color"].append("green")


NAMED = pl.col("answer").replace_strict(dict(enumerate(SEASONS)), return_dtype=pl.String)
IS_ONE = pl.col("answer") == 1
ABSENT = pl.col("answer").fill_null(0) == 0

PLANTED = {
    "units-in-two-splits": [in_test("samples", group=pl.lit("g0"))],
    "test-in-pretraining": [pretraining_on_test],
    "selection-on-test": [validation_is_test],
    "fitted-outside-training": [scales_of_all, series_of_all, word_of_test],
    "pictures-in-two-splits": [in_test("images", jpeg=pl.lit(b"0"))],
    "label-words": [
        from_answer("text", "season", text=pl.format("{} {}", "text", NAMED.str.to_lowercase())),
        from_answer("text", "sold", text=pl.when(IS_ONE).then(pl.format("{} BOUGHT", "text"))
                    .otherwise("text")),
    ],
    "label-columns": [
        from_answer("tabular", "season", color=NAMED),
        from_answer("tabular", "sold", price=pl.when(IS_ONE).then(None).otherwise("price")),
        from_answer("tabular", "sold", price=pl.col("answer") * 30.0 + pl.col("price") / 10),
        from_answer("tabular", "cost", price=(pl.col("answer") * 0.3).exp()),
    ],
    "duplicate-texts": [
        lambda tables, manifest: in_test("text", text=pl.lit(tables["text"]["text"][0]))(
            tables, manifest
        )
    ],
    "modality-pattern": [from_answer("samples", "sold", has_image=IS_ONE.fill_null(True))],
    "text-length": [
        from_answer("text", "cost", text=pl.col("text") + pl.lit(" a").repeat_by(
            (pl.col("answer") * 5).cast(pl.Int64)).list.join(""))
    ],
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_clean_shards_pass_every_gate(tmp_path: Path, task: str) -> None:
    findings = found(tmp_path, task, *(other for other in TASKS if other != task))
    assert caught(findings) == set()
    figures = {m.metric for m in findings["text-length"].measures}
    assert figures == {"AUROC", "accuracy", "macro AUROC", "R2"}


@pytest.mark.parametrize(
    ("gate", "plant"), [(gate, plant) for gate, plants in PLANTED.items() for plant in plants]
)
def test_a_planted_leak_is_caught(tmp_path: Path, gate: str, plant: Plant) -> None:
    assert gate in caught(found(tmp_path, plant=plant))


def test_every_generic_gate_is_asked_and_has_a_planted_leak(tmp_path: Path) -> None:
    assert set(found(tmp_path)) == set(PLANTED) == set(GENERIC) - ELSEWHERE


def test_columns_that_are_never_inputs_may_tell_the_answer(tmp_path: Path) -> None:
    plant = from_answer("tabular", "season", color=NAMED)
    told = found(tmp_path / "told", "season", plant=plant)["label-columns"]
    assert told.settings == ["color tells season: accuracy 1.0"]
    assert told.measures[0].of.endswith("color") and told.measures[0].value == 1.0
    exempt = found(tmp_path / "exempt", "season", plant=plant, never_inputs=["color"])
    assert not exempt["label-columns"].found


def test_a_column_that_only_helps_does_not_stop(tmp_path: Path) -> None:
    """The right season six times in seven is a strong column and no copy of the answer."""
    often = pl.when(pl.int_range(pl.len()) % 7 > 0).then(NAMED).otherwise(pl.lit(SEASONS[0]))
    plant = from_answer("tabular", "season", color=often)
    finding = found(tmp_path, "season", plant=plant)["label-columns"]
    assert not finding.found
    assert finding.measures[0].value == pytest.approx(0.9, abs=0.05)


def test_common_words_that_tell_nothing_do_not_stop(tmp_path: Path) -> None:
    plant = in_test("text", text=pl.format("{} bought", "text"))
    finding = found(tmp_path, "sold", plant=plant)["label-words"]
    assert finding.context["texts that name one class"] == 80
    assert not finding.found


def test_few_texts_that_name_their_class_are_found(tmp_path: Path) -> None:
    """One in seven of the test texts: too few to beat the majority by much, but all right."""
    some = pl.col("row_id") % 7 == 0
    named = pl.when(some).then(pl.format("{} {}", "text", NAMED)).otherwise("text")
    finding = found(tmp_path, "season", plant=from_answer("text", "season", text=named))
    _, among = finding["label-words"].measures
    assert (among.value, among.n) == (1.0, 12)
    assert finding["label-words"].found and every_gate()["label-words"].stops


def test_the_names_of_what_is_counted_are_of_the_card(tmp_path: Path) -> None:
    units = found(tmp_path, "sold")["units-in-two-splits"]
    assert dict(units.context) == {"customers": 200}
    assert set(units.counts) == {
        "customers in two splits", "rows with an input of another customer",
    }  # fmt: skip


def test_a_data_set_may_have_no_picture_at_all(tmp_path: Path) -> None:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        tables["images"] = tables["images"].clear()
        tables["samples"] = tables["samples"].with_columns(has_image=pl.lit(False))

    assert not found(tmp_path, plant=plant)["pictures-in-two-splits"].found


def test_shards_without_a_card_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="snakemake shards"):
        Shards.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"tables": {"samples": {}}}')
    with pytest.raises(DataContractError, match="card does not fit"):
        Shards.open(tmp_path)
