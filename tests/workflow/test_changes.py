"""What changed runs again, and nothing else: raw files, pictures, fetches that broke off."""

import gzip
import json
import os
import re

import pytest

from preprocessing.sightings import write_sightings
from tests.preprocessing.own_rows import write_own

CONFIG = {
    "name": "changed",
    "scale": "smoke",
    "mimic": {"root": "raw/mimic", "notes": "raw/notes", "cxr": "raw/cxr"},
    "amazon": {
        "root": "raw/amazon",
        "categories": {"pretrain": None, "finetune": ["All_Beauty"]},
        "metadata": False,
    },
    "recipes": {
        "mimic": "tests/workflow/toy-recipe.yaml",
        "amazon": "tests/workflow/toy-amazon-recipe.yaml",
    },
    "registry": "tests/workflow/toy-experiments.yaml",
    "analysis": [],
}
TABLES = (
    *("mimic/hosp/patients", "mimic/hosp/admissions", "mimic/hosp/d_labitems"),
    *("mimic/hosp/labevents", "mimic/icu/d_items", "mimic/icu/icustays"),
    *("mimic/icu/chartevents", "mimic/icu/outputevents", "notes/note/radiology"),
    "cxr/mimic-cxr-2.0.0-metadata",
)
IMAGES = {"mimic_radiographs", "mimic_images"}
MIMIC_END = {"mimic_samples", "mimic_manifest", "shards"}
AMAZON_END = {"amazon_samples", "amazon_manifest", "shards"}
# Above Snakemake's limit for checksums, below that of whole fingerprints.
BIG = "1,2,3\n" * 200_000


def planned(run):
    """The rules that a dry run has jobs of; none if there is nothing to be done."""
    assert run.returncode == 0, run.stdout
    if "Nothing to be done" in run.stdout:
        return set()
    return set(re.findall(r"^(\w+) +\d+$", run.stdout, re.MULTILINE)) - {"total"}


@pytest.fixture(scope="module")
def raw(folder):
    """Raw files, as many as a plan looks at, and two pictures of each data set, one not there."""
    top = folder / "raw"
    for table in TABLES:
        path = top / f"{table}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(BIG.encode(), compresslevel=0, mtime=0))
    (top / "amazon/images").mkdir(parents=True)
    (top / "amazon/All_Beauty.json.gz").write_bytes(gzip.compress(b"{}", mtime=0))
    for path in (top / "cxr/files/p10/1.jpg", top / "amazon/images/1.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    return top


@pytest.fixture(scope="module")
def plan(snakemake, folder, raw):
    """The rules that run again, of a configuration all of whose files are there, empty."""
    (folder / "changed.yaml").write_text(json.dumps(CONFIG))
    options = ("shards", "--configfile", "changed.yaml")
    listing = snakemake(*options, "--summary")
    assert listing.returncode == 0, listing.stdout
    for line in listing.stdout.splitlines():
        name = line.split("\t")[0]
        if name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    interim = folder / "results/changed/interim"
    for pictures, seen in (
        (raw / "cxr/files/p10", "mimic/radiographs"),
        (raw / "amazon/images", "amazon/All_Beauty/pictures"),
    ):
        write_sightings([pictures / "2.jpg"], [pictures / "1.jpg"], interim / f"{seen}.json")
    touched = snakemake(*options, "--touch", "--forceall", "--cores", "1")
    assert touched.returncode == 0, touched.stdout
    return lambda: planned(snakemake(*options, "-n"))


def exchange(path, content):
    """Other bytes under the same name, with a date from before everything."""
    path.write_bytes(content)
    os.utime(path, (1, 1))


def test_other_dates_run_nothing_again(plan, raw):
    for number, path in enumerate(sorted(raw.rglob("*"))):
        os.utime(path, (2**31, 2**31) if number % 2 else (1, 1))
    assert plan() == set()


def test_other_content_under_the_same_name_runs_again_what_reads_it(plan, raw):
    other = BIG.replace("1,2,3", "1,2,4", 1).encode()
    assert len(other) == len(BIG)
    exchange(raw / "mimic/hosp/labevents.csv.gz", gzip.compress(other, compresslevel=0, mtime=0))
    (raw / "old").mkdir()
    (raw / "amazon/All_Beauty.json.gz").rename(raw / "old/All_Beauty.json.gz")
    exchange(raw / "old/All_Beauty.json.gz", gzip.compress(b"[]", mtime=0))
    (raw / "amazon/All_Beauty.json.gz").symlink_to(raw / "old/All_Beauty.json.gz")
    assert plan() == {
        *("mimic_timeseries", *MIMIC_END, *AMAZON_END),
        *("amazon_reviews", "amazon_text", "amazon_tabular", "amazon_images"),
    }
    same = gzip.compress(BIG.encode(), compresslevel=0, mtime=0)
    exchange(raw / "mimic/hosp/labevents.csv.gz", same)
    exchange(raw / "old/All_Beauty.json.gz", gzip.compress(b"{}", mtime=0))


def test_a_picture_that_comes_or_is_exchanged_runs_its_step_again(plan, raw):
    exchange(raw / "cxr/files/p10/2.jpg", b"late")
    exchange(raw / "amazon/images/1.jpg", b"a better picture")
    assert plan() == {*IMAGES, "amazon_images", *MIMIC_END, *AMAZON_END}
    (raw / "cxr/files/p10/2.jpg").unlink()
    (raw / "amazon/images/1.jpg").unlink()
    assert plan() == {"amazon_images", *AMAZON_END}
    exchange(raw / "amazon/images/1.jpg", b"picture")


def test_an_optional_table_that_comes_and_another_format_run_again_what_reads_them(plan, raw):
    exchange(raw / "cxr/mimic-cxr-2.0.0-chexpert.csv", b"subject_id\n")
    (raw / "notes/note/radiology.csv.gz").rename(raw / "notes/note/radiology.parquet")
    assert plan() == {*IMAGES, "mimic_notes", *MIMIC_END}
    (raw / "notes/note/radiology.parquet").rename(raw / "notes/note/radiology.csv.gz")
    (raw / "cxr/mimic-cxr-2.0.0-chexpert.csv").unlink()


def test_own_rows_are_read_again_when_a_picture_comes_and_then_no_more(snakemake, folder, tmp_path):
    config = write_own(tmp_path, missing_pictures="absent")
    (tmp_path / "pictures/5.jpg").rename(tmp_path / "late.jpg")
    target = "results/own/ledger/rows_read.json"
    options = (target, "--configfile", str(config), "--config", "size=tiny")
    run = snakemake("--cores", "1", *options)
    assert run.returncode == 0, run.stdout
    before = (folder / target).read_text()
    (tmp_path / "late.jpg").rename(tmp_path / "pictures/5.jpg")
    assert planned(snakemake("--cores", "1", *options)) == {"rows_read"}
    assert (folder / target).read_text() != before
    assert planned(snakemake("-n", *options)) == set()


def test_a_fetch_is_not_done_while_hosts_have_not_answered(snakemake, folder, tmp_path):
    review = {"asin": "1", "reviewerID": "A", "overall": 5.0, "unixReviewTime": 1_500_000_000}
    lines = [{**review, "asin": str(n), "image": ["http://127.0.0.1:9/a.jpg"]} for n in range(8)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (tmp_path / "All_Beauty.json.gz").write_bytes(gzip.compress(text.encode()))
    amazon = {**CONFIG["amazon"], "root": str(tmp_path), "fetch": True}
    config = tmp_path / "fetch.yaml"
    ledger = "results/fetch/ledger/amazon_fetch_All_Beauty.json"

    def run(*arguments, **fetch_options):
        asked = {"tries": 1, **fetch_options}
        section = {"name": "fetch", "amazon": {**amazon, "fetch_options": asked}}
        config.write_text(json.dumps({**CONFIG, **section}))
        return snakemake(ledger, *arguments, "--configfile", str(config))

    first = run("--cores", "1", "--retries", "1")
    assert first.returncode != 0
    assert "8 of 8 pictures are still to be had, as hosts did not answer" in first.stdout
    assert "Trying to restart job" in first.stdout
    assert planned(run("-n")) == {"amazon_fetch"}
    assert run("--cores", "1", max_unanswered=1).returncode == 0
    entries = json.loads((folder / ledger).read_text())["entries"]
    assert entries[-1]["rows_after"] == 0
    assert planned(run("-n", max_unanswered=1)) == set()
