"""Every radiograph of MIMIC-CXR-JPG, decoded once and stored small.

A file of another format than JPEG under a radiograph's name is read as well.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.datasets.mimic.image_tally import Tally
from preprocessing.datasets.mimic.options import CohortFile
from preprocessing.datasets.mimic.radiograph_files import FILE_NAME, found_instead, paths_of
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
from preprocessing.splits import Splits, Splitter
from reading.squares import GreySquare, grey_square

log = logging.getLogger(__name__)

METADATA = "mimic-cxr-2.0.0-metadata"
CHEXPERT = "mimic-cxr-2.0.0-chexpert"
STUDY = ("subject_id", "study_id")
FINDINGS = tuple(c.name for c in layouts("v2.2")[CHEXPERT] if c.name not in STUDY)
COLUMNS = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
ORDER = ("subject_id", "study_time", "dicom_id")

CxrFolder = Annotated[
    Path, Option("--cxr", help="Folder with files/ and the mimic-cxr-2.0.0-* tables")
]

# Images in memory at a time, and rows of a Parquet row group.
CHUNK = 1024


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
    distinct = ledger.keep(
        METADATA,
        distinct,
        pl.col("dicom_id").str.contains(FILE_NAME),
        reason="dicom_id cannot be the name of a file",
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


def read_radiographs(
    cxr: Path, cohort: Path, splitter: Splitter, ledger: Ledger, threads: int
) -> tuple[pl.DataFrame, list[str]]:
    """All radiographs with their split and labels, and the names of these; none without a table.

    Raises:
        SourceMissingError: the metadata or the folder `files` is not there, or is unreadable.
        DataContractError: the metadata breaks its layout, or the splits disagree with the cohort.
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
    metadata = source.read(connect(threads=threads), METADATA, COLUMNS)
    rows = labelled(radiographs(metadata, ledger), labels_of(source, threads), ledger)
    return splitter.assign(rows), list(FINDINGS) if CHEXPERT in source.files else []


def new_ledger() -> Ledger:
    """What becomes of radiographs: of their rows in the metadata, then of their files."""
    return Ledger("mimic-images", Flow("radiographs", (METADATA, "files")))


def write_part(
    cxr: Path, part: pl.DataFrame, path: Path, px: int, tally: Tally, pool: Executor
) -> None:
    """Decode the radiographs of a part and write it."""
    write_stream(decoded(cxr, part, px, pool, tally), path, Images, stored=["jpeg"])


def write_outcome(
    cxr: Path,
    rows: pl.DataFrame,
    tally: Tally,
    ledger: Ledger,
    *,
    px: int,
    findings: list[str],
    facts: Path,
    ledger_path: Path,
    sightings: Path | None,
) -> None:
    """Write what all parts together tell: facts, ledger and sightings.

    Raises:
        DataContractError: no radiograph of training could be read.
    """
    if sightings:
        is_lost = pl.col("dicom_id").is_in(list(tally.lost_ids))
        lost, had = rows.filter(is_lost), rows.filter(~is_lost)
        write_sightings(paths_of(cxr, lost), paths_of(cxr, had), sightings)
    tally.enter(ledger)
    check_training(cxr, rows, tally, ledger)
    ledger.write(ledger_path)
    write_facts({**tally.facts(px), "findings": findings}, facts)


def resize_radiographs(
    cxr: CxrFolder,
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
    ledger = new_ledger()
    rows, findings = read_radiographs(cxr, cohort, splitter, ledger, threads)
    tally = Tally(rows.height)
    with ThreadPoolExecutor(threads) as pool:
        for part, path in zip(split_parts(rows, len(outputs)), outputs, strict=True):
            write_part(cxr, part, path, px, tally, pool)
    write_outcome(
        cxr,
        rows,
        tally,
        ledger,
        px=px,
        findings=findings,
        facts=facts,
        ledger_path=ledger_path,
        sightings=sightings,
    )
