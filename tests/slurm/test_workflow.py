"""The workflow's jobs on a cluster: cut off, over nodes, on GPUs, as arrays; `make test-slurm`."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import pytest

from tests.slurm.cluster import NODES, free_ports
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
TRAIN = (
    *("-m", "lanistr", "train", "--registry", "tests/workflow/toy-experiments.yaml"),
    *("--recipe", "tests/workflow/toy-recipe.yaml", "--cache", "results/toy/cache/mimic/arrays"),
    *("--experiment", "mimic-latefusion", "--seed", "0", "--device", "cpu", "--threads", "1"),
)
GROWS = '''"""Of every process: a pretraining takes 1.5 GB more once it has a state."""
import sys
import time
from pathlib import Path
from threading import Thread


def grow(state):
    while not state.exists():
        time.sleep(0.01)
    taken.append(b"x" * 1_500_000_000)


taken = []
if "mimic-pretrain" in sys.orig_argv:
    folder = Path(sys.orig_argv[sys.orig_argv.index("--output-dir") + 1])
    Thread(target=grow, args=[folder / "state/state.pt"], daemon=True).start()
'''


def engine(**settings):
    """Of nodes with two cores."""
    told = {"threads": 2, "memory_mb": 800, "train_memory_mb": 2000, **settings}
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


def running_once_saved(cluster, process, state, after="0"):
    """The number of a job that runs after another one, once its training has a state of its own."""

    def running():
        jobs = cluster.run("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()
        return [job for job in jobs if int(job) > int(after)]

    wait_for(lambda: running() or process.poll() is not None, seconds=600)
    jobs, before = running(), modified(state)
    wait_for(lambda: modified(state) != before or process.poll() is not None, seconds=600)
    assert process.poll() is None, process.communicate()[0]
    return jobs[0]


def modified(path):
    """When a file was written, if it is there."""
    return path.stat().st_mtime_ns if path.exists() else None


def test_a_training_that_is_cut_off_in_every_way_ends_with_the_same_table(
    undisturbed, snakemake, folder, cluster, tmp_path
):
    """Out of memory, then out of time, then cancelled; each time it goes on from its state."""
    before = (folder / PRETRAINED / "checkpoint.safetensors").read_bytes()
    forget(folder, "mimic-pretrain", "mimic-lanistr")
    (tmp_path / "sitecustomize.py").write_text(GROWS)
    process = snakemake(
        *("table1", *PROFILE, *CONFIG, *engine(train_memory_mb=1900), "--retries", "3"),
        start=subprocess.Popen,
        environment={**cluster.environment, "PYTHONPATH": str(tmp_path)},
    )
    state = folder / PRETRAINED / "state/state.pt"
    first = running_once_saved(cluster, process, state)
    second = running_once_saved(cluster, process, state, after=first)
    cluster.run("scontrol", "update", f"JobId={second}", "TimeLimit=1")
    cluster.run("scancel", "--signal=STOP", second)  # it lasts a minute on any machine
    third = running_once_saved(cluster, process, state, after=second)
    cluster.run("scancel", third)
    told, _ = process.communicate(timeout=1800)
    assert process.returncode == 0, told
    ends = re.findall(r"SLURM-job '(\d+)' failed, SLURM status is: '(\w+)'", told)
    # Control groups, where memory is kept by them, would say OUT_OF_MEMORY.
    assert ends == [(first, "FAILED"), (second, "TIMEOUT"), (third, "CANCELLED")], told
    assert f"StepId={first}.0 exceeded memory limit" in told
    log = (folder / "results/toy/logs/train/mimic-pretrain_seed0.log").read_text()
    assert "going on from" in log
    assert (folder / PRETRAINED / "checkpoint.safetensors").read_bytes() == before
    assert without_times(read_table(folder)).equals(without_times(undisturbed))


def test_two_nodes_give_the_weights_of_two_processes_on_one(
    undisturbed, snakemake, folder, cluster
):
    forget(folder, "mimic-latefusion")
    run = snakemake("table1", *PROFILE, *CONFIG, *engine(nodes=2))
    assert run.returncode == 0, run.stdout
    made = folder / "results/toy/runs/mimic-latefusion/seed0"
    assert json.loads((made / "experiment.json").read_text())["machine"]["processes"] == 2
    (port,) = free_ports(1)
    meet = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{NODES[0]}:{port}")
    torchrun = (sys.executable, "-m", "torch.distributed.run")
    nodes = ("srun", "--nodes=2", "--ntasks-per-node=1", "--mem=2000")
    starts = {
        "one": (*torchrun, "--standalone", "--nproc-per-node", "2"),
        "two": (*nodes, *torchrun, "--nnodes", "2", "--nproc-per-node", "1", *meet),
    }
    for name, start in starts.items():
        told = cluster.run("env", "--chdir", str(folder), *start, *TRAIN, "--output-dir", name)
        assert (folder / name / "checkpoint.safetensors").is_file(), told
    runs = (made, folder / "one", folder / "two")
    assert len({(path / "checkpoint.safetensors").read_bytes() for path in runs}) == 1


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
