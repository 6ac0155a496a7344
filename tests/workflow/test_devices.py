"""GPUs and memory: asked for and found before the first job, and never shared by two."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.workflow.devices import CONFIG, TARGETS, link_stub, stub_gpus
from tests.workflow.running import run_snakemake


@pytest.fixture
def snakemake(repository, tmp_path):
    """Run trainings that note on which GPUs they ran, on a machine with so many of them."""
    link_stub(repository, tmp_path)

    def run(there, *settings, **engine):
        path = stub_gpus(tmp_path / tmp_path.name, there)
        return run_snakemake(
            *(tmp_path, *TARGETS, "--cores", "4"),
            *(*CONFIG, "--config", f"engine={json.dumps(engine)}", *settings),
            environment={"PATH": path},
        )

    return run


def noted(folder):
    lines = (folder / "noted.txt").read_text().splitlines()
    first, second = sorted(line.split() for line in lines)
    return first, second, float(second[0]) < float(first[1])


def test_on_one_gpu_one_training_runs_after_the_other(snakemake, tmp_path):
    run = snakemake(1, gpus="auto")
    assert run.returncode == 0, run.stdout
    first, second, overlap = noted(tmp_path)
    assert first[2:] == second[2:] == [f"GPU-{tmp_path.name}-0", "cuda"]
    assert not overlap


def test_on_two_gpus_two_trainings_have_one_each(snakemake, tmp_path):
    run = snakemake(2, gpus=1)
    assert run.returncode == 0, run.stdout
    first, second, overlap = noted(tmp_path)
    assert overlap
    assert {first[2], second[2]} == {f"GPU-{tmp_path.name}-{number}" for number in (0, 1)}


def test_a_gpu_that_another_process_has_is_waited_for(tmp_path):
    """However that process ends."""
    command = [sys.executable, "-m", "commandline.devices", "--gpus", "1", "--"]
    told = {"cwd": REPOSITORY, "env": os.environ | {"PATH": stub_gpus(tmp_path / tmp_path.name, 1)}}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "sh", "-c", "echo; exec sleep 60"], **pipes, **told) as first:
        first.stdout.readline()  # it has the GPU
        shown = ["printenv", "CUDA_VISIBLE_DEVICES"]
        with subprocess.Popen([*command, *shown], **pipes, **told) as second:
            assert second.stderr.readline().startswith("waiting for 1 of 1 GPUs")
            first.kill()
            assert second.communicate()[0].strip() == f"GPU-{tmp_path.name}-0"


def test_without_a_gpu_it_stops_at_the_door_with_one_message(snakemake, tmp_path):
    run = snakemake(0, gpus=2)
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    assert run.stdout.count("error:") == 1
    assert "engine.gpus asks for 2 GPUs for each training, and nvidia-smi finds 0" in run.stdout
    assert not (tmp_path / "noted.txt").exists()


def test_models_that_want_a_gpu_are_not_trained_on_cpus_unasked(snakemake, tmp_path):
    large = {"layers": 12, "heads": 12, "hidden": 768, "intermediate": 3072}
    encoders = {"text": {**large, "max_tokens": 512}, "image": {**large, "patch_px": 16}}
    recipe = yaml.safe_load((tmp_path / "tests/workflow/toy-recipe.yaml").read_text())
    recipe["shared"] = {"encoders": encoders, "fusion": large}
    (tmp_path / "large.yaml").write_text(yaml.safe_dump(recipe))
    settings = 'recipes={"mimic": "large.yaml"}'
    run = snakemake(0, settings)
    assert run.returncode != 0
    assert "2 models want a GPU, mimic-pretrain" in run.stdout
    assert "confirm with engine.train_on_cpu: true" in run.stdout
    confirmed = snakemake(0, settings, train_on_cpu=True)
    assert confirmed.returncode == 0, confirmed.stdout
    assert {line.split()[3] for line in (tmp_path / "noted.txt").read_text().splitlines()} == {
        "cpu"
    }


def test_what_does_not_fit_the_machine_is_told_before_the_first_job(snakemake, tmp_path):
    """Two processes cannot share a batch of 33, nor a machine give DuckDB a petabyte."""
    recipe = yaml.safe_load((tmp_path / "tests/workflow/toy-recipe.yaml").read_text())
    recipe["pretrain"]["optim"]["batch_size"] = 33
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump(recipe))
    run = snakemake(2, 'recipes={"mimic": "odd.yaml"}', gpus=2, memory_mb=10**9)
    assert run.returncode != 0
    assert run.stdout.count("error:") == 1
    assert "engine.memory_mb gives a step 1,000,000,000 MB" in run.stdout
    assert "optim.batch_size is 33, which 2 processes with optim.accumulate 1 cannot" in run.stdout
    assert not (tmp_path / "noted.txt").exists()
