"""The whole road on a toy configuration: raw dumps to Table 1, killed, resumed and repeated."""

import os
import signal
import subprocess
import time

import polars as pl
import pytest

CONFIG = ("--configfile", "tests/workflow/toy.yaml")
TABLE = "results/toy/tables/table1.csv"


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
    """Table 1 of a run that nobody disturbed; its folder is then set aside."""
    run = snakemake("--cores", "2", *CONFIG, "all")
    assert run.returncode == 0, run.stdout
    return pl.read_csv(folder / TABLE)


def without_times(table):
    return table.drop(pl.selectors.contains("seconds"))


def test_table_1_has_our_rows_and_the_papers(undisturbed):
    assert undisturbed["scale"].unique().to_list() == ["smoke"]
    ours = undisturbed.filter(pl.col("n_runs") > 0)
    assert set(ours["row"]) == {"LateFusion", "LANISTR w/o pretraining", "LANISTR"}
    assert undisturbed.filter(row="LANISTR")["paper_mean"].item() == 87.37


def test_a_second_run_has_nothing_to_do(undisturbed, snakemake):
    engine = ("--config", 'engine={"memory_mb": 512}')  # the machine does not change the results
    run = snakemake("--cores", "1", *CONFIG, *engine, "all")
    assert "Nothing to be done" in run.stdout


def test_killed_workflow_and_training_end_with_the_same_table(undisturbed, snakemake, folder):
    runs = folder / "results/toy/runs"
    for experiment in ("mimic-pretrain", "mimic-lanistr"):
        for path in (runs / experiment / "seed0").iterdir():
            path.unlink()
    # Killed in training: the workflow itself, then, once more, only the job.
    for victim in ("workflow", "job"):
        process = snakemake("--cores", "2", *CONFIG, "all", start=subprocess.Popen)
        state = runs / "mimic-pretrain/seed0/state"
        wait_for(lambda: state.is_dir() or process.poll() is not None, seconds=90)  # noqa: B023
        jobs = descendants(process.pid)
        os.kill(process.pid if victim == "workflow" else max(jobs), signal.SIGKILL)
        assert process.wait(timeout=60) != 0
        wait_for(lambda: not any(map(alive, jobs)), seconds=10)  # noqa: B023
    run = snakemake("--cores", "2", *CONFIG, "all")
    assert run.returncode == 0, run.stdout
    assert without_times(pl.read_csv(folder / TABLE)).equals(without_times(undisturbed))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
