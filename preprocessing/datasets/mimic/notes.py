"""Notes of one text source, cleaned by stated rules: all of its kind, of all patients."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import duckdb
import polars as pl
from typer import Option

from preprocessing.datasets.mimic.discharge import admission_sections, without_template
from preprocessing.datasets.mimic.options import CohortFile, SourceName
from preprocessing.datasets.mimic.raw import Source, open_source
from preprocessing.datasets.mimic.schemas import Notes
from preprocessing.engine.duckdb import Connection
from preprocessing.errors import ConfigError, DataContractError
from preprocessing.ledger import Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import parts_of, write_facts, write_stream
from preprocessing.splits import Splits, Splitter

log = logging.getLogger(__name__)

COLUMNS = ("note_id", "subject_id", "hadm_id", "note_type", "charttime", "storetime", "text")

# Notes in memory at a time.
CHUNK = 4096


@dataclass(frozen=True)
class TextSource:
    """Which notes are the text of a sample, and what is done to them.

    Attributes:
        table: where they are.
        types: the values of `note_type` that count.
        leaky: True if the text was written when the outcome was known and may tell it.
        clean: from the raw text to the stored one; empty means that nothing is left.
        rules: what `clean` does, for the manifest.
        nothing_left: the ledger's reason when it leaves nothing.
    """

    table: str
    types: tuple[str, ...]
    leaky: bool
    clean: Callable[[str], str]
    rules: tuple[str, ...]
    nothing_left: str = "text empty"


STRIPPED = "white space at both ends removed"
SOURCES = {
    "radiology_48h": TextSource(
        "note/radiology", ("RR", "AR"), leaky=False, clean=str.strip, rules=(STRIPPED,)
    ),
    "discharge": TextSource(
        "note/discharge",
        ("DS", "AD"),
        leaky=True,
        clean=without_template,
        rules=("Name, Admission Date and Date of Birth lines of the template removed", STRIPPED),
    ),
    "discharge_admission_sections": TextSource(
        "note/discharge",
        ("DS", "AD"),
        leaky=False,
        clean=admission_sections,
        rules=(
            "only sections of what is known at admission kept, under uniform headings",
            "exam cut at the first line on discharge or death",
            "written at discharge all the same: the author knew the outcome",
        ),
        nothing_left="none of the admission sections found",
    ),
}


def load(con: duckdb.DuckDBPyConnection, source: Source, text: TextSource, ledger: Ledger) -> int:
    """Read the notes into the DuckDB table `notes`, which may spill to disk; each note once.

    Returns:
        The number of notes.

    Raises:
        DataContractError: one note_id names different notes.
    """
    source.scan(con, text.table, COLUMNS).create("notes")
    rows = _count(con, "FROM notes")
    required = "note_id, subject_id, charttime"
    where = " OR ".join(f"{column} IS NULL" for column in required.split(", "))
    rows = _drop(con, ledger, text.table, rows, f"one of {required} is missing", where)
    of_source = ", ".join(f"'{name}'" for name in text.types)
    reason = f"note_type is none of {', '.join(text.types)}"
    other = f"coalesce(note_type NOT IN ({of_source}), true)"
    rows = _drop(con, ledger, text.table, rows, reason, other)
    con.execute(
        "CREATE TEMP TABLE repeated AS SELECT note_id, min(rowid) AS first FROM notes "
        "GROUP BY note_id HAVING count(*) > 1"
    )
    conflicts = _count(
        con,
        "FROM (SELECT note_id FROM notes SEMI JOIN repeated USING (note_id) "
        "GROUP BY note_id HAVING count(DISTINCT notes) > 1)",
    )
    if conflicts:
        raise DataContractError(
            f"{text.table}: {conflicts} note_id have several rows that differ. "
            "A note_id must name one note; fetch the file again."
        )
    second = (
        "note_id IN (SELECT note_id FROM repeated) AND rowid NOT IN (SELECT first FROM repeated)"
    )
    rows = _drop(con, ledger, text.table, rows, "row repeated", second)
    copies = rows - _count(con, "FROM (SELECT DISTINCT hash(text) FROM notes)")
    ledger.note(text.table, "text is the copy of another note's, kept", copies)
    return rows


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    return int(con.sql(f"SELECT count(*) {rows}").fetchall()[0][0])


def _drop(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, table: str, rows: int, reason: str, where: str
) -> int:
    """Delete notes, enter the reason, and return how many are left."""
    left = rows - int(con.execute(f"DELETE FROM notes WHERE {where}").fetchall()[0][0])
    ledger.record(table, reason, rows, left)
    return left


def assign_subjects(con: duckdb.DuckDBPyConnection, splitter: Splitter, parts: int) -> None:
    """Make the DuckDB table `subjects`: the split and the part of everyone with a note."""
    subjects = splitter.assign(con.sql("SELECT DISTINCT subject_id FROM notes").pl())
    part = parts_of(subjects["subject_id"], parts)
    subjects = subjects.with_columns(
        part=pl.Series([part[subject] for subject in subjects["subject_id"]], dtype=pl.Int32)
    )
    con.register("subjects_frame", subjects)
    con.execute("CREATE TEMP TABLE subjects AS FROM subjects_frame")


def cleaned(
    con: duckdb.DuckDBPyConnection, part: int, text: TextSource, lengths: list[int]
) -> Iterator[pl.DataFrame]:
    """The notes of a part as in `schemas.Notes`, a chunk at a time; `lengths` gets their size."""
    notes = con.sql(
        f"SELECT {', '.join(Notes.to_schema().columns)} "
        f"FROM notes JOIN subjects USING (subject_id) WHERE part = {part} "
        "ORDER BY subject_id, charttime, note_id"
    )
    for batch in notes.to_arrow_reader(CHUNK):
        chunk = pl.DataFrame(batch)
        # A program of Windows writes the ends of lines within a text, too, as it does.
        lines = chunk["text"].fill_null("").str.replace_all("\r\n", "\n", literal=True)
        clean = pl.Series("text", [text.clean(raw) for raw in lines], dtype=pl.String)
        kept = chunk.with_columns(clean).filter(pl.col("text") != "")
        lengths.extend(kept["text"].str.len_chars())
        yield kept


def clean_notes(
    root: Annotated[Path, Option("--notes", help="Folder with note/")],
    cohort: CohortFile,
    splitter: Splits,
    *,
    source_name: SourceName,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    con: Connection,
) -> None:
    """Write the parts, the facts and the ledger.

    Raises:
        ConfigError: there is no such text source.
        SourceMissingError: the table is not there.
        DataContractError: it breaks its layout, or the splits disagree with the cohort.
    """
    if source_name not in SOURCES:
        raise ConfigError(
            f"mimic.text_source is {source_name!r}. It must be one of {', '.join(SOURCES)}."
        )
    text = SOURCES[source_name]
    source = open_source(root, [text.table])
    splitter.check_agrees(
        pl.read_parquet(cohort, columns=["subject_id", "split"], glob=False), str(cohort)
    )
    ledger = Ledger("mimic-notes")
    lengths: list[int] = []
    with source.guard():
        rows = load(con, source, text, ledger)
        assign_subjects(con, splitter, len(outputs))
        for part, path in enumerate(outputs):
            write_stream(cleaned(con, part, text, lengths), path, Notes)
            log.info("%s of %s parts, %s notes so far", part + 1, len(outputs), len(lengths))
    ledger.record(text.table, text.nothing_left, rows, len(lengths))
    ledger.write(ledger_path)
    entry = {
        "source": source_name,
        "leaky": text.leaky,
        "rows": len(lengths),
        "median_chars": median(lengths) if lengths else None,
        "cleaning": list(text.rules),
    }
    write_facts(entry, facts)
