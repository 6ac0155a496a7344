"""The whole road on a toy configuration: raw dumps to the report, failed, killed and resumed."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

from tests.preprocessing.attack_subgroups import attack_all, find_known
from tests.workflow.registry import change
from tests.workflow.running import PYTHON

CONFIG = ("--configfile", "tests/workflow/toy.yaml")
ROWS = {
    "table1": {"LateFusion", "LANISTR w/o pretraining", "LANISTR"},
    "table2": {"LANISTR"},
    "table3": {"LANISTR", "w/o MIM"},
    "table4": {"0 %", "25 %", "100 %"},
}


def read_table(folder, name="table1"):
    return pl.read_csv(folder / f"results/toy/tables/{name}.csv")


def wait_for(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def descendants(pid):
    """Process ids below `pid`."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    parent = {int(p): int(pp) for p, pp in (line.split() for line in listing.splitlines())}
    found = [child for child, above in parent.items() if above == pid]
    return found + [deeper for child in found for deeper in descendants(child)]


@pytest.fixture(scope="module")
def undisturbed(snakemake, folder):
    """Tables of a run that nobody disturbed, by name."""
    run = snakemake("all", "--cores", "2", *CONFIG)
    assert run.returncode == 0, run.stdout
    told = run.stdout[run.stdout.index("\nTable 1: mortality") :]
    for part in (
        "Method",
        "LANISTR w/o pretraining",
        "The report: results/toy/report.html",
        "Done in",
    ):
        assert part in told, told
    return {name: read_table(folder, name) for name in ROWS}


def without_times(table):
    return table.drop(pl.selectors.contains("seconds"))


@pytest.mark.parametrize("name", ROWS)
def test_every_table_has_our_rows_beside_the_papers(undisturbed, name):
    table = undisturbed[name]
    assert table["scale"].unique().to_list() == ["smoke"]
    ours = table.filter(status="ok")
    assert set(ours["row"]) == ROWS[name]
    assert ours["mean"].is_between(0, 100).all()
    assert set(table.filter(pl.col("status") != "ok")["status"]) <= {"not built"}
    assert table["paper"].is_not_null().sum() >= table.height - 1


def test_audits_analysis_figures_and_report_are_there(undisturbed, folder):
    results = folder / "results/toy"
    pages = ["report.html", "audit/missingness.html", "audit/leakage.html"]
    for name in pages:
        assert (results / name).read_text().startswith("<!doctype html>"), name
    for name in ("audit/missingness", "analysis/shapley", "analysis/removal"):
        assert pl.read_csv(results / f"{name}.csv").height > 0, name
        assert (results / f"{name}.json").stat().st_size > 0
    assert (results / "audit/leakage.json").stat().st_size > 0
    groups = pl.read_csv(results / "tables/subgroups.csv")
    assert set(groups["subgroup"]) >= {"Sex", "Age", "Race"}
    assert groups["status"].unique().to_list() == ["withheld"], "of 38 stays"
    attack = attack_all(results / "audit", {})
    assert attack.targets
    assert not find_known(attack), "withheld, and yet known from all that may be shared"
    drawn = {path.stem for path in (results / "figures/runs").glob("*.svg")}
    assert drawn == {path.name for path in (results / "runs").iterdir()}


def test_a_second_run_has_nothing_to_do(undisturbed, snakemake):
    engine = ("--config", 'engine={"memory_mb": 1000}')  # the machine does not change the results
    run = snakemake("all", "--cores", "1", *CONFIG, *engine)
    assert "Nothing to be done" in run.stdout


def test_more_labels_than_there_are_are_refused_before_the_first_job(
    undisturbed, snakemake, folder, tmp_path
):
    registry = tmp_path / "registry.yaml"
    registry.write_text((folder / "tests/workflow/toy-experiments.yaml").read_text())
    change(registry, "mimic-lanistr", data={"labels": 5000})
    run = snakemake("table1", "--cores", "1", *CONFIG, "--config", f"registry={registry}")
    assert run.returncode != 0
    assert "data.labels: mimic-lanistr asks for 5000 labeled samples of train" in run.stdout
    assert "Looking for the labels" not in run.stdout


def test_more_threads_per_training_train_again(undisturbed, snakemake):
    engine = ("--config", 'engine={"train_threads": 2}')
    run = snakemake("tables", "-n", "--cores", "2", *CONFIG, *engine)
    rerun = set(re.findall(r"^(\w+) +\d+$", run.stdout, re.MULTILINE))
    assert {"pretrain", "finetune"} <= rerun and not {"cache", "shards"} & rerun


def test_the_plan_knows_every_file_that_steps_leave(undisturbed, snakemake, folder):
    """But for locks, logs, and what of a generated release nothing reads."""
    told = snakemake("all", "--summary", *CONFIG).stdout.splitlines()
    known = {folder / line.split("\t")[0] for line in told}
    left = [path for path in (folder / "results/toy").glob("*/**/*") if path.is_file()]
    unknown = {path for path in left if not known & {path, *path.parents}}
    kinds = {path.relative_to(folder).parts[2] for path in unknown if path.name != ".lock"}
    assert kinds == {"benchmarks", "logs", "raw"}


def test_a_training_that_fails_stops_no_other_row(undisturbed, snakemake, folder):
    options = (*CONFIG, "--config", "registry=registry.yaml")
    toy = folder / "tests/workflow/toy-experiments.yaml"
    (folder / "registry.yaml").write_text(toy.read_text())
    change(folder / "registry.yaml", "mimic-without-mim", optim={"lr": 1e30})
    change(folder / "registry.yaml", "mimic-latefusion", optim={"lr": 2e-3})
    run = snakemake("all", "--cores", "2", *options)
    assert run.returncode != 0
    told = run.stdout[run.stdout.index("\nfailed: Training mimic-without-mim") :]
    assert "why: " in told and "again: snakemake results/toy/runs/mimic-without-mim/seed0/" in told
    assert "jobs are not done" in told

    failed = read_table(folder, "table3").filter(row="w/o MIM")
    assert (failed["status"].item(), failed["mean"].item()) == ("failed", None)
    log = folder / failed["reason"].item().split("see ")[1]
    assert "error: " in log.read_text()
    lanistr = [table.filter(row="LANISTR") for table in (read_table(folder), undisturbed["table1"])]
    assert lanistr[0]["mean"].item() == lanistr[1]["mean"].item()
    other = read_table(folder).filter(row="LateFusion")
    assert (other["status"].item(), other["n_runs"].item()) == ("ok", 1)
    assert log.name in (folder / "results/toy/report.html").read_text()

    (folder / "registry.yaml").write_text(toy.read_text())
    again = snakemake("table3", "report", "--dry-run", *options).stdout
    assert "Assembling table3" in again
    assert "Writing the report" in again


def test_killed_in_training_again_and_again_it_ends_with_the_same_table(
    undisturbed, snakemake, folder
):
    run = folder / "results/toy/runs/mimic-pretrain/seed0"
    (run / "checkpoint.safetensors").unlink()
    (folder / "results/toy/runs/mimic-lanistr/seed0/checkpoint.safetensors").unlink()
    for path in folder.glob("results/toy/*/mimic-lanistr/seed0.*"):
        path.unlink()
    (folder / "results/toy/tables/table1.csv").unlink()
    log = folder / "results/toy/logs/train/mimic-pretrain_seed0.log"
    for victim in ("snakemake", "forkserver.py ask"):
        kill_once_saved(snakemake, run, victim)

    run = snakemake("table1", "--cores", "2", *CONFIG)
    assert run.returncode == 0, run.stdout
    assert "going on from" in log.read_text()
    assert without_times(read_table(folder)).equals(without_times(undisturbed["table1"]))


def test_fewer_parts_leave_none_of_before(undisturbed, snakemake, folder):
    """The last test here: the tables are then of different parts."""
    tabular = "results/toy/shards/mimic/tabular"
    assert len([*(folder / tabular).iterdir()]) == 2
    fewer = ("--config", 'mimic={"parts": 1}')
    run = snakemake(f"{tabular}/part-00000.parquet", "--cores", "1", *CONFIG, *fewer)
    assert run.returncode == 0, run.stdout
    assert [path.name for path in (folder / tabular).iterdir()] == ["part-00000.parquet"]


def kill_once_saved(snakemake, run, victim):
    """Start the workflow and kill a process of it after a training's next state."""
    saved = when_saved(run)
    process = snakemake("table1", "--cores", "2", *CONFIG, python=PYTHON, start=subprocess.Popen)
    wait_for(lambda: when_saved(run) > saved or process.poll() is not None, seconds=120)
    assert process.poll() is None, "training ended before it saved a state"
    started = [process.pid, *descendants(process.pid)]
    os.kill(next(pid for pid in started if victim in command(pid)), signal.SIGKILL)
    assert process.wait(timeout=60) != 0
    wait_for(lambda: not any(map(is_alive, started)), seconds=10)


def when_saved(run):
    """When a training saved its state; 0 without one."""
    state = run / "state/state.pt"
    return state.stat().st_mtime_ns if state.exists() else 0


def command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
