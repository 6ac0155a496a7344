"""Every step that reads tables of people, with small valid input and how the step is run."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import yaml

from lanistr.inference.encode import Encoder
from lanistr.inference.rows import checked, read_table
from preprocessing.datasets.mimic.images import CHEXPERT, FINDINGS, METADATA, STUDY
from preprocessing.datasets.mimic.release import layouts
from tests.field.case import run_step
from tests.field.challenge_cases import read_challenge, write_challenge
from tests.field.dump_cases import lines, read_dumps
from tests.field.loader import Kind, Loader, Table
from tests.field.message_cases import FILMS, resize
from tests.field.mimic_root import SUBJECTS, MimicRoot
from tests.field.rows_cases import INPUTS, read_new, read_training
from tests.preprocessing.own_rows import parcels, write_own
from tests.preprocessing.test_mimic_images import release
from tests.preprocessing.test_mimic_notes import SPLITTER, note

COLUMNS = tuple(name for names in INPUTS.values() for name in names)


def released(table: str, file: str, tried: Iterable[str], *, optional: bool = False) -> Table:
    """A table of MIMIC, some of whose columns are tried."""
    kinds: dict[str, Kind] = {"string": "category", "timestamp[s]": "time", "date32": "time"}
    kinds |= {"float64": "number"}
    of_text: dict[str, Kind] = {"text": "text", "dicom_id": "path", "StudyTime": "number"}
    columns: dict[str, Kind] = {}
    for column in layouts("v2.2")[table]:
        kind = of_text.get(column.name) or kinds.get(column.type, "integer")
        columns[column.header] = kind if column.name in tried else "other"
    return Table(file, columns, parquet=True, optional=optional)


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


def found(folder: Path, name: str) -> Path:
    """The file of a table, csv or Parquet."""
    parquet = folder / f"{name}.parquet"
    return parquet if parquet.exists() else folder / f"{name}.csv"


def read_described(folder: Path) -> str | None:
    """What `rows-read` says of own rows, whose description names the files that are there."""
    own = yaml.safe_load((folder / "own.yaml").read_text(encoding="utf-8"))
    own["rows"]["source"] = found(folder, "parcels").name
    own["rows"]["series"]["source"] = found(folder, "readings").name
    (folder / "own.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return read_training(folder).message


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
    pl.DataFrame(parcels()).select(COLUMNS).write_csv(folder / "new.csv")


def check_new(folder: Path) -> None:
    """Read new rows as `predict` and `embed` do, and check the types of numbers."""
    rows = checked(read_table(found(folder, "new")), INPUTS)
    numbers = SimpleNamespace(category_names=(), number_names=("weight", "size"))
    Encoder(cast(Any, None), cast(Any, numbers), cast(Any, None), {}, False).check(rows)
    rows.table.write_parquet(folder / "read.parquet")


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


STAYS = ("subject_id", "stay_id", "first_careunit", "intime", "outtime")
CODES = ("hadm_id", "icd_code", "icd_version")
EVENTS = ("stay_id", "charttime", "itemid", "value")
FILM = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
OWN: dict[str, Kind] = {
    "parcel": "category",
    "sender": "category",
    "late": "category",
    "weight": "number",
    "note": "text",
    "remark": "text",
    "picture": "path",
    "colour": "category",
    "size": "number",
    "sent": "time",
    "memo": "other",
}
# Of new rows its answers are not read, and they need no id.
OWN_NEW: dict[str, Kind] = OWN | dict.fromkeys(("parcel", "sender", "late", "weight"), "other")
# Categories are whatever stands there.
NEW: dict[str, Kind] = dict.fromkeys(COLUMNS, "other") | {
    "colour": "category",
    "weight": "number",
    "size": "number",
}
READINGS: dict[str, Kind] = {
    "parcel": "category",
    "hour": "number",
    "name": "category",
    "value": "number",
}
LISTED = ("mimic.subject_lists.test", "the training split")
REVIEWS: dict[str, Kind] = {
    "overall": "number",
    "verified": "flag",
    "reviewTime": "other",
    "reviewerID": "category",
    "asin": "category",
    "reviewText": "text",
    "summary": "text",
    "unixReviewTime": "integer",
    "image": "path",
}
PRODUCTS: dict[str, Kind] = {
    "asin": "category",
    "title": "text",
    "brand": "text",
    "price": "category",
}


def other(columns: Iterable[str]) -> dict[str, Kind]:
    """Columns of which no type is asked."""
    return dict.fromkeys(columns, "other")


LOADERS = (
    Loader(
        "mimic-cohort",
        write_mimic,
        (
            released("icu/icustays", "mimic/icu/icustays.csv", STAYS),
            released("hosp/diagnoses_icd", "mimic/hosp/diagnoses_icd.csv", CODES, optional=True),
        ),
        lambda folder: MimicRoot(folder).cohort().message,
    ),
    # Labels of dictionaries, which are of nobody, are told where an item means something else.
    Loader(
        "mimic-timeseries",
        write_mimic,
        (released("icu/chartevents", "mimic/icu/chartevents.csv", EVENTS),),
        lambda folder: MimicRoot(folder).series().message,
    ),
    Loader(
        "mimic-tabular",
        write_mimic,
        (released("hosp/patients", "mimic/hosp/patients.csv", ("subject_id", "gender")),),
        lambda folder: MimicRoot(folder).tabular().message,
    ),
    Loader(
        "subject lists",
        write_lists,
        (
            Table(
                "testset.csv", {"subject": "integer", "flag": "integer"}, named=False, names=LISTED
            ),
        ),
        lambda folder: MimicRoot(folder).cohort("--test-subjects", folder / "testset.csv").message,
    ),
    Loader(
        "mimic-notes",
        write_notes,
        (
            released(
                "note/radiology",
                "notes/note/radiology.csv",
                ("note_id", "subject_id", "charttime", "text"),
            ),
        ),
        read_notes,
    ),
    Loader(
        "mimic-images",
        write_films,
        (
            released(METADATA, f"cxr/{METADATA}.csv", FILM),
            released(CHEXPERT, f"cxr/{CHEXPERT}.csv", (*STUDY, FINDINGS[0]), optional=True),
        ),
        lambda folder: resize(folder, folder / "cxr").message,
    ),
    Loader(
        "rows-read",
        write_own,
        (Table("parcels.csv", OWN, parquet=True), Table("readings.csv", READINGS, parquet=True)),
        read_described,
    ),
    Loader(
        "rows-read --new",
        write_trained,
        (Table("parcels.csv", OWN_NEW, parquet=True),),
        lambda folder: read_new(folder, found(folder, "parcels")).message,
    ),
    Loader(
        "rows-init",
        write_own,
        (
            Table("parcels.csv", other(OWN), names=("--label",)),
            Table("readings.csv", other(READINGS)),
        ),
        init_rows,
        guesses=True,
    ),
    Loader(
        "predict, embed",
        write_new,
        (Table("new.csv", NEW, parquet=True, names=("rows: ",)),),
        check_new,
    ),
    Loader(
        "physionet2012-rows",
        write_challenge,
        (
            Table(
                "challenge/set-a/100.txt",
                {"Time": "time", "Parameter": "category", "Value": "number"},
                names=("challenge/set-a",),
            ),
            Table(
                "challenge/Outcomes-a.txt",
                {
                    "RecordID": "integer",
                    "SAPS-I": "other",
                    "SOFA": "other",
                    "Length_of_stay": "integer",
                    "Survival": "other",
                    "In-hospital_death": "integer",
                },
            ),
        ),
        lambda folder: read_challenge(folder).message,
    ),
    Loader(
        "amazon-reviews",
        write_dump,
        (
            Table("reviews.json", REVIEWS, names=("All_Beauty.json",)),
            Table("products.json", PRODUCTS, names=("meta_All_Beauty.json",)),
        ),
        read_dump,
    ),
)
