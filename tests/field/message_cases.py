"""Steps that lose everything say why and where they looked: a failed job leaves no ledger."""

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import yaml
from PIL import Image

from preprocessing.datasets.amazon.samples import NO_PICTURE, NOT_HAD, finetuning
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger
from preprocessing.splits import Split
from tests.field.case import Seen, case, run_step
from tests.field.mimic_root import MimicRoot
from tests.preprocessing.own_rows import parcels, read_own, write_own
from tests.preprocessing.test_mimic_images import cohort, film, release

KIND = "Messages"
NONE_READ = (
    "mimic-cxr-2.0.0-metadata: none of 2 radiographs of the training split could be read, so..."
)
FILMS = [film(), film(dicom_id="a2", study_id=50000002)]
LAYOUT = "files/p<NN>/p<subject_id>/s<study_id>/<dicom_id>.jpg"


def resize(folder: Path, root: Path) -> Seen:
    """What `mimic-images` makes of a release."""
    files = {
        "--cxr": root,
        "--cohort": cohort(folder),
        "--output": folder / "images.parquet",
        "--facts": folder / "facts.json",
        "--ledger": folder / "ledger.json",
    }
    words = [word for pair in files.items() for word in pair]
    (folder / "test.csv").write_text("10000003,1\n")  # as of the cohort
    lists = ["--test-subjects", folder / "test.csv", "--valid-share", "0"]
    return run_step(folder, ["mimic-images", "--px", "16", *lists, *words])


def none_read(words: str, change: Callable[[Path], None], *told: str) -> None:
    """Declare a release of two radiographs none of which is there as it was."""

    def see(folder: Path) -> Seen:
        root = release(folder / "cxr", FILMS)
        change(root)
        seen = resize(folder, root)
        assert seen.message is not None
        assert all(part in seen.message for part in told), seen.message
        assert not any(str(film["subject_id"]) in seen.message for film in FILMS)
        return seen

    case(KIND, words, "refused", NONE_READ)(see)


def flatten(root: Path) -> None:
    for file in list((root / "files").rglob("*.jpg")):
        file.rename(root / "files" / file.name)
        file.parent.rmdir()
    for folder in sorted((root / "files").rglob("p*"), reverse=True):
        folder.rmdir()


def keep_pages(root: Path) -> None:
    for file in list((root / "files").rglob("*.jpg")):
        file.with_name("index.html").write_text("<html>")
        file.unlink()


def write_pages(root: Path) -> None:
    for file in (root / "files").rglob("*.jpg"):
        file.write_text("<html>")


def write_png(root: Path) -> None:
    for file in (root / "files").rglob("*.jpg"):
        picture = io.BytesIO()
        Image.new("L", (9, 9)).save(picture, "PNG")
        file.with_suffix(".png").write_bytes(picture.getvalue())
        file.unlink()


MISSING = "  files: 2 of 2, file missing on disk\n"
none_read(
    "radiographs that all lie in one folder",
    flatten,
    MISSING,
    f"Each is looked for at {LAYOUT} below cxr. Of the first there is files and no p<NN> in it, "
    "but 2 x .jpg.",
)
none_read(
    "folders of radiographs that hold `index.html` alone",
    keep_pages,
    MISSING,
    "there is files/p<NN>/p<subject_id>/s<study_id> and no <dicom_id>.jpg in it, but 1 x .html.",
)
none_read("radiographs saved as .png", write_png, MISSING, "no <dicom_id>.jpg in it, but 1 x .png.")
none_read("pages under the names of radiographs", write_pages, "  files: 2 of 2, not a picture")


@case(
    KIND,
    "`files` of the radiographs is a file",
    "refused",
    "cxr has no folder files/ with the radiographs: files is a file there. Set...",
)
def files_is_a_file(folder: Path) -> Seen:
    root = release(folder / "cxr", FILMS)
    (root / "files").rename(root / "elsewhere")
    (root / "files").write_text("a list of addresses")
    return resize(folder, root)


IMAGES_IS_A_FILE = "images is a file. Give the folder of the pictures, or the name of one to..."


def run_on_a_file(folder: Path, step: str, **names: str) -> Seen:
    """What a step says whose folder of pictures is a file."""
    schema = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}
    pl.DataFrame(schema=schema).write_parquet(folder / "links.parquet")
    (folder / "images").write_text("a list of addresses")
    names = {"links": "links.parquet", "images": "images", "ledger": "ledger.json", **names}
    words = [word for option, name in names.items() for word in (f"--{option}", folder / name)]
    return run_step(folder, [step, "--px", "16", *words])


@case(KIND, "the folder of pictures of reviews is a file", "refused", IMAGES_IS_A_FILE)
def images_is_a_file(folder: Path) -> Seen:
    return run_on_a_file(folder, "amazon-images", output="part.parquet", facts="facts.json")


@case(KIND, "pictures are to be fetched into a file", "refused", IMAGES_IS_A_FILE)
def fetched_into_a_file(folder: Path) -> Seen:
    return run_on_a_file(folder, "amazon-fetch", record="record.jsonl")


@case(
    KIND,
    "stays that all changed the ICU, so that the cohort is empty",
    "refused",
    "mimic: no stay is left for the cohort, so there is nothing to learn from. Lost:",
)
def cohort_is_empty(folder: Path) -> Seen:
    root = MimicRoot(folder)
    for stay in root.tables["icu/icustays"]:
        stay["last_careunit"] = "Surgical Intensive Care Unit (SICU)"
    seen = root.write().cohort()
    assert "  icu/icustays: 6 of 6, changed the ICU\n" in (seen.message or "")
    return seen


@case(
    KIND,
    "own rows whose root of pictures is a file",
    "refused",
    "parcels.csv, row 2 (line 3), column picture: a picture that is not there, in 40 rows,...",
)
def root_is_a_file(folder: Path) -> Seen:
    own = write_own(folder)
    (folder / "pictures").rename(folder / "elsewhere")
    (folder / "pictures").write_text("a list of addresses")
    try:
        read_own(own)
    except DataContractError as error:
        assert "relative to columns.picture.root (pictures, which is no folder)" in str(error)
        return Seen(str(error))
    return Seen()


@case(
    KIND,
    "own rows that have nothing but pictures, none of which can be read",
    "refused",
    "read/rows.parquet: none of 60 rows has any of image, so there is nothing to learn from:",
)
def own_pictures_lost(folder: Path) -> Seen:
    rows = parcels() | {"picture": ["0.jpg", "1.jpg"] * 30}
    others = [name for name in rows if name not in {"parcel", "late", "weight", "picture"}]
    columns = {"picture": {"type": "image", "root": "pictures"}} | dict.fromkeys(others, "ignore")
    own = write_own(folder, rows)
    config = yaml.safe_load(own.read_text())
    config["rows"]["columns"] = columns
    del config["rows"]["series"]
    own.write_text(yaml.safe_dump(config))
    for number in (0, 1):
        (folder / f"pictures/{number}.jpg").write_text("<html>")
    read_own(own)
    files = {
        "--rows": "read/rows.parquet",
        "--contents": "read/contents.json",
        "--output-dir": "shards",
        "--ledger": "ledger.json",
    }
    words = [word for option, name in files.items() for word in (option, folder / name)]
    seen = run_step(folder, ["rows-shards", "--scale", "own", *words])
    assert "  image: 60 x not a picture file" in (seen.message or "")
    return seen


@case(
    KIND,
    "reviews that are to have pictures, none of which is there",
    "refused",
    "Reviews with text, image per split: {'train': 0, 'valid': 0, 'test': 0}; each needs at...",
)
def pictures_of_reviews_lost(_: Path) -> Seen:
    rows = pl.DataFrame(
        {
            "sample_id": [1, 2, 3],
            "split": ["train", "valid", "test"],
            "has_text": [True] * 3,
            "has_image": [False] * 3,
            "text_absence": pl.Series([None] * 3, dtype=pl.String),
            "image_absence": [NOT_HAD, NOT_HAD, NO_PICTURE],
        }
    )
    sizes: dict[Split, int] = {"train": 1, "valid": 1, "test": 1}
    try:
        list(finetuning([rows], sizes, ["text", "image"], Ledger("amazon-samples")))
    except DataContractError as error:
        assert f"  2 x image, {NOT_HAD}\n" in str(error) and NO_PICTURE in str(error)
        return Seen(str(error))
    return Seen()
