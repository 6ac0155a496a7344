"""Paths and settings as people have them: odd names, `~`, dots, locales, file systems."""

import errno
import fcntl
import functools
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import polars as pl

from commandline.workflow import problems
from preprocessing.datasets.amazon.fetch_record import open_record
from tests.conftest import REPOSITORY
from tests.field.case import Seen, case, run_step
from tests.workflow.odd_run import ODD, WORDS, run_oddly
from tests.workflow.running import link_sources, run_snakemake

KIND = "Paths and settings"


def read_reviews(folder: Path) -> Seen:
    """What `amazon-reviews` makes of a dump in a folder, whose files it also writes there."""
    words = {"reviewerID": "A1", "asin": "B000000001", "overall": 5.0, "unixReviewTime": 10**9}
    line = json.dumps(words | {"reviewText": "good", "verified": True})
    (folder / "All_Beauty.json").write_text(f"{line}\n", encoding="utf-8")
    files = {
        "reviews": "All_Beauty.json",
        "output": "r.parquet",
        "products": "p.parquet",
        "links": "l.parquet",
        "facts": "f.json",
        "ledger": "ledger.json",
        "temp-dir": "spilled",
    }
    options = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    seen = run_step(folder, ["amazon-reviews", *options])
    if seen.message is None:
        assert pl.read_parquet(folder / "r.parquet", glob=False).height == 1
    return seen


@case(KIND, "a folder with spaces, quotes, brackets, `$(...)` and the like", "read", "as any other")
def odd_name(folder: Path) -> Seen:
    odd = folder / ODD
    odd.mkdir()
    seen = read_reviews(odd)
    assert not (folder / "pwned").exists()
    return seen


@case(KIND, "a path of a configuration that begins with `~` or `$HOME`", "read", "as a shell does")
def home(folder: Path) -> Seen:
    rows = pl.DataFrame({"words": ["a", "b"] * 20, "good": [0, 1] * 20})
    for name in ("rows.csv", "more.csv"):
        rows.write_csv(folder / name)
    description = {
        "title": "Mine",
        "source": ["~/rows.csv", "$HOME/more.csv"],
        "tasks": {"good": {"kind": "binary"}},
        "columns": {"words": "text"},
    }
    files = {"output": "r.parquet", "contents": "c.json", "ledger": "ledger.json"}
    options = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    with patch.dict(os.environ, HOME=str(folder)):
        told = json.dumps({"rows": description})
        return run_step(folder, ["rows-read", "--description", told, *options])


@functools.cache
def odd_run() -> str:
    """What is said by a run in which everything is odd."""
    with tempfile.TemporaryDirectory() as made:
        run, clone = run_oddly(Path(made))
        assert run.returncode == 0, run.stdout
        rows = pl.read_parquet(clone / "results/odd/interim/rows/rows.parquet", glob=False)
        assert rows["text"].to_list() == WORDS
        cohort = clone / "results/odd/shards/mimic/cohort.parquet"
        assert pl.read_parquet(cohort, glob=False).height > 0
        assert not (clone / "pwned").exists()
    return str(run.stdout)


@case(
    KIND,
    "such characters in the name of the clone, of the configuration and of every path in it",
    "read",
    "as any other",
)
def odd_clone(folder: Path) -> Seen:
    assert odd_run()
    return Seen()


@case(KIND, "a locale that is not UTF-8", "read", "files, names and messages are UTF-8")
def other_locale(folder: Path) -> Seen:
    assert "µ" in odd_run()
    return Seen()


@case(
    KIND,
    "`.venv/bin/snakemake` without an activated environment",
    "read",
    "jobs run the Python that runs Snakemake",
)
def not_activated(folder: Path) -> Seen:
    assert "\nDone in " in odd_run()
    return Seen()


@case(
    KIND,
    "results on a file system without locks (NFS, Lustre)",
    "noticed",
    "warning: the file system of results/odd/ has no locks (No locks available), so runs are not "
    "kept apart: start one at a time.",
)
def run_without_locks(folder: Path) -> Seen:
    lines = odd_run().splitlines()
    return Seen(next(line for line in lines if line.startswith("warning: ")))


@functools.cache
def refused_plan() -> Sequence[str]:
    """The lines of one plan whose configuration has all that is refused at the door."""
    settings = {
        "name": "../../x",
        "mimic": {"root": "/data/{site}"},
        "amazon": {"categories": {"finetune": ["../x"]}},
        "engine": {"memory_mb": "lots", "temp_dir": ""},
    }
    with tempfile.TemporaryDirectory() as made:
        folder = link_sources(REPOSITORY, Path(made))
        words = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        run = run_snakemake(folder, "shards", "-n", "--config", *words, 'leakage={"acknowledge": [')
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stdout
    return [line.strip() for line in run.stdout.splitlines()]


def refused(key: str) -> Seen:
    """The line of the refused plan about a key."""
    return Seen(next(line for line in refused_plan() if line.startswith(f"{key}: ")))


@case(
    KIND,
    "a word in braces in a path of the configuration",
    "refused",
    "mimic.root: /data/{site} has a word in braces, which Snakemake takes for a wildcard. ...",
)
def braces(folder: Path) -> Seen:
    return refused("mimic.root")


@case(
    KIND,
    "a name of a configuration that leads elsewhere, `../../x`",
    "refused",
    "name: '../../x' does not match ... Allowed: Small letters, digits and hyphens, ...",
)
def other_folder(folder: Path) -> Seen:
    return refused("name")


@case(
    KIND,
    "a category of reviews that leads elsewhere, `../x`",
    "refused",
    "amazon.categories.finetune.0: '../x' does not match ... Allowed: Letters, digits ...",
)
def other_category(folder: Path) -> Seen:
    return refused("amazon.categories.finetune.0")


@case(
    KIND,
    "a setting on the command line that is no JSON",
    "refused",
    "leakage: '{\"acknowledge\": [' is not of type 'object'.",
)
def broken_setting(folder: Path) -> Seen:
    return refused("leakage")


def misread(*arguments: str) -> Seen:
    """What is said of a command line before Snakemake reads it."""
    return Seen(next(problems(arguments), None))


@case(
    KIND,
    "a setting with a dot, `--config mimic.root=/data`",
    "refused",
    '--config mimic.root=/data: keys have no dots; write --config \'mimic={"root": "/data"}\'',
)
def dotted(folder: Path) -> Seen:
    return misread("shards", "--config", "mimic.root=/data", "--cores", "2")


@case(
    KIND,
    "a target behind `--config` or `--configfile`",
    "refused",
    "shards: Snakemake takes every word behind --config and --configfile for theirs. ...",
)
def target_behind_settings(folder: Path) -> Seen:
    seen = misread("--cores", "2", "--configfile", "config/config.yaml", "shards")
    assert seen == misread("--config", "name=a", "shards", "-n")
    return seen


@case(KIND, "a configuration that is not there", "refused", "--configfile mine.yaml: there is ...")
def no_configuration(folder: Path) -> Seen:
    return misread("shards", "--configfile", "mine.yaml", "-n")


@case(
    KIND,
    "`engine.temp_dir` that cannot be made or written",
    "refused",
    "The folder of temporary files, ...spilled, cannot be written: ...engine.temp_dir...",
)
def no_temp_dir(folder: Path) -> Seen:
    (folder / "spilled").touch()
    return read_reviews(folder)


@case(
    KIND,
    "the record of a fetch on a file system without locks",
    "noticed",
    "... its file system has no locks (No locks available); let no other process fetch with it",
)
def no_locks(folder: Path) -> Seen:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("preprocessing.datasets.amazon.fetch_record")
    logger.addHandler(handler)
    refusal = OSError(errno.ENOLCK, "No locks available")
    try:
        with (
            patch.object(fcntl, "flock", side_effect=refusal),
            open_record(folder / "fetch.jsonl", 64) as record,
        ):
            assert record is not None
    finally:
        logger.removeHandler(handler)
    return Seen("\n".join(told))
