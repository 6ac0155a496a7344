"""The workflow's jobs on a cluster: cancelled, out of memory, over nodes; `make test-slurm`."""

import json
import os
import re
import shutil
import subprocess
from functools import partial
from importlib.util import find_spec

import pytest

from tests.workflow.devices import CONFIG, TARGETS, link_stub, stub_gpus
from tests.workflow.running import link_sources, run_snakemake
from tests.workflow.test_run import read_table, wait_for, without_times

pytestmark = pytest.mark.skipif(
    not find_spec("snakemake_executor_plugin_slurm"), reason="no plugin for Slurm: make slurm"
)
PROFILE = (
    *("--workflow-profile", "workflow/profiles/slurm"),
    *("--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "3"),
)
PRETRAINED = "results/toy/runs/mimic-pretrain/seed0"


def engine(**settings):
    """Of nodes with two cores."""
    told = {"threads": 2, "memory_mb": 500, "train_memory_mb": 2000, **settings}
    return ("--config", f"engine={json.dumps(told)}")


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory):
    return link_sources(repository, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def undisturbed(folder):
    """Table 1, made on this machine without a cluster."""
    run = run_snakemake(folder, "table1", "--cores", "2", *CONFIG)
    assert run.returncode == 0, run.stdout
    return read_table(folder)


@pytest.fixture(scope="module")
def snakemake(folder, cluster):
    """Run the workflow on the cluster, where no environment is activated."""
    path = cluster.environment["PATH"]
    return partial(run_snakemake, folder, environment={**cluster.environment, "PATH": path})


def forget(folder, *experiments):
    """Have some experiments run again, and the table."""
    (folder / "results/toy/tables/table1.csv").unlink(missing_ok=True)
    for name in experiments:
        for path in folder.glob(f"results/toy/*/{name}"):
            shutil.rmtree(path)


def test_a_cancelled_training_goes_on_and_ends_with_the_same_table(
    undisturbed, snakemake, folder, cluster
):
    forget(folder, "mimic-pretrain", "mimic-lanistr")
    process = snakemake("table1", *PROFILE, *CONFIG, *engine(), start=subprocess.Popen)
    state = folder / PRETRAINED / "state/state.pt"
    wait_for(lambda: state.exists() or process.poll() is not None, seconds=300)
    assert state.exists(), process.communicate()[0]
    cluster.run("scancel", "--state=RUNNING", "--user=root")
    told, _ = process.communicate(timeout=1800)
    assert process.returncode == 0, told
    log = (folder / "results/toy/logs/train/mimic-pretrain_seed0.log").read_text()
    assert "going on from" in log
    assert without_times(read_table(folder)).equals(without_times(undisturbed))


def test_a_job_that_ran_out_of_memory_gets_more(undisturbed, snakemake, folder):
    forget(folder, "mimic-latefusion")
    run = snakemake("table1", *PROFILE, *CONFIG, *engine(train_memory_mb=800))
    assert run.returncode == 0, run.stdout
    assert "Trying to restart job" in run.stdout
    assert without_times(read_table(folder)).equals(without_times(undisturbed))


def test_a_training_over_two_nodes_is_one_run(undisturbed, snakemake, folder):
    forget(folder, "mimic-latefusion")
    run = snakemake("table1", *PROFILE, *CONFIG, *engine(nodes=2))
    assert run.returncode == 0, run.stdout
    story = json.loads(
        (folder / "results/toy/runs/mimic-latefusion/seed0/experiment.json").read_text()
    )
    assert story["machine"]["processes"] == 2
    mean = [t.filter(row="LateFusion")["mean"].item() for t in (read_table(folder), undisturbed)]
    assert mean[0] == pytest.approx(mean[1], abs=2)


def test_radiographs_are_an_array_with_a_job_for_each_part(undisturbed, snakemake, folder):
    made = folder / "results/toy/shards/mimic/images"
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    shutil.rmtree(made)
    facts = folder / "results/toy/interim/mimic/images"  # a folder, and images.json
    shutil.rmtree(facts)
    facts.with_suffix(".json").unlink()
    run = snakemake("results/toy/interim/mimic/images.json", *PROFILE, *CONFIG, *engine())
    assert run.returncode == 0, run.stdout
    assert "Submitted array job" in run.stdout
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_a_training_gets_the_gpus_that_slurm_gave_its_job(repository, cluster, tmp_path):
    """All on one node; the machine that sends jobs has none."""
    link_stub(repository, tmp_path)
    stub_gpus(tmp_path / "gpus", 2)
    script = tmp_path / "gpus/nvidia-smi"
    script.write_text(script.read_text().replace("\n", '\n[ "$SLURM_JOB_ID" ] || exit 1\n', 1))
    path = os.pathsep.join([str(tmp_path / "gpus"), cluster.environment["PATH"]])
    run = run_snakemake(
        *(tmp_path, *TARGETS[:1]),
        *(*PROFILE, *CONFIG, *engine(gpus=2)),
        environment={**cluster.environment, "PATH": path},
    )
    assert run.returncode == 0, run.stdout
    (number,) = re.findall(r"SLURM jobid (\d+)", run.stdout)
    job = cluster.run("scontrol", "show", "--oneliner", "job", number)
    assert "NumNodes=1 " in job and "TresPerJob=gres:gpu:2 " in job
    noted = [line.split()[2:] for line in (tmp_path / "noted.txt").read_text().splitlines()]
    assert noted == 2 * [["GPU-gpus-0,GPU-gpus-1", "cuda"]]  # two processes


def test_a_cluster_is_not_asked_for_all_gpus_of_this_machine(snakemake):
    run = snakemake("table1", *PROFILE, *CONFIG, *engine(gpus="auto"))
    assert run.returncode != 0
    assert "engine.gpus: auto takes the GPUs of this machine, and jobs run on others" in run.stdout
