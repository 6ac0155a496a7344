"""Where MIMIC-CXR-JPG keeps a radiograph, and what is there instead of it."""

from collections import Counter
from pathlib import Path

import polars as pl

KEYS = ("subject_id", "study_id", "dicom_id")
# An identifier with a slash, or one of dots, would lead to files elsewhere.
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
# How the release names the folders below its root, one below the other, and the file.
LAYOUT = ("files", "p<NN>", "p<subject_id>", "s<study_id>", "<dicom_id>.jpg")
# Endings that say something; any other may be part of an identifier.
ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".dcm", ".html", ".gz", ".zip", ".txt", ".gstmp"})


def path_of(cxr: Path, subject_id: int, study_id: int, dicom_id: str) -> Path:
    """Where a release keeps a radiograph.

    >>> print(path_of(Path("cxr"), 10000032, 50414267, "02aa"))
    cxr/files/p10/p10000032/s50414267/02aa.jpg
    """
    folder = f"p{str(subject_id)[:2]}/p{subject_id}/s{study_id}"
    return cxr / "files" / folder / f"{dicom_id}.jpg"


def paths_of(cxr: Path, rows: pl.DataFrame) -> list[Path]:
    """Where a release keeps each radiograph of some rows."""
    return [path_of(cxr, *row) for row in rows.select(KEYS).iter_rows()]


def found_instead(cxr: Path, path: Path) -> str:
    """Where a radiograph that is not there was looked for and what is there, naming nobody.

    Args:
        cxr: root of the release, whose folder `files` is there.
        path: `path_of` it.
    """
    folders = [folder for folder in path.parents if folder.is_relative_to(cxr / "files")]
    nearest = next(folder for folder in folders if folder.is_dir())
    depth = len(nearest.relative_to(cxr).parts)
    return (
        f"Each is looked for at {'/'.join(LAYOUT)} below {cxr}. Of the first there is "
        f"{'/'.join(LAYOUT[:depth])} and no {LAYOUT[depth]} in it, but {_contents(nearest)}."
    )


def _contents(folder: Path) -> str:
    """What a folder holds, counted by ending.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("a.jpg", "b.jpg", "index.html", "Name.Surname"):
    ...         _ = (Path(folder) / name).write_text("")
    ...     _contents(Path(folder))
    '2 x .jpg, 1 x .html, 1 x other files'
    """
    found = Counter(
        "folders" if entry.is_dir() else entry.suffix if entry.suffix in ENDINGS else "other files"
        for entry in folder.iterdir()
    )
    return ", ".join(f"{count} x {kind}" for kind, count in found.most_common()) or "nothing"
