"""No row vanishes, ours and the paper's stay apart, and every number follows from the files."""

import csv
import json
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
import yaml

from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.metrics import METRIC
from lanistr.evaluation.predictions import read_predictions
from lanistr.evaluation.render import escaped, latex, markdown, write_table
from lanistr.evaluation.row import ALWAYS, Row, read_csv, write_csv
from lanistr.evaluation.trace import trace
from lanistr.experiments import methods
from tests.lanistr.made_predictions import MORTALITY, PHENOTYPES, STAY, write
from tests.lanistr.shards import write_cache
from tests.lanistr.table_runs import REGISTRY, SEEDS, made_table, write_run, write_runs


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("tables"), stays=150)


@pytest.fixture
def results(cache, tmp_path):
    write_runs(tmp_path, cache)
    return tmp_path


def test_no_row_vanishes(results, cache, repository):
    rows = made_table(results, cache, repository).rows
    assert [(row.row, row.status) for row in rows] == [
        ("MedFuse", "not built"),
        ("LateFusion", "ok"),
        ("LANISTR w/o pretraining", "not run"),
        ("LANISTR", "2 of 3 runs"),
        ("FLAVA", "not run"),
    ]
    assert rows[3].reason == "seed 2: not run"
    assert (rows[4].paper, rows[4].metric) == (None, "auroc")


def row_of(name, results, cache, repository, **options):
    rows = made_table(results, cache, repository, **options).rows
    return next(row for row in rows if row.row == name)


def test_rows_are_compared_with_lanistr_on_the_same_patients(results, cache, repository):
    rows = made_table(results, cache, repository).rows
    late, full = rows[1], rows[3]
    assert late.difference == pytest.approx(late.mean - full.mean)
    assert late.difference_low <= late.difference <= late.difference_high
    assert 0 < late.p_value <= 1
    assert late.p_holm == late.p_value  # the only row that is compared
    assert (late.labels, rows[0].labels) == (90, None)
    assert full.difference is None
    assert row_of("0 %", results, cache, repository, table="table4").difference == late.difference
    assert row_of("100 %", results, cache, repository, table="table4").difference is None


def log_of(results, step, name, seed, text):
    path = results / f"logs/{step}/{name}_seed{seed}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_row_whose_training_failed_says_where_the_log_is(results, cache, repository):
    log = log_of(results, "train", "scratch", 1, "12:00:00 epoch 1\nerror: loss is not finite\n")
    row = row_of("LANISTR w/o pretraining", results, cache, repository)
    assert (row.status, row.mean) == ("failed", None)
    assert row.reason == f"seed 0 2: not run; seed 1: see {log}"
    text = markdown(made_table(results, cache, repository))
    assert f"LANISTR w/o pretraining: failed (seed 0 2: not run; seed 1: see {log})." in text


def test_a_row_whose_training_was_killed_is_stopped(results, cache, repository):
    log_of(results, "train", "scratch", 0, "12:00:00 epoch 1\n")
    assert row_of("LANISTR w/o pretraining", results, cache, repository).status == "stopped"


def test_results_of_an_earlier_pretraining_do_not_stand_for_one_that_failed(
    results, cache, repository
):
    (results / "runs/pre/seed0/experiment.json").unlink()
    log = log_of(results, "train", "pre", 0, "Traceback (most recent call last):\n")
    row = row_of("LANISTR", results, cache, repository)
    assert (row.status, row.seeds) == ("1 of 3 runs", "1")
    assert row.reason == f"seed 0: failed, see {log}; seed 2: not run"


def test_results_that_were_to_be_made_anew_do_not_count(results, cache, repository):
    before = row_of("LateFusion", results, cache, repository)
    pending = [results / f"metrics/late/seed{seed}.json" for seed in (0, 2)]
    row = row_of("LateFusion", results, cache, repository, pending=pending)
    assert (before.status, row.status, row.seeds) == ("ok", "1 of 3 runs", "1")
    assert row.reason == "seed 0 2: not run, what is there is of earlier data or settings"


def test_a_method_that_is_not_installed_says_so(results, cache, repository, monkeypatch):
    monkeypatch.setattr(methods, "find_spec", lambda name: None)
    change(results, "late", method="autogluon", modalities=["text"])
    log_of(results, "train", "late", 0, "error: a round before the library was removed\n")
    row = row_of("LateFusion", results, cache, repository)
    assert (row.status, row.mean) == ("not installed", None)
    assert row.reason == "seed 0 1 2: pip install 'lanistr[autogluon]'"
    assert row_of("LANISTR", results, cache, repository).mean is not None


def change(results, name, **settings):
    """Rewrite one entry of the registry."""
    entries = REGISTRY | {name: REGISTRY[name] | settings}
    (results / "registry.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))


def test_numbers_follow_from_the_runs(results, cache, repository):
    row = row_of("LateFusion", results, cache, repository)
    metrics = [json.loads((results / f"metrics/late/seed{s}.json").read_text()) for s in SEEDS]
    values = [100 * m["metrics"]["auroc"]["value"] for m in metrics]
    assert row.mean == pytest.approx(sum(values) / 3)
    assert row.std == pytest.approx(pl.Series(values).std())  # n - 1
    assert row.low < row.mean < row.high <= 100
    assert row.prevalence == pytest.approx(100 * metrics[0]["prevalence"])
    assert (row.trivial, row.n_runs, row.n_test, row.n_subjects) == (50, 3, 30, 30)
    assert (row.trainable_parameters, row.seconds) == (1234, 11)
    assert row.pretraining_seconds is None


def test_the_papers_numbers_have_columns_of_their_own(results, cache, repository):
    rows = made_table(results, cache, repository).rows
    paper = {row.row: (row.paper, row.paper_std, row.paper_n_runs) for row in rows}
    assert paper["LANISTR"] == (87.37, 1.28, 3)
    assert paper["MedFuse"] == (78.12, 2.79, 3)
    assert [row.mean for row in rows if row.status in ("not run", "not built")] == [None] * 3


def test_pretraining_is_counted_for_the_row_that_uses_it(results, cache, repository):
    row = row_of("LANISTR", results, cache, repository)
    assert (row.experiment, row.seconds, row.pretraining_seconds) == ("full", 10.5, 101)
    assert (row.labels, row.unlabeled) == (90, 90)


def test_one_run_has_no_standard_deviation(results, cache, repository):
    row = row_of("LateFusion", results, cache, repository, seeds=[0])
    assert (row.status, row.n_runs, row.std) == ("ok", 1, None)


def test_an_undefined_metric_is_said_not_shown(results, cache, repository):
    for seed in SEEDS:
        path = results / f"predictions/late/seed{seed}.parquet"
        made = read_predictions(path)
        write(path, replace(made, label=np.zeros_like(made.label)))
        metrics = results / f"metrics/late/seed{seed}.json"
        content = json.loads(metrics.read_text())
        content["metrics"] = {name: {"value": None} for name in content["metrics"]}
        metrics.write_text(json.dumps(content))
    row = row_of("LateFusion", results, cache, repository)
    assert (row.status, row.reason) == ("undefined", "all 30 test samples have label 0")
    assert (row.mean, row.low, row.n_runs) == (None, None, 3)


def test_predictions_of_no_sample_say_that_there_is_nothing_to_test(results):
    path = results / "predictions/late/seed0.parquet"
    about = {key: pl.read_parquet_metadata(path)[key] for key in ("experiment", "task")}
    pl.read_parquet(path).clear().write_parquet(path, metadata=about)
    with pytest.raises(DataContractError, match="no sample of test has an answer to the task"):
        read_predictions(path)


def test_metrics_that_do_not_follow_from_predictions_are_refused(results, cache, repository):
    path = results / "metrics/late/seed1.json"
    content = json.loads(path.read_text())
    content["metrics"]["auroc"]["value"] += 0.01
    path.write_text(json.dumps(content))
    with pytest.raises(DataContractError, match="does not follow from"):
        made_table(results, cache, repository)


def test_runs_on_other_shards_are_refused(results, cache, repository):
    path = results / "metrics/late/seed1.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "fedcba9876543210"))
    with pytest.raises(DataContractError, match="is of shards fedcba9876543210"):
        made_table(results, cache, repository)


def test_an_unknown_table_is_refused(results, cache, repository):
    with pytest.raises(ConfigError, match=r"has no table table9. Allowed: table1"):
        made_table(results, cache, repository, table="table9")


def test_a_table_without_any_entry_shows_the_papers_rows(results, cache, repository):
    table = made_table(results, cache, repository, table="table2")
    assert len(table.rows) == 16
    assert {row.status for row in table.rows} == {"not built"}
    assert "AutoGluon-MLP, beauty" in markdown(table)


def test_a_curve_over_labels_names_method_labels_and_metric(results, cache, repository, tmp_path):
    (results / "tables.yaml").write_text(
        yaml.safe_dump({"table1": {"title": "Few", "data": "mimic", "curve": "labels"}})
    )
    made = made_table(results, cache, repository)
    paths = {kind: tmp_path / f"curve.{kind}" for kind in ("csv", "md", "tex")}
    write_table(made, **paths)
    late = pl.read_csv(paths["csv"]).row(1, named=True)
    assert (late["method"], late["labels"], late["auroc"]) == ("LateFusion", 90, late["mean"])
    assert read_csv(paths["csv"])[0][1].mean == late["mean"]


def test_the_three_forms_agree_and_are_stamped(results, cache, repository, tmp_path):
    made = made_table(results, cache, repository)
    rows = made.rows
    paths = {kind: tmp_path / f"tables/table1.{kind}" for kind in ("csv", "md", "tex")}
    write_table(made, **paths)
    assert read_csv(paths["csv"]) == (rows, made.stamp)
    # A spreadsheet would run this name.
    odd = replace(made, rows=[replace(rows[0], row="=1+1"), *rows[1:]])
    write_csv(tmp_path / "odd.csv", odd)
    assert "\ntable1,'=1+1," in (tmp_path / "odd.csv").read_text()
    assert read_csv(tmp_path / "odd.csv") == (odd.rows, made.stamp)
    with paths["csv"].open() as lines:
        table = list(csv.DictReader(lines))
    assert float(table[1]["mean"]) == rows[1].mean
    assert table[2]["mean"] == ""
    assert {line["scale"] for line in table} == {"smoke"}
    assert {line["data_digest"] for line in table} == {"0123456789abcdef"}
    assert json.loads(table[0]["switches"]) == {"age": "at_admission"}
    assert [name for name in table[0] if name not in ("table", *ALWAYS)] == [
        *("scale", "profile", "text_source", "leaky_text", "data_digest", "switches", "subjects")
    ]
    for kind in ("md", "tex"):
        text = paths[kind].read_text()
        assert "generated data" in text
        assert "not comparable with the paper's column" in text
        assert f"{rows[1].mean:.2f}" in text
        assert "not built" in text and "not run" in text
        assert "0123456789abcdef" in text


def test_markdown_is_one_table(results, cache, repository):
    text = markdown(made_table(results, cache, repository))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 5
    assert len({line.count("|") for line in lines}) == 1


def test_latex_has_its_columns_and_escapes(results, cache, repository):
    text = latex(made_table(results, cache, repository))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    for line in body.strip().splitlines():
        assert line.count("&") == len(columns) - 1
    assert r"radiology\_48h" in text
    assert text.count("{") == text.count("}")
    assert escaped("a\\b") == r"a\textbackslash{}b"


@pytest.fixture
def asked(cache, tmp_path):
    """Runs of LANISTR and of another method for each task, all in one table."""
    entries = {}
    for task in (MORTALITY, STAY, PHENOTYPES):
        for method, row in {"full": "LANISTR", "late": "LateFusion"}.items():
            name = f"{method}-{task.name.replace('_', '-')}"
            rows = {"every": f"{row}: {task.title}", f"one-{task.name}": row}
            entries[name] = {"dataset": "mimic", "task": task.name, "rows": rows}
            for seed in SEEDS:
                write_run(tmp_path, cache, name, seed, task)
    del entries["full-in-hospital-mortality"]["task"]  # the first of the card
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))
    layout = {"title": "Every task", "data": "mimic", "names": {"mimic": "stays"}, "note": "Mixed."}
    (tmp_path / "tables.yaml").write_text(yaml.safe_dump({"every": layout}))
    return tmp_path


def test_rows_of_all_kinds_stand_in_one_table(asked, cache, repository, tmp_path):
    made = made_table(asked, cache, repository, "every")
    rows = {row.row: row for row in made.rows}
    stay, died = rows["LateFusion: length of stay"], rows["LateFusion: in hospital mortality"]
    metrics = [
        json.loads((asked / f"metrics/late-length-of-stay/seed{s}.json").read_text()) for s in SEEDS
    ]
    errors = [each["metrics"]["mae"]["value"] for each in metrics]
    assert stay.mean == pytest.approx(np.mean(errors))  # in hours
    assert (stay.metric, stay.unit, stay.n_test) == ("mae", "hours", metrics[0]["n"])
    assert stay.trivial == metrics[0]["trivial"] > stay.mean
    assert stay.r2 == pytest.approx(np.mean([each["metrics"]["r2"]["value"] for each in metrics]))
    assert (died.metric, died.unit, died.trivial) == ("auroc", "", 50)
    several = rows["LANISTR: phenotypes"]
    assert (several.metric, several.n_labels_defined) == ("macro_auroc", 25)
    assert several.micro_auroc > 50 and several.auprc is None

    # Compared with LANISTR of the same task.
    for task in (MORTALITY, STAY, PHENOTYPES):
        late, full = (rows[f"{row}: {task.title}"] for row in ("LateFusion", "LANISTR"))
        assert late.difference == pytest.approx(late.mean - full.mean)
        assert full.difference is None

    text = markdown(made)
    told = "AUROC in percent, Macro AUROC in percent, MAE in hours (lower is better) on stays."
    assert f"**Every task. {told}**" in text and "Mixed." in text
    assert "always the median" in text and "Patients (positive / samples)" in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    paths = {kind: tmp_path / f"tables/every.{kind}" for kind in ("csv", "md", "tex")}
    write_table(made, **paths)
    assert read_csv(paths["csv"]) == (made.rows, made.stamp)
    for row in rows:
        assert list(trace(asked, "every", row))[-1].strip() == "equal"


@pytest.mark.parametrize("change", [{"dataset": "elsewhere"}, {"without": ["tabular"]}])
def test_an_entry_on_other_data_or_modalities_is_no_row(asked, cache, repository, change):
    path = asked / "registry.yaml"
    entries = yaml.safe_load(path.read_text())
    entries["late-phenotypes"] |= change
    path.write_text(yaml.safe_dump(entries, sort_keys=False))
    rows = {row.row for row in made_table(asked, cache, repository, "every").rows}
    assert "LANISTR: phenotypes" in rows
    assert "LateFusion: phenotypes" not in rows


def test_a_task_that_the_data_set_does_not_have_is_refused(asked, cache, repository):
    path = asked / "registry.yaml"
    path.write_text(path.read_text().replace("task: phenotypes", "task: colour"))
    with pytest.raises(ConfigError, match=r"has no colour. Allowed: in_hospital_mortality"):
        made_table(asked, cache, repository, "every")


def test_an_unknown_key_of_a_table_is_refused(asked, cache, repository):
    (asked / "tables.yaml").write_text("every: {title: T, data: mimic, colour: red}")
    with pytest.raises(ConfigError, match=r"every: colour: there is no such key. Allowed: .*title"):
        made_table(asked, cache, repository, "every")


def test_every_metric_has_a_column():
    assert set(METRIC) <= {field.name for field in fields(Row)}
