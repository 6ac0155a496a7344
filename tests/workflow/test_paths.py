"""Paths and settings as people have them: whatever is legal in one reaches the steps whole."""

import json
import re

import polars as pl
import pytest

from synthetic.release import generate
from tests.workflow.running import link_sources, run_snakemake

COMMAND = re.compile(r"shell(?::\n|\()((?:\s*\"[^\"\n]*\")+)")
PLACEHOLDER = re.compile(r"\{[^}]*\}")
WORDS = [f"µ {{b}} {number}" for number in range(40)]
# All that may stand in a name, but for a word in braces, which is Snakemake's.
ODD = 'it\'s "odd" & (1); {x $(touch pwned) `touch pwned` #,=[1]*? µ'


def commands(file):
    """The command lines of a rule file, in pieces or whole."""
    return COMMAND.findall(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rule_files(repository):
    return sorted((repository / "workflow/rules").glob("*.smk"))


def test_every_placeholder_of_a_command_line_is_quoted(rule_files):
    found = {file.name: PLACEHOLDER.findall("".join(commands(file))) for file in rule_files}
    bare = {name: [p for p in held if not p.endswith(":q}")] for name, held in found.items()}
    assert {name: held for name, held in bare.items() if held} == {}


def test_every_command_line_is_looked_at(rule_files):
    """A rule without a command or with one that is written otherwise would not be seen above."""
    for file in rule_files:
        text = file.read_text(encoding="utf-8")
        assert len(commands(file)) == len(re.findall(r"\bshell(?::|\()", text)), file.name


@pytest.fixture(scope="module")
def odd_run(repository, tmp_path_factory):
    """Some steps on raw files, a clone and a configuration below a folder with an odd name.

    Paths begin with `~` and `$HOME`, the locale is no UTF-8, the environment is not activated,
    and the file system has no locks.
    """
    home = tmp_path_factory.mktemp("home")
    odd = home / ODD
    clone = odd / "clone"
    clone.mkdir(parents=True)
    link_sources(repository, clone)
    generate(mimic=odd / "mimic", notes=odd / "notes", stays=20, images=0, seed=1)
    (odd / "test.csv").write_text("10000032,1\n")
    pl.DataFrame({"words": WORDS, "good": [0, 1] * 20}).write_parquet(odd / "rows [1].parquet")
    settings = {
        "name": "odd",
        "scale": "smoke",
        "size": "tiny",
        "generate": {"images": 0, "seed": 1, "amazon": {}},
        "mimic": {
            "root": f"~/{ODD}/mimic/",
            "notes": f"$HOME/{ODD}//notes",
            "subject_lists": {"test": f"~/{ODD}/test.csv"},
        },
        "rows": {
            "title": "Mine {b}",
            "source": f"~/{ODD}/rows [1].parquet",
            "tasks": {"good": {"kind": "binary"}},
            "columns": {"words": "text"},
        },
        "engine": {"temp_dir": f"$HOME/{ODD}/tmp"},
    }
    (odd / "own.yaml").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    (home / "sitecustomize.py").write_text(
        "import errno, fcntl\n"
        "def flock(*_): raise OSError(errno.ENOLCK, 'No locks available')\n"
        "fcntl.flock = flock\n"
    )
    environment = {
        "HOME": home,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": home,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    made = ("ledger/mimic_cohort.json", "ledger/mimic_notes.json", "interim/rows/rows.parquet")
    targets = [f"results/odd/{name}" for name in made]
    run = run_snakemake(
        *(clone, *targets, "--cores", "2", "--configfile", odd / "own.yaml"),
        environment=environment,
        errors="replace",
    )
    return run, clone


def test_steps_read_paths_that_hold_whatever_a_name_may(odd_run):
    run, clone = odd_run
    assert run.returncode == 0, run.stdout
    rows = pl.read_parquet(clone / "results/odd/interim/rows/rows.parquet", glob=False)
    assert rows["text"].to_list() == WORDS
    cohort = clone / "results/odd/shards/mimic/cohort.parquet"
    assert pl.read_parquet(cohort, glob=False).height > 0
    assert not (clone / "pwned").exists()


def test_a_file_system_without_locks_is_told_and_does_not_stop_the_run(odd_run):
    run, _ = odd_run
    told = "warning: the file system of results/odd/ has no locks (No locks available), so runs"
    assert told in run.stdout
