"""The run stops at a leak, goes on if it is acknowledged, and tells no more than may be shared."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from preprocessing.audit.leakage import report, runs
from preprocessing.audit.leakage.gates import GENERIC, declared_gates, every_gate, list_gates
from preprocessing.errors import ConfigError, DataContractError, LeakageError
from tests.preprocessing.leakage_shards import Tables, amazon_shards, mimic_shards


def expired(tables: Tables, manifest: dict[str, Any]) -> None:
    text = pl.col("text") + " the patient expired"
    tables["notes"] = tables["notes"].with_columns(text=text)


def gates(path: Path) -> dict[str, dict[str, Any]]:
    return {gate["gate"]: gate for gate in json.loads(path.read_text())["gates"]}


def test_a_leak_stops_the_run_and_is_told(tmp_path: Path) -> None:
    shards, output = mimic_shards(tmp_path / "shards", expired), tmp_path / "leakage.json"
    with pytest.raises(LeakageError) as stopped:
        report.check_shards(shards, [], resamples=20, output=output)
    message = str(stopped.value)
    assert "outcome-words" in message and "160 texts" in message
    assert "acknowledge" in message and "radiology_48h" in message
    assert gates(output)["outcome-words"]["status"] == "leak"


def test_an_acknowledged_leak_is_reported(tmp_path: Path) -> None:
    shards, output = mimic_shards(tmp_path / "shards", expired), tmp_path / "leakage.json"
    report.check_shards(shards, ["outcome-words"], resamples=20, output=output)
    assert gates(output)["outcome-words"]["status"] == "acknowledged"


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"outcome-word is no gate.*outcome-words"):
        report.check_shards(tmp_path, ["outcome-word"], resamples=20, output=tmp_path / "x")


def test_what_only_is_reported_needs_no_acknowledgement(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="text-length"):
        report.check_shards(tmp_path, ["text-length"], resamples=20, output=tmp_path / "x")


def test_the_command_fails_with_one_message(tmp_path: Path) -> None:
    shards = mimic_shards(tmp_path / "shards", expired)
    command = [sys.executable, "-m", "preprocessing", "audit-leakage", "--shards", str(shards)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "x.json"), "--resamples", "20"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: leakage in mimic" in done.stderr
    assert "Traceback" not in done.stderr


def story(**changes: Any) -> dict[str, Any]:
    """What lanistr.training.run writes of a run."""
    return {
        "experiment": {"name": "mimic-lanistr", "dataset": "mimic"},
        "seed": 0,
        "selected": {"epoch": 3, "valid/loss": 0.4, "valid/auroc": 0.8},
        "selection": {
            "splits": ["valid"], "samples": 50, "subjects": 50, "samples_of_test_subjects": 0,
        },
    } | changes  # fmt: skip


def on_test() -> dict[str, Any]:
    selection = story()["selection"] | {"splits": ["test"]}
    return story(selection=selection)


def subjects_of_test() -> dict[str, Any]:
    return story(selection=story()["selection"] | {"samples_of_test_subjects": 50})


def untold() -> dict[str, Any]:
    return {name: value for name, value in story().items() if name != "selection"}


def test_a_run_selected_on_validation_is_clean() -> None:
    assert not runs.check_runs([story()]).found


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (on_test(), "selected on test"),
        (story(selected={"epoch": 1, "test/auroc": 0.9}), "selected on test/auroc"),
        (subjects_of_test(), "validation cases are of units of the test split"),
        (untold(), "does not say what it was selected on"),
    ],
)
def test_a_run_selected_on_test_is_caught(planted: dict[str, Any], said: str) -> None:
    assert runs.check_runs([story(), planted]).settings == [f"mimic-lanistr, seed 0: {said}"]


def test_selection_on_test_stops_after_training(tmp_path: Path) -> None:
    path, output = tmp_path / "experiment.json", tmp_path / "selection.json"
    path.write_text(json.dumps(on_test()))
    with pytest.raises(LeakageError, match=r"selection-on-test.*\n.*selected on test"):
        report.check_selection([path], [], output=output)
    assert gates(output)["selection-on-test"]["status"] == "leak"
    report.check_selection([path], ["selection-on-test"], output=output)
    assert gates(output)["selection-on-test"]["status"] == "acknowledged"


def test_all_is_merged_and_idle_acknowledgements_are_told(tmp_path: Path) -> None:
    acknowledged = ["vocabulary-outside-training", "star-words"]
    files = [tmp_path / "mimic.json", tmp_path / "amazon.json"]
    report.check_shards(mimic_shards(tmp_path / "m"), acknowledged, resamples=20, output=files[0])
    report.check_shards(amazon_shards(tmp_path / "a"), acknowledged, resamples=20, output=files[1])
    vocabulary, output = tmp_path / "vocabulary.json", tmp_path / "leakage.json"
    facts = {"dataset": "amazon/Beauty", "tokens": 90, "foreign_tokens": 7, "of_training": False}
    vocabulary.write_text(json.dumps(facts))
    report.merge_gates(files, [vocabulary], acknowledged, output=output)
    result = json.loads(output.read_text())
    statuses = {
        (entry["dataset"], gate["gate"]): gate["status"]
        for entry in result["datasets"]
        for gate in entry["gates"]
    }
    assert statuses["amazon", "vocabulary-outside-training"] == "acknowledged"
    assert statuses["mimic", "vocabulary-outside-training"] == "clean"
    assert result["acknowledged_without_finding"] == ["star-words"]


def test_something_else_is_no_story(tmp_path: Path) -> None:
    path = tmp_path / "experiment.json"
    path.write_text("{}")
    with pytest.raises(DataContractError, match="Train the run again"):
        runs.read_stories([path])


def test_no_identifier_and_no_word_of_a_text_is_told(tmp_path: Path) -> None:
    shards, output = mimic_shards(tmp_path / "shards"), tmp_path / "leakage.json"
    report.check_shards(shards, [], resamples=20, output=output)
    told = output.read_text()
    assert not re.search(r"\b(1|3|9)\d{3}\b|word\d", told)


def test_small_counts_are_not_told(tmp_path: Path) -> None:
    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        text = pl.when(pl.col("subject_id") < 1005).then(pl.col("text") + " died").otherwise("text")
        tables["notes"] = tables["notes"].with_columns(text=text)

    shards, output = mimic_shards(tmp_path / "shards", plant), tmp_path / "leakage.json"
    with pytest.raises(LeakageError, match="fewer than 10 texts"):
        report.check_shards(shards, [], resamples=20, output=output)
    gate = gates(output)["outcome-words"]
    assert gate["counts"] == {"texts that speak of death or end-of-life care": 5}
    assert gate["measures"][0]["value"] is None
    report.merge_gates([output], output=tmp_path / "shared.json")
    (shared,) = json.loads((tmp_path / "shared.json").read_text())["datasets"]
    (gate,) = (gate for gate in shared["gates"] if gate["gate"] == "outcome-words")
    assert gate["counts"] == {"texts that speak of death or end-of-life care": None}
    assert "parts" not in gate and not {"among", "few"}.intersection(gate["measures"][0])


def test_the_schema_allows_the_gates_that_stop(repository: Path) -> None:
    import yaml

    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    allowed = schema["properties"]["leakage"]["properties"]["acknowledge"]["items"]["enum"]
    assert sorted(allowed) == sorted(n for n, gate in every_gate().items() if gate.stops)


def test_every_gate_is_in_the_table_with_its_data_set() -> None:
    lines = list_gates().splitlines()
    assert len(lines) == 2 + len(every_gate())
    for owner, gates in declared_gates().items():
        assert all(any(f"| {name} | {owner} |" in line for line in lines) for name in gates)


def test_no_data_set_declares_a_gate_of_another() -> None:
    names = [*GENERIC, *(name for gates in declared_gates().values() for name in gates)]
    assert len(names) == len(set(names))
