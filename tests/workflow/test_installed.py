"""A wheel in a folder that cannot be written, used from another one, both of a name that is odd."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.preprocessing.own_rows import rows_section, write_own
from tests.workflow.odd_run import ODD
from tests.workflow.running import PACKAGES, run_snakemake

SOURCES = (*PACKAGES, "config", "workflow")
FILES = ("LICENSE", "README.md", "pyproject.toml", "setup.py")
MODULE = """
configfile: "own.yaml"
module lanistr:
    snakefile: {snakefile!r}
    config: config
use rule * from lanistr as lanistr_*
rule mine:
    default_target: True
    input: "results/own/shards/rows/manifest.json"
    output: "mine"
    shell: "echo one > {{output}}; echo two >> {{output}}"
"""


def pip(*words):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True)


@pytest.fixture(scope="module")
def installed(repository, tmp_path_factory):
    """The folder of the installed packages."""
    made = tmp_path_factory.mktemp("made")
    for name in SOURCES:
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, made / "source" / name, ignore=kept)
    for name in FILES:
        shutil.copy(repository / name, made / "source")
    wheel = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, made / "source")
    pip(*wheel)
    pip("install", "--no-deps", "--target", made / ODD, next(made.glob("*.whl")))
    subprocess.run(["chmod", "-R", "a-w", made / ODD], check=True)
    return made / ODD


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with rows and their description, and modules that hide those of Python."""
    made = tmp_path_factory.mktemp("elsewhere") / ODD
    (made / "data").mkdir(parents=True)
    write_own(made / "data")
    section = rows_section() | {"root": "data"}
    own = {"name": "own", "scale": "own", "size": "tiny", "rows": section}
    (made / "own.yaml").write_text(yaml.safe_dump(own))
    (made / "random.py").write_text("raise SystemExit('imported from the working folder')")
    return made


def run_lanistr(installed, folder, *arguments):
    """Run `lanistr ARGUMENTS` as it is installed; the text is stdout and stderr together."""
    return subprocess.run(
        [installed / "bin/lanistr", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_workflow_runs_from_another_folder_and_writes_into_it_alone(
    repository, installed, folder, tmp_path
):
    before = {path: path.lstat().st_mtime_ns for path in installed.rglob("*")}
    options = ("--configfile", folder / "own.yaml", "--directory", folder, "-c2")
    run = run_lanistr(installed, tmp_path, "run", "shards", *options)
    assert run.returncode == 0, run.stdout
    assert (folder / "results/own/shards/rows/manifest.json").is_file()
    assert {path: path.lstat().st_mtime_ns for path in installed.rglob("*")} == before
    assert not any(tmp_path.iterdir())
    assert not (folder / "pwned").exists()

    # The code of the clone is the same, wherever it lies: nothing runs again.
    plan = ("shards", "-n", "--configfile", "own.yaml", "-s", repository / "workflow/Snakefile")
    environment = {"PYTHONPATH": str(repository), "PYTHONSAFEPATH": "1"}
    again = run_snakemake(folder, *plan, environment=environment)
    assert "Nothing to be done" in again.stdout, again.stdout


def test_it_is_a_module_of_another_workflow(installed, folder):
    (folder / "Snakefile").write_text(
        MODULE.format(snakefile=str(installed / "lanistr/workflow/Snakefile"))
    )
    environment = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    run = run_snakemake(folder, "-c1", environment=environment)
    assert run.returncode == 0, run.stdout
    assert (folder / "mine").read_text() == "one\ntwo\n"  # as no `exec` stands before its commands
    assert (folder / "results/own/shards/rows/manifest.json").is_file()
    whole = run_snakemake(folder, "lanistr_own", "-n", environment=environment)
    assert whole.returncode == 0, whole.stdout


def test_it_says_its_version(installed, folder):
    assert run_lanistr(installed, folder, "--version").stdout.startswith("lanistr ")
