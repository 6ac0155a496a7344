"""Inputs that were built after bug reports of people, each against the behaviour that is right.

They lie in ../shared/cases, which is not part of the repository; each has a README with its
source and the behaviour. Inputs of the project's own stand for each kind in tests/field.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lanistr.inference.encode import fitted
from preprocessing.datasets.amazon.fetch_image import shrink
from tests.conftest import REPOSITORY
from tests.field.case import Seen, run_step
from tests.workflow.running import link_sources, run_snakemake

CASES = REPOSITORY.parent / "shared" / "cases"
COHORT = "results/bugs/ledger/mimic_cohort.json"
Given = Callable[[str], Path]


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """A copy of a case's input, which may be written to."""

    def copied(number: str) -> Path:
        folder = next(iter(CASES.glob(f"{number}-*")), None)
        if folder is None:
            pytest.skip("../shared/cases is not here")
        return Path(shutil.copytree(folder / "input", tmp_path / "input"))

    return copied


def step(folder: Path, name: str, **paths: str) -> Seen:
    """Run a step; outputs and ledger lie in the folder."""
    words = [word for key, path in paths.items() for word in (f"--{key}", folder / path)]
    return run_step(folder, [name, *words, "--ledger", folder / f"{name}.json"])


def cohort(folder: Path) -> Seen:
    """What `mimic-cohort` makes of it."""
    split = ("--valid-share", "0.2", "--test-share", "0.2")
    words = ["--root", folder / "mimic", "--output", folder / "cohort.parquet"]
    ledger = ["--ledger", folder / "cohort.json"]
    return run_step(folder, ["mimic-cohort", *words, *ledger, *split])


def series(folder: Path) -> Seen:
    """What `mimic-timeseries` makes of it."""
    assert cohort(folder).message is None
    paths = {"root": "mimic", "cohort": "cohort.parquet", "facts": "facts.json"}
    return step(folder, "mimic-timeseries", output="series.parquet", **paths)


def reviews(folder: Path, dump: str, metadata: str | None = None) -> Seen:
    """What `amazon-reviews` makes of it."""
    paths = {"products": "p.parquet", "links": "l.parquet", "facts": "f.json"}
    paths |= {"metadata": metadata} if metadata else {}
    return step(folder, "amazon-reviews", reviews=dump, output="r.parquet", **paths)


def workflow(folder: Path, given: Path, data: Path, *options: str, **environment: str):
    """Make the cohort with Snakemake, in a clone of the sources."""
    clone = folder / "clone"
    if not clone.exists():
        clone.mkdir()
        link_sources(REPOSITORY, clone)
    roots = {"root": "mimic", "notes": "notes", "cxr": "cxr"}
    told = {"mimic": json.dumps({key: str(data / name) for key, name in roots.items()})}
    config = ("--configfile", str(given / "cfg.yaml"), "--config", f"mimic={told['mimic']}")
    return run_snakemake(clone, COHORT, "--cores", "1", *options, *config, environment=environment)


def test_01_new_pictures_are_upright_and_on_white(given):
    for path in given("01").glob("*.*"):
        if path.suffix in (".jpg", ".png", ".gif"):
            fetched = fitted(shrink(path.read_bytes(), 32), 32, 3).astype(int)
            # The fetched one was compressed before.
            assert np.abs(fetched - fitted(str(path), 32, 3)).mean() < 3, path.name


def test_02_radiographs_of_more_than_8_bits_are_scaled(given):
    folder = given("02")
    eight, *others = (
        fitted(str(folder / name), 64, 1).astype(float)
        for name in ("eight.png", "sixteen.png", "sixteen12.png", "float.tif")
    )
    for other in others:
        assert abs(other.mean() - eight.mean()) < 8 and len(np.unique(other)) > 100


def test_03_pictures_that_a_broken_network_cost_are_asked_for_again(given):
    folder = given("03")
    assert reviews(folder, "All_Beauty.json.gz").message is None
    words = ["amazon-fetch", "--links", "l.parquet", "--images", "images", "--record", "record"]
    words += ["--ledger", "fetch.json", "--tries", "1", "--timeout", "1"]
    offline = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "preprocessing"]
    if subprocess.run([*offline[:3], "true"], capture_output=True).returncode:
        pytest.skip("a machine without network needs `unshare` and a system that permits it")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [*offline, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and "are still to be had, as hosts did not answer" in done.stderr
    assert not (folder / "fetch.json").exists()


@pytest.mark.usefixtures("all_faults")
def test_04_another_release_behind_the_same_path_is_noticed(given, tmp_path):
    folder = given("04")
    current = tmp_path / "current"
    for release in ("rel22", "rel31"):
        current.unlink(missing_ok=True)
        current.symlink_to(folder / release)
        done = workflow(tmp_path, folder, current)
        assert done.returncode == 0 and "Nothing to be done" not in done.stdout, done.stdout


@pytest.mark.usefixtures("all_faults")
def test_06_a_space_in_a_path_is_nothing_special(given, tmp_path):
    folder = given("06")
    done = workflow(tmp_path, folder, folder / "my data")
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("all_faults")
def test_07_a_file_system_without_locks_is_warned_of(given, tmp_path):
    folder = given("07")
    compiled = ["gcc", "-shared", "-fPIC", "-o", "noflock.so", "noflock.c"]
    subprocess.run(compiled, cwd=folder, check=True)
    done = workflow(tmp_path, folder, folder / "data", LD_PRELOAD=str(folder / "noflock.so"))
    assert done.returncode == 0 and "has no locks" in done.stdout, done.stdout


def test_08_a_damaged_dump_is_no_whole_gzip_file(given):
    assert "is not a whole gzip file" in str(reviews(given("08"), "All_Beauty.json.gz").message)


def test_10_an_item_that_means_something_else_is_not_used(given):
    seen = series(given("10"))
    assert seen.message or any("its label is not the expected one" in why for why in seen.dropped)


def test_11_lost_radiographs_are_told_with_the_place(given):
    folder = given("11")
    assert cohort(folder).message is None
    words = ["--cxr", folder / "cxr", "--cohort", folder / "cohort.parquet", "--px", "32"]
    words += ["--output", folder / "i.parquet", "--facts", folder / "f.json"]
    split = ["--valid-share", "0.2", "--test-share", "0.2", "--ledger", folder / "i.json"]
    message = str(run_step(folder, ["mimic-images", *words, *split]).message)
    assert "file missing on disk" in message and "Each is looked for at" in message


def test_14_a_dump_of_another_year_is_named_and_floats_are_whole(given):
    folder = given("14")
    assert reviews(folder, "All_Beauty.json.gz").message is None
    votes = pl.read_parquet(folder / "r.parquet")["votes"].drop_nulls()
    assert len(votes) and votes.dtype.is_integer()
    assert "unixReviewTime is text" in str(reviews(folder, "time_as_text.json.gz").message)
    assert "that of 2023" in str(reviews(folder, "layout_2023.json.gz").message)
    seen = reviews(folder, "All_Beauty.json.gz", "meta_2014_loose.json.gz")
    assert "that of 2014" in str(seen.message)


def test_16_the_index_of_pandas_is_named(given):
    assert "to_csv(index=False)" in str(cohort(given("16")).message)


def test_18_stays_whose_charts_are_cut_off_are_counted(given):
    assert series(given("18")).noted["stay with laboratory values and no charted ones"]


def test_19_a_redacted_value_is_taken_from_its_number(given):
    folder = given("19")
    assert "redacted value taken from valuenum" in series(folder).noted
    for path in (folder / "mimic").rglob("labevents.csv*"):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            assert "___" in file.read()


@pytest.mark.usefixtures("all_faults")
@pytest.mark.parametrize(
    ("setting", "environment", "says"),
    [
        ("mimic.root=/data", {}, "keys have no dots"),
        ('mimic={"root": "~/nowhere"}', {}, "nowhere"),
        ('engine={"temp_dir": "/proc/nope"}', {}, "engine.temp_dir: /proc/nope cannot be written"),
        ("seeds=[0]", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "Job stats"),
    ],
)
def test_20_what_people_type_first_is_answered_in_a_line(tmp_path, setting, environment, says):
    link_sources(REPOSITORY, tmp_path)
    # A plan alone makes no folder.
    plan = () if "temp_dir" in setting else ("-n",)
    words = ("shards", *plan, "--cores", "2", "--config", setting)
    told = run_snakemake(tmp_path, *words, environment=environment).stdout
    assert says in told and "Traceback" not in told, told
