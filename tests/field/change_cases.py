"""What changes between two runs: raw files, pictures, and addresses that are asked again."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from commandline.changes import changed_pictures, fingerprint
from tests.field.case import Seen, case, run_step
from tests.preprocessing.own_rows import write_own

KIND = "What changed"
AGAIN = "the steps that read it run again"


def told(changed: bool) -> Seen:
    """What the workflow makes of a parameter; tests/workflow/test_changes.py shows that it does."""
    return Seen(AGAIN if changed else None)


def looked_at_twice(path: Path, between: Callable[[], object]) -> Seen:
    """Whether two plans see different raw data at a path."""
    before = fingerprint(str(path))
    between()
    fingerprint.cache_clear()
    return told(fingerprint(str(path)) != before)


@case(
    KIND, "a raw file exchanged behind the same path, of old date and equal size", "noticed", AGAIN
)
def exchanged(folder: Path) -> Seen:
    table, other = folder / "admissions.csv", folder / "other.csv"
    for path, text in ((table, "hadm_id\n20\n"), (other, "hadm_id\n21\n")):
        path.write_text(text)
        os.utime(path, (1, 1))
    return looked_at_twice(table, lambda: other.replace(table))


@case(KIND, "a symbolic link that leads to another release", "noticed", AGAIN)
def another_release(folder: Path) -> Seen:
    for release in ("2.2", "3.1"):
        (folder / release).mkdir()
        (folder / release / "patients.csv").write_text(f"subject_id\n{release}\n")
    (folder / "current").symlink_to("2.2")

    def lead_on() -> None:
        (folder / "new").symlink_to("3.1")
        (folder / "new").replace(folder / "current")

    return looked_at_twice(folder / "current/patients.csv", lead_on)


@case(KIND, "raw files that were only touched or copied", "read", "as before: nothing runs again")
def touched(folder: Path) -> Seen:
    table = folder / "patients.csv"
    table.write_text("subject_id\n1\n")
    return looked_at_twice(table, lambda: os.utime(table, (2**31, 2**31)))


def read_rows_and(folder: Path, between: Callable[[], object]) -> Seen:
    """Whether a plan sees other pictures than `rows-read` did; 5.jpg is not there."""
    config = write_own(folder, missing_pictures="absent")
    (folder / "pictures/5.jpg").rename(folder / "late.jpg")
    outputs = {
        "--output": "rows.parquet",
        "--contents": "contents.json",
        "--sightings": "pictures.json",
        "--ledger": "ledger.json",
    }
    words = [word for option, name in outputs.items() for word in (option, folder / name)]
    seen = run_step(folder, ["rows-read", "--description", config, *words])
    assert seen.message is None
    assert changed_pictures(str(folder / "pictures.json")) == ""
    between()
    return told(changed_pictures(str(folder / "pictures.json")) != "")


@case(KIND, "a picture that arrives after the first run", "noticed", AGAIN)
def arrived(folder: Path) -> Seen:
    return read_rows_and(folder, lambda: (folder / "late.jpg").rename(folder / "pictures/5.jpg"))


@case(KIND, "a picture that is gone in the next run", "noticed", AGAIN)
def gone(folder: Path) -> Seen:
    return read_rows_and(folder, lambda: (folder / "pictures/1.jpg").unlink())


@case(KIND, "a picture exchanged for one of another size in bytes", "noticed", AGAIN)
def picture_exchanged(folder: Path) -> Seen:
    one = folder / "pictures/1.jpg"
    return read_rows_and(folder, lambda: one.write_bytes(one.read_bytes() + b"\0"))


def fetch(folder: Path, address: str) -> Seen:
    """What `amazon-fetch` makes of one address."""
    pl.DataFrame({"urls": [[address]]}).write_parquet(folder / "links.parquet")
    paths = {"links": "links.parquet", "images": "images", "record": "r.jsonl", "ledger": "l.json"}
    words = [word for name, path in paths.items() for word in (f"--{name}", folder / path)]
    return run_step(folder, ["amazon-fetch", *words])


@case(
    KIND,
    "a fetch during which hosts gave no answer that stands: the next run asks them again",
    "refused",
    "1 of 1 pictures are still to be had, as hosts did not answer: ...",
)
def unanswered(folder: Path) -> Seen:
    return fetch(folder, "http://127.0.0.1:9/a.jpg")


@case(
    KIND,
    "a fetch whose failures are for good: no run asks again",
    "dropped",
    "not an http(s) address",
)
def failed_for_good(folder: Path) -> Seen:
    return fetch(folder, "ftp://example.org/a.jpg")
