"""The radiographs in pieces, each a job that knows nothing of the others; another gathers them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

from typer import Option

from preprocessing.datasets.mimic.image_tally import Tally
from preprocessing.datasets.mimic.images import (
    CxrFolder,
    new_ledger,
    read_radiographs,
    write_outcome,
    write_part,
)
from preprocessing.datasets.mimic.options import CohortFile
from preprocessing.options import FactsFile, ImagePx, LedgerFile, SightingsFile, Threads
from preprocessing.shards import split_parts, write_facts
from preprocessing.splits import Splits


def resize_piece(
    cxr: CxrFolder,
    cohort: CohortFile,
    splitter: Splits,
    *,
    px: ImagePx,
    piece: Annotated[int, Option(min=0, help="Number of the piece, from 0")],
    pieces: Annotated[int, Option(min=1, help="Number of all pieces")],
    output: Annotated[Path, Option(help="Parquet part to write")],
    tally: Annotated[Path, Option(help="JSON to write of what was found, for the others")],
    threads: Threads = 2,
) -> None:
    """Write one part of the table, the same as if all were made at once, and its tally.

    Raises:
        SourceMissingError: the metadata or the folder `files` is not there, or is unreadable.
        DataContractError: the metadata breaks its layout, or the splits disagree with the cohort.
    """
    rows, _ = read_radiographs(cxr, cohort, splitter, new_ledger(), threads)
    part = split_parts(rows, pieces)[piece]
    found = Tally(part.height)
    with ThreadPoolExecutor(threads) as pool:
        write_part(cxr, part, output, px, found, pool)
    write_facts(found.told(), tally)


def gather_pieces(
    cxr: CxrFolder,
    cohort: CohortFile,
    splitter: Splits,
    *,
    px: ImagePx,
    tallies: Annotated[list[Path], Option("--tally", help="JSON of a piece; repeat it for all")],
    facts: FactsFile,
    ledger_path: LedgerFile,
    threads: Threads = 2,
    sightings: SightingsFile = None,
) -> None:
    """Write the facts and the ledger of all pieces.

    Raises:
        SourceMissingError: the metadata or the folder `files` is not there, or is unreadable.
        DataContractError: the metadata breaks its layout, the splits disagree with the cohort,
            or no radiograph of training could be read.
    """
    ledger = new_ledger()
    rows, findings = read_radiographs(cxr, cohort, splitter, ledger, threads)
    found = Tally(rows.height)
    for path in tallies:
        found.join(json.loads(path.read_text(encoding="utf-8")))
    write_outcome(
        cxr,
        rows,
        found,
        ledger,
        px=px,
        findings=findings,
        facts=facts,
        ledger_path=ledger_path,
        sightings=sightings,
    )
