"""A small run of the workflow, from raw tables to a table of the paper, and what it leaves."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from polars import selectors as cs

from tests.conftest import REPOSITORY
from tests.workflow.running import link_sources, run_snakemake

NAME = "small"
TARGETS = ("table1", f"results/{NAME}/audit/missingness.json")
TOY = REPOSITORY / "tests/workflow"

# What may differ between two runs of one configuration, and why.
MAY_DIFFER = {
    "logs": "times, durations, process ids, the number of threads",
    "benchmarks": "seconds and megabytes of each job",
    "*.lock": "who holds a folder",
    "tables/*.md": "a column of seconds; the csv beside it is compared",
    "tables/*.tex": "a column of seconds; the csv beside it is compared",
}
# What was measured: keys of JSON and columns of csv, in files that are compared without them.
MEASURED = re.compile("seconds|samples_per_second|memory_mb")


def prepare(folder: Path) -> Path:
    """A folder of one's own with the sources and the configuration of the run."""
    folder.mkdir(parents=True)
    link_sources(REPOSITORY, folder)
    recipe, registry, config = (
        yaml.safe_load((TOY / name).read_text(encoding="utf-8"))
        for name in ("toy-recipe.yaml", "toy-experiments.yaml", "toy.yaml")
    )
    del recipe["experiments"]
    kept = ("mimic-pretrain", "mimic-lanistr-scratch", "mimic-lanistr")
    config |= {
        "name": NAME,
        "generate": {"stays": 400, "images": 300, "seed": 1, "amazon": {}},
        "recipes": {"mimic": "recipe.yaml"},
        "registry": "registry.yaml",
    }
    for key in ("amazon", "analysis"):
        del config[key]
    files = {
        "recipe": recipe,
        "registry": {name: registry[name] for name in kept},
        "config": config,
    }
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def run(folder: Path, *options: str, cores: int = 2, **more: Any) -> subprocess.CompletedProcess:
    """Make the table and the audit."""
    words = (*TARGETS, "--cores", str(cores), "--configfile", "config.yaml", *options)
    return run_snakemake(folder, *words, **more)


def stop(process: subprocess.Popen, how: signal.Signals) -> None:
    """End a run and everything that it started, as a power cut does, or ask it to end."""
    if how is signal.SIGKILL:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    process.communicate()


def left(folder: Path) -> dict[str, Any]:
    """Contents of every file below the results but for what may differ, by name."""
    results = folder / "results" / NAME
    names = (path.relative_to(results) for path in sorted(results.rglob("*")) if path.is_file())
    return {
        str(name): _content(results / name)
        for name in names
        if not any(name.parts[0] == each or name.match(each) for each in MAY_DIFFER)
    }


def _content(path: Path) -> Any:
    """The bytes of a file or, where something was measured, what else it says."""
    raw = path.read_bytes()
    if path.suffix in (".json", ".jsonl") and MEASURED.search(raw.decode()):
        lines = raw.splitlines() if path.suffix == ".jsonl" else [raw]
        return [json.loads(line, object_hook=_without_measured) for line in lines]
    if path.suffix == ".csv":
        return pl.read_csv(path, glob=False).drop(cs.matches(MEASURED.pattern)).to_dicts()
    return raw


def _without_measured(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if not MEASURED.search(key)}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of files that only one run left, or that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
