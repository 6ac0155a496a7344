"""Names and files that would have a program read, wait or run something that nobody asked for."""

import os
from pathlib import Path

import polars as pl

from lanistr.errors import LanistrError
from lanistr.inference.files import write_table
from lanistr.training.autogluon import answers_of
from preprocessing.datasets.mimic.radiograph_files import path_of
from tests.field.case import SECRET, Seen, case, without_folder
from tests.field.message_cases import FILMS, resize
from tests.field.picture_cases import NOT_A_PICTURE, UNREAD, asked
from tests.preprocessing.test_mimic_images import film, release

KIND = "Names and files that give orders"


def read_elsewhere(folder: Path, dicom_id: str) -> Seen:
    """What becomes of a radiograph whose identifier leads to a picture that is there."""
    root = release(folder / "cxr", [*FILMS, film(study_id=50000003, dicom_id=dicom_id)])
    assert path_of(root, 10000001, 50000003, dicom_id).is_file()
    seen = resize(folder, root)
    assert pl.read_parquet(folder / "images.parquet")["dicom_id"].to_list() == ["a1", "a2"]
    return seen


for what, leads in (
    ("that leads elsewhere", "../../../../{1}"),
    ("that is a path", "{0}/{1}"),
):

    @case(KIND, f"a `dicom_id` {what}", "dropped", "dicom_id cannot be the name of a file")
    def see(folder: Path, leads: str = leads) -> Seen:
        return read_elsewhere(folder, leads.format(folder, SECRET))


@case(
    KIND,
    "a pipe or a device in place of a picture",
    "refused",
    UNREAD.format(NOT_A_PICTURE),
)
def pipe(folder: Path) -> Seen:
    os.mkfifo(folder / "pipe.jpg")
    assert asked(str(folder / "pipe.jpg")) == asked("/dev/zero")
    return asked("/dev/zero")


@case(
    KIND,
    "ids, classes and names that a spreadsheet would run, in csv files of answers and tables",
    "read",
    "as text behind an apostrophe; numbers, also as text, stand as they are",
)
def formula(folder: Path) -> Seen:
    table = pl.DataFrame({"sample_id": ['=HYPERLINK("x")', "-1"], "@died": [-0.5, 0.5]})
    write_table(table, folder / "answers.csv")
    lines = (folder / "answers.csv").read_text().splitlines()
    assert lines == ["sample_id,'@died", '"\'=HYPERLINK(""x"")",-0.5', "-1,0.5"]
    return Seen()


@case(
    KIND,
    "`predict --run` of a run of AutoGluon, whose files are pickles, made elsewhere or changed",
    "refused",
    "run/autogluon/predictor is not loaded: its files are pickles, ...no seal...",
)
def unsealed(folder: Path) -> Seen:
    (folder / "run/autogluon/predictor").mkdir(parents=True)
    try:
        answers_of(folder / "run", *[None] * 3)  # type: ignore[arg-type]
    except LanistrError as error:
        return Seen(without_folder(str(error), folder))
    return Seen()
