"""The whole road on a toy configuration: raw dumps to Table 1, killed, resumed and repeated."""

import os
import signal
import subprocess
import time
from pathlib import Path

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
    run = snakemake("all", "--cores", "2", *CONFIG)
    assert run.returncode == 0, run.stdout
    return pl.read_csv(folder / TABLE)


def without_times(table):
    return table.drop(pl.selectors.contains("seconds"))


def test_table_1_has_our_rows_and_the_papers(undisturbed):
    assert undisturbed["scale"].unique().to_list() == ["smoke"]
    ours = undisturbed.filter(pl.col("n_runs") > 0)
    assert set(ours["row"]) == {"LateFusion", "LANISTR w/o pretraining", "LANISTR"}
    assert undisturbed.filter(row="LANISTR")["paper"].item() == 87.37


def test_table_2_has_each_method_on_each_category(undisturbed, folder):
    table = pl.read_csv(folder / "results/toy/tables/table2.csv").filter(pl.col("n_runs") > 0)
    assert table.height == 8
    assert table["n_test"].unique().to_list() == [64]
    assert table["mean"].is_between(0, 100).all()


def test_a_second_run_has_nothing_to_do(undisturbed, snakemake):
    engine = ("--config", 'engine={"memory_mb": 512}')  # the machine does not change the results
    run = snakemake("all", "--cores", "1", *CONFIG, *engine)
    assert "Nothing to be done" in run.stdout


@pytest.mark.parametrize("victim", ["snakemake", "lanistr"])
def test_killed_in_training_it_ends_with_the_same_table(victim, undisturbed, snakemake, folder):
    runs = folder / "results/toy/runs"
    for run in (runs / "mimic-pretrain", runs / "mimic-lanistr"):
        (run / "seed0/checkpoint.safetensors").unlink()
    for path in folder.glob("results/toy/*/mimic-lanistr/seed0.*"):
        path.unlink()
    (folder / TABLE).unlink()
    process = snakemake("all", "--cores", "2", *CONFIG, start=subprocess.Popen)
    wait_for((runs / "mimic-pretrain/seed0/state/state.pt").exists, seconds=120)
    started = [process.pid, *descendants(process.pid)]
    os.kill(next(pid for pid in started if victim in command(pid)), signal.SIGKILL)
    assert process.wait(timeout=60) != 0
    wait_for(lambda: not any(map(is_alive, started)), seconds=10)

    run = snakemake("all", "--cores", "2", *CONFIG)
    assert run.returncode == 0, run.stdout
    log = (folder / "results/toy/logs/train/mimic-pretrain_seed0.log").read_text()
    assert "going on from" in log
    assert without_times(pl.read_csv(folder / TABLE)).equals(without_times(undisturbed))


def command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[2]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
