"""Every step that reads tables of people, with small valid input and how the step is run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lanistr.inference.rows import checked, read_table
from preprocessing.datasets.mimic.images import CHEXPERT, FINDINGS, METADATA, STUDY
from tests.field.case import run_step
from tests.field.challenge_cases import read_challenge, write_challenge
from tests.field.dump_cases import lines, read_dumps
from tests.field.message_cases import FILMS, resize
from tests.field.mimic_root import SUBJECTS, MimicRoot
from tests.field.rows_cases import INPUTS, read_new, read_training
from tests.preprocessing.own_rows import parcels, write_own
from tests.preprocessing.test_mimic_images import release
from tests.preprocessing.test_mimic_notes import SPLITTER, note


@dataclass(frozen=True)
class Loader:
    """A step that reads tables.

    Attributes:
        name: the step's.
        write: makes valid input in an empty folder.
        tables: csv files or JSON lines of it, relative to the folder, that may be changed.
        read: runs the step; the message, None if there is none. Own errors may pass.
    """

    name: str
    write: Callable[[Path], object]
    tables: tuple[str, ...]
    read: Callable[[Path], str | None]


def write_mimic(folder: Path) -> None:
    """A root whose cohort is made."""
    assert MimicRoot(folder).write(".csv").cohort().message is None


def write_lists(folder: Path) -> None:
    """A root with a list of test subjects."""
    MimicRoot(folder).write(".csv")
    flags = "".join(f"{subject},{subject % 2}\n" for subject in SUBJECTS)
    (folder / "testset.csv").write_text(flags, encoding="utf-8")


def write_notes(folder: Path) -> None:
    """Three reports, and the cohort of their patients."""
    (folder / "notes/note").mkdir(parents=True)
    pl.DataFrame([note(number) for number in (1, 2, 3)]).write_csv(
        folder / "notes/note/radiology.csv"
    )
    subjects = pl.DataFrame({"subject_id": [10000001, 10000003]})
    SPLITTER.assign(subjects).write_parquet(folder / "cohort.parquet")


def read_notes(folder: Path) -> str | None:
    """What `mimic-notes` says of them."""
    (folder / "test.csv").write_text("10000003,1\n", encoding="utf-8")  # as of the cohort
    files = {"notes": "notes", "cohort": "cohort.parquet", "test-subjects": "test.csv"}
    files |= {"output": "n.parquet", "facts": "facts.json", "ledger": "ledger.json"}
    words = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    words += ["--source", "radiology_48h", "--valid-share", "0"]
    return run_step(folder, ["mimic-notes", *words]).message


def write_films(folder: Path) -> None:
    """Two radiographs and the labels of their studies."""
    release(folder / "cxr", FILMS)
    studies = pl.DataFrame(FILMS).select(STUDY)
    labels = studies.with_columns(pl.lit(1.0).alias(name) for name in FINDINGS)
    labels.write_csv(folder / f"cxr/{CHEXPERT}.csv")


def write_trained(folder: Path) -> None:
    """Own rows that were read for training, so that the same can be read as new ones."""
    write_own(folder)
    assert read_training(folder).message is None


def init_rows(folder: Path) -> str | None:
    """What `rows-init` says of own rows."""
    (folder / "made.yaml").unlink(missing_ok=True)
    words = ["--label", "late", "--series", folder / "readings.csv", "-o", folder / "made.yaml"]
    return run_step(folder, ["rows-init", folder / "parcels.csv", *words]).message


def write_new(folder: Path) -> None:
    """New rows of a model that reads words and a table."""
    names = [name for columns in INPUTS.values() for name in columns]
    pl.DataFrame(parcels()).select(names).write_csv(folder / "new.csv")


def check_new(folder: Path) -> None:
    """Read new rows as `predict` and `embed` do."""
    checked(read_table(folder / "new.csv"), INPUTS)


def write_dump(folder: Path) -> None:
    """Reviews and products, a line of JSON each."""
    (folder / "reviews.json").write_bytes(lines())
    products = [{"asin": f"B{n}", "title": "a", "brand": "b", "price": "$1.50"} for n in range(20)]
    text = "".join(json.dumps(product | {"imageURL": []}) + "\n" for product in products)
    (folder / "products.json").write_text(text, encoding="utf-8")


def read_dump(folder: Path) -> str | None:
    """What `amazon-reviews` says of them."""
    pair = ("reviews.json", "products.json")
    return read_dumps(folder, *((folder / name).read_bytes() for name in pair), ending="").message


LOADERS = (
    Loader(
        "mimic-cohort",
        write_mimic,
        ("mimic/icu/icustays.csv", "mimic/hosp/diagnoses_icd.csv"),
        lambda folder: MimicRoot(folder).cohort().message,
    ),
    # Labels of dictionaries, which are of nobody, are told where an item means something else.
    Loader(
        "mimic-timeseries",
        write_mimic,
        ("mimic/icu/chartevents.csv",),
        lambda folder: MimicRoot(folder).series().message,
    ),
    Loader(
        "mimic-tabular",
        write_mimic,
        ("mimic/hosp/patients.csv",),
        lambda folder: MimicRoot(folder).tabular().message,
    ),
    Loader(
        "subject lists",
        write_lists,
        ("testset.csv",),
        lambda folder: MimicRoot(folder).cohort("--test-subjects", folder / "testset.csv").message,
    ),
    Loader("mimic-notes", write_notes, ("notes/note/radiology.csv",), read_notes),
    Loader(
        "mimic-images",
        write_films,
        (f"cxr/{METADATA}.csv", f"cxr/{CHEXPERT}.csv"),
        lambda folder: resize(folder, folder / "cxr").message,
    ),
    Loader(
        "rows-read",
        write_own,
        ("parcels.csv", "readings.csv"),
        lambda folder: read_training(folder).message,
    ),
    Loader(
        "rows-read --new",
        write_trained,
        ("parcels.csv",),
        lambda folder: read_new(folder, folder / "parcels.csv").message,
    ),
    Loader("rows-init", write_own, ("parcels.csv", "readings.csv"), init_rows),
    Loader("predict, embed", write_new, ("new.csv",), check_new),
    Loader(
        "physionet2012-rows",
        write_challenge,
        ("challenge/set-a/100.txt", "challenge/Outcomes-a.txt"),
        lambda folder: read_challenge(folder).message,
    ),
    Loader("amazon-reviews", write_dump, ("reviews.json", "products.json"), read_dump),
)
