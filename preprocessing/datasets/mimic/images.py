"""Every radiograph of MIMIC-CXR-JPG, decoded once and stored small.

A file of another format than JPEG under a radiograph's name is read as well.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typer import Option

from preprocessing.datasets.mimic.options import CohortFile
from preprocessing.datasets.mimic.radiograph_files import found_instead, paths_of
from preprocessing.datasets.mimic.raw import Source, has_table, open_source
from preprocessing.datasets.mimic.release import layouts
from preprocessing.datasets.mimic.schemas import Images
from preprocessing.engine.duckdb import connect
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.images import square_or_reason
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import (
    FactsFile,
    ImagePx,
    LedgerFile,
    OutputFiles,
    SightingsFile,
    Threads,
)
from preprocessing.shards import split_parts, write_facts, write_stream
from preprocessing.sightings import write_sightings
from preprocessing.splits import Splits
from reading.pictures import REASONS
from reading.squares import GreySquare, grey_square

log = logging.getLogger(__name__)

METADATA = "mimic-cxr-2.0.0-metadata"
CHEXPERT = "mimic-cxr-2.0.0-chexpert"
STUDY = ("subject_id", "study_id")
FINDINGS = tuple(c.name for c in layouts("v2.2")[CHEXPERT] if c.name not in STUDY)
COLUMNS = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
ORDER = ("subject_id", "study_time", "dicom_id")

# Images in memory at a time, and rows of a Parquet row group.
CHUNK = 1024
LOG_EVERY = 4096


def study_time() -> pl.Expr:
    """When the study was made, to the second; null if date or time cannot be one.

    StudyTime is HHMMSS.fff, but its leading zeros are lost: 12345.678 is 01:23:45, and 5.0
    five seconds past midnight. The fraction is cut off.

    >>> rows = pl.DataFrame(
    ...     {"StudyDate": [21800506, 21800230], "StudyTime": ["12345.678", "213014.531"]}
    ... )
    >>> rows.select(study_time()).to_series().to_list()
    [datetime.datetime(2180, 5, 6, 1, 23, 45), None]
    """
    digits = pl.col("StudyTime").str.extract(r"^\s*(\d{1,6})(?:\.\d*)?\s*$").str.zfill(6)
    # Seconds up to 59: polars would take 60 for a leap second of the next minute.
    clock = digits.str.extract(r"^((?:[01]\d|2[0-3])[0-5]\d[0-5]\d)$")
    date = pl.col("StudyDate").cast(pl.String)
    stamp = pl.when(date.str.len_chars() == 8).then(date + clock)
    return stamp.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False).alias("study_time")


def radiographs(metadata: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The metadata in the names and types of `schemas.Images`, without the pixels.

    Raises:
        DataContractError: one dicom_id names different radiographs.
    """
    distinct = metadata.unique()
    ledger.record(METADATA, "row repeated", metadata.height, distinct.height)
    keys = ["dicom_id", "subject_id", "study_id"]
    distinct = ledger.keep(
        METADATA,
        distinct,
        pl.all_horizontal(pl.col(keys).is_not_null()),
        reason=f"one of {', '.join(keys)} is missing",
    )
    repeated = distinct.height - distinct["dicom_id"].n_unique()
    if repeated:
        raise DataContractError(
            f"{METADATA}: {repeated} rows repeat a dicom_id with other contents. "
            "It must name one radiograph; fetch the file again."
        )
    timed = ledger.keep(
        METADATA,
        distinct.with_columns(study_time()),
        pl.col("study_time").is_not_null(),
        reason="StudyDate or StudyTime is no date or time of day",
    )
    return timed.rename({"ViewPosition": "view"}).drop("StudyDate", "StudyTime").sort(ORDER)


def labelled(rows: pl.DataFrame, labels: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The radiographs with the labels of their study's report, as `schemas.Images` has them.

    Args:
        rows: `radiographs`.
        labels: CheXpert's table; without rows where the release lacks it.
        ledger: counts the radiographs of studies without labels, which are kept.

    Raises:
        DataContractError: a study has two rows, or a label is none of 1, 0, -1 and empty.
    """
    label = pl.col(FINDINGS)
    known = pl.all_horizontal(label.is_in([-1.0, 0.0, 1.0]) | label.is_null())
    problems = {
        "repeat a study": labels.select(STUDY).is_duplicated().sum(),
        "have a label other than 1, 0, -1 and empty": labels.select((~known).sum()).item(),
    }
    for problem, count in problems.items():
        if count:
            raise DataContractError(f"{CHEXPERT}: {count} rows {problem}. Fetch the file again.")
    labels = labels.select(
        *STUDY,
        labelled=pl.lit(True),
        findings=pl.concat_list(label.cast(pl.Int8)),
    )
    nothing = pl.lit([None] * len(FINDINGS), pl.List(pl.Int8))
    both = rows.join(labels, on=STUDY, how="left", maintain_order="left").with_columns(
        pl.col("labelled").fill_null(False),
        pl.col("findings").fill_null(nothing).list.to_array(len(FINDINGS)),
    )
    ledger.note(CHEXPERT, "study without labels", both.filter(~pl.col("labelled")).height)
    return both


def labels_of(source: Source, threads: int) -> pl.DataFrame:
    """CheXpert's table, or one without rows where the release lacks it."""
    if CHEXPERT in source.files:
        return source.read(connect(threads=threads), CHEXPERT, (*STUDY, *FINDINGS))
    log.warning("%s has no %s: the radiographs get no labels", source.root, CHEXPERT)
    return pl.DataFrame(schema=dict.fromkeys(STUDY, pl.Int32) | dict.fromkeys(FINDINGS, pl.Float64))


@dataclass
class Tally:
    """What the manifest and the ledger need to know of all parts together."""

    rows_before: int
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    lost_ids: set[str] = field(default_factory=set)
    views: Counter[str] = field(default_factory=Counter)
    # Pixels of each grey level over the training split.
    grey: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    def add(self, chunk: pl.DataFrame, squares: Sequence[GreySquare | str]) -> None:
        """Count a chunk; a string stands for a radiograph that was lost, and is the reason."""
        rows = zip(chunk["dicom_id"], chunk["split"], chunk["view"], squares, strict=True)
        for dicom_id, split, view, square in rows:
            if isinstance(square, str):
                self.lost[square] += 1
                self.lost_ids.add(dicom_id)
                continue
            self.views[view or "not recorded"] += 1
            if split == "train":
                self.grey += square.histogram
        before, self.done = self.done, self.done + chunk.height
        if before // LOG_EVERY != self.done // LOG_EVERY or self.done == self.rows_before:
            rate = self.done / (time.monotonic() - self.started)
            log.info("%s of %s radiographs, %.0f/s", self.done, self.rows_before, rate)

    def enter(self, ledger: Ledger) -> None:
        """Enter every reason, also those that did not occur."""
        rows = self.rows_before
        for reason in REASONS:
            ledger.record("files", reason, rows, rows - self.lost[reason])
            rows -= self.lost[reason]

    def facts(self, px: int) -> dict[str, object]:
        """The manifest's entry; grey levels are on the scale 0 to 1."""
        pixels = int(self.grey.sum())
        level = np.arange(256) / 255
        mean = float(self.grey @ level) / pixels
        return {
            "px": px,
            "rows": self.rows_before - self.lost.total(),
            "views": dict(sorted(self.views.items())),
            "grey_mean": mean,
            "grey_std": float(np.sqrt(self.grey @ (level - mean) ** 2 / pixels)),
            "grey_over": "all pixels of the training split, resized, before re-encoding, 0 to 1",
        }


def check_training(cxr: Path, rows: pl.DataFrame, tally: Tally, ledger: Ledger) -> None:
    """Refuse radiographs none of which training has.

    Raises:
        DataContractError: counts what was lost, by reason, and says where files are looked for.
    """
    if tally.grey.any():
        return
    wanted = rows.filter(split="train")
    missing = next((path for path in paths_of(cxr, wanted) if not path.exists()), None)
    raise DataContractError(
        f"{METADATA}: none of {wanted.height} radiographs of the training split could be read, so "
        f"there are no grey level statistics. Lost in all splits:\n{ledger.losses()}\n"
        + (f"{found_instead(cxr, missing)} " if missing else "")
        + "Set mimic.cxr to a whole MIMIC-CXR-JPG in the layout of its release, or fetch it anew."
    )


def squares_of(cxr: Path, chunk: pl.DataFrame, px: int, pool: Executor) -> list[GreySquare | str]:
    """Each radiograph of the chunk, or the reason why there is none."""

    def square(path: Path) -> GreySquare | str:
        return square_or_reason(grey_square, path, px, cxr / "files")

    return list(pool.map(square, paths_of(cxr, chunk)))


def decoded(
    cxr: Path, part: pl.DataFrame, px: int, pool: Executor, tally: Tally
) -> Iterator[pl.DataFrame]:
    """The rows of a part with their pixels, a chunk at a time."""
    for chunk in part.iter_slices(CHUNK):
        squares = squares_of(cxr, chunk, px, pool)
        tally.add(chunk, squares)
        jpegs = [None if isinstance(square, str) else square.jpeg for square in squares]
        column = pl.Series("jpeg", jpegs, dtype=pl.Binary)
        yield chunk.with_columns(column).drop_nulls("jpeg")


def resize_radiographs(
    cxr: Annotated[Path, Option(help="Folder with files/ and the mimic-cxr-2.0.0-* tables")],
    cohort: CohortFile,
    splitter: Splits,
    *,
    px: ImagePx,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    threads: Threads = 2,
    sightings: SightingsFile = None,
) -> None:
    """Write the parts, the facts and the ledger.

    Raises:
        SourceMissingError: the metadata or the folder `files` is not there, or is unreadable.
        DataContractError: the metadata breaks its layout, the splits disagree with the cohort,
            or no radiograph of training can be read.
    """
    optional = [CHEXPERT] if has_table(cxr, CHEXPERT) else []
    source = open_source(cxr, [METADATA, *optional])
    if not (cxr / "files").is_dir():
        found = "files is a file there" if (cxr / "files").exists() else "nothing has this name"
        raise SourceMissingError(
            f"{cxr} has no folder files/ with the radiographs: {found}. Set mimic.cxr to the "
            "folder of MIMIC-CXR-JPG that holds files/ and the mimic-cxr-2.0.0-* tables."
        )
    splitter.check_agrees(
        pl.read_parquet(cohort, columns=["subject_id", "split"], glob=False), str(cohort)
    )
    ledger = Ledger("mimic-images", Flow("radiographs", (METADATA, "files")))
    metadata = source.read(connect(threads=threads), METADATA, COLUMNS)
    rows = labelled(radiographs(metadata, ledger), labels_of(source, threads), ledger)
    rows = splitter.assign(rows)
    tally = Tally(rows.height)
    with ThreadPoolExecutor(threads) as pool:
        for part, path in zip(split_parts(rows, len(outputs)), outputs, strict=True):
            write_stream(decoded(cxr, part, px, pool, tally), path, Images, stored=["jpeg"])
    if sightings:
        is_lost = pl.col("dicom_id").is_in(list(tally.lost_ids))
        lost, had = rows.filter(is_lost), rows.filter(~is_lost)
        write_sightings(paths_of(cxr, lost), paths_of(cxr, had), sightings)
    tally.enter(ledger)
    check_training(cxr, rows, tally, ledger)
    ledger.write(ledger_path)
    findings = list(FINDINGS) if CHEXPERT in source.files else []
    write_facts({**tally.facts(px), "findings": findings}, facts)
