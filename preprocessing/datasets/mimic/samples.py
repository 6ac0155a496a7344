"""The sample index: which image, note, stay and demographics make up a sample, by id alone.

Fine-tuning has one sample per ICU stay of at least 48 h, its modalities aligned in time; no
input is later than 48 h after `intime` or than discharge, but for discharge notes, which the
text source says. Pretraining pairs all that a patient has (the paper's parallel and
non-parallel data), but of radiology reports, of which a patient may have hundreds, only so many
rounds of pairs; patients of the test split have no part in it.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import duckdb
import numpy as np
import polars as pl
from typer import Option

from commandline import Made
from preprocessing.contracts import check
from preprocessing.datasets.mimic.notes import SOURCES
from preprocessing.datasets.mimic.options import CohortFile, SourceName
from preprocessing.datasets.mimic.outcomes import TASKS
from preprocessing.datasets.mimic.schemas import Cohort, Samples
from preprocessing.engine.duckdb import Connection
from preprocessing.errors import ConfigError, DataContractError
from preprocessing.ledger import Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import parts_of, split_parts, write_facts, write_stream
from preprocessing.splits import SPLITS

MODALITIES = ("image", "text", "timeseries", "tabular")
STAGES = ("finetune", "pretrain")

# Samples in memory at a time, about.
CHUNK = 1 << 17

REPORTS = "note/radiology"

# Which note belongs to a stay, and why a patient with notes may have none for it.
TEXT_RULES = {
    REPORTS: ("report_of_stay.sql", "no report before 48 h"),
    "note/discharge": ("discharge_note_of_stay.sql", "no note of the admission"),
}

PairingRounds = Annotated[
    int,
    Option(
        "--pairing-rounds",
        min=1,
        help="Rounds of pairs of a patient's radiographs and radiology reports in pretraining, "
        "each of which uses all of them; without effect on discharge notes",
    ),
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shards:
    """The parts of the tables that samples point into; views of the same names, in SQL."""

    timeseries: Annotated[list[Path], Option(help="Part of mimic-timeseries; repeatable")]
    images: Annotated[list[Path], Option(help="Part of mimic-images; repeatable")]
    notes: Annotated[list[Path], Option(help="Part of mimic-notes; repeatable")]
    tabular: Annotated[list[Path], Option(help="Part of mimic-tabular; repeatable")]


@dataclass
class Tally:
    """Samples per stage, split and modality pattern, and absences per stage and reason."""

    patterns: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    absences: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, samples: pl.DataFrame) -> None:
        """Count a chunk of samples."""
        absent = [f"{modality}_absence" for modality in MODALITIES]
        for stage, split, *reasons, n in samples.group_by("stage", "split", *absent).len().rows():
            lacking = dict(zip(MODALITIES, reasons, strict=True))
            present = [modality for modality, reason in lacking.items() if reason is None]
            self.patterns[stage, split, "+".join(present)] += n
            for modality, reason in lacking.items():
                if reason is not None:
                    self.absences[stage, modality, reason] += n

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Samples by stage, split and pattern such as "image+text"; all splits are listed."""
        return {
            stage: {
                split: {
                    pattern: n
                    for (in_stage, in_split, pattern), n in sorted(self.patterns.items())
                    if (in_stage, in_split) == (stage, split)
                }
                for split in SPLITS
            }
            for stage in STAGES
        }


def pair_samples(
    cohort: CohortFile,
    shards: Annotated[Shards, Made(Shards)],
    *,
    source_name: SourceName,
    pairing_rounds: PairingRounds = 16,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    con: Connection,
) -> None:
    """Write the parts of the index, the facts and the ledger.

    Raises:
        ConfigError: there is no such text source.
        DataContractError: the shards contradict each other.
    """
    if source_name not in SOURCES:
        raise ConfigError(
            f"mimic.text_source is {source_name!r}. It must be one of {', '.join(SOURCES)}."
        )
    rounds = pairing_rounds if SOURCES[source_name].table == REPORTS else None
    load(con, cohort, shards, rounds)
    ledger = Ledger("mimic-samples")
    stays = finetuning(con, source_name)
    aligned = split_parts(stays, len(outputs))
    chunks = pretraining(con, len(outputs), rounds, ledger)
    tally, rows = Tally(), 0
    for part, path in enumerate(outputs):
        rows += write_stream(chunks_of(con, part, aligned[part], chunks, tally), path, Samples)
        logger.info("%s of %s parts, %s samples so far", part + 1, len(outputs), rows)
    for (stage, modality, reason), n in sorted(tally.absences.items()):
        ledger.note(f"samples of {stage}", f"{modality} absent: {reason}", n)
    told = {"text_source": source_name, "rows": rows, "counts": tally.counts()}
    told |= {"pairing_rounds": rounds} if rounds else {}
    write_facts({**told, "tasks": answered(stays, ledger)}, facts)
    ledger.write(ledger_path)


def answered(stays: pl.DataFrame, ledger: Ledger) -> dict[str, dict[str, float]]:
    """Of each task that training can learn: its answers there; of a number, mean and deviation.

    There must be two answers that differ; the ledger counts the answers of tasks without.
    """
    train = stays.filter(pl.col("split") == "train")
    found: dict[str, dict[str, float]] = {}
    for task in TASKS:
        known = train[task].drop_nulls()
        if known.n_unique() > 1:
            scale = _scale(known) if known.dtype.is_float() else {}
            found[task] = {"train": len(known), **scale}
        else:
            ledger.note("tasks", f"{task}: no two answers in training differ", len(known))
    return found


def _scale(numbers: pl.Series) -> dict[str, float]:
    """Mean and deviation (divisor n) of numbers that differ."""
    values = numbers.to_numpy().astype(np.float64)
    return {"mean": float(values.mean()), "std": float(values.std())}


def load(con: duckdb.DuckDBPyConnection, cohort: Path, shards: Shards, rounds: int | None) -> None:
    """Make the tables `stays`, `images` and `notes`, without text, pixels and series.

    Args:
        con: where to make them, and the macro `pairs_made`.
        cohort: the file of the cohort.
        shards: tables that samples point into.
        rounds: of pairs of an image and a note in pretraining; None = all pairs.

    Raises:
        DataContractError: the shards contradict each other.
    """
    stays = check(pl.scan_parquet(cohort, glob=False), Cohort, str(cohort))
    con.register("cohort", stays)
    views = {
        "timeseries_parts": shards.timeseries,
        "image_parts": shards.images,
        "note_parts": shards.notes,
        "tabular_parts": shards.tabular,
    }
    for view, paths in views.items():
        con.read_parquet([str(path) for path in paths]).create_view(view)
    found = con.sql(_sql("sample_conflicts.sql")).fetchall()
    if conflicts := [f"  {cases} {conflict}" for conflict, cases in found if cases]:
        raise DataContractError(
            "\n".join(["The shards contradict each other:", *conflicts])
            + "\nMake them all with the same raw data and split options: snakemake shards."
        )
    con.execute("SET VARIABLE pairing_rounds = $rounds", {"rounds": rounds})
    con.execute(_sql("sample_tables.sql"))


def _sql(name: str) -> str:
    return files("preprocessing.datasets.mimic").joinpath("sql", name).read_text(encoding="utf-8")


def finetuning(con: duckdb.DuckDBPyConnection, source_name: str) -> pl.DataFrame:
    """One sample per stay: its last AP radiograph, its note, its series, its demographics."""
    note_of_stay, no_note = TEXT_RULES[SOURCES[source_name].table]
    con.execute(_sql("radiograph_of_stay.sql"))
    con.execute(_sql(note_of_stay))
    return con.sql(_sql("finetune_samples.sql"), params={"no_note": no_note}).pl()


def pretraining(
    con: duckdb.DuckDBPyConnection, parts: int, rounds: int | None, ledger: Ledger
) -> pl.DataFrame:
    """Prepare the outer join by patient, which is larger than its tables, to be made in chunks.

    Makes the DuckDB table `chunked`: images with notes, or their lack, of all pairs those of so
    many rounds, each with the part and the chunk that its samples are made in.

    Returns:
        `part` and `chunk` of each `image` of a `subject_id`.
    """
    for table in ("images", "notes", "stays"):
        test, rows = con.sql(
            f"SELECT count(*) FILTER (split = 'test'), count(*) FROM {table}"
        ).fetchall()[0]
        ledger.record(table, "of a test patient: not in pretraining", rows, rows - test)
    con.execute(_sql("pretrain_pairs.sql"))
    if rounds:
        possible, made = con.sql(
            "SELECT sum(images * notes * stays), sum(pairs_made(images, notes) * stays) "
            "FROM patient_counts"
        ).fetchall()[0]
        told = f"of a radiograph and a report that pair after round {rounds}"
        ledger.record("samples of pretrain", told, possible or 0, made or 0)
    paired = con.sql(
        "SELECT subject_id, image, sum(stays)::BIGINT AS samples FROM pairs GROUP BY ALL "
        "ORDER BY subject_id, image"
    ).pl()
    part = pl.col("subject_id").replace_strict(
        parts_of(paired["subject_id"], parts), return_dtype=pl.Int64
    )
    before = pl.col("samples").cum_sum() - pl.col("samples")
    chunks = paired.select(
        "subject_id", "image", part.alias("part"), (before.over(part) // CHUNK).alias("chunk")
    )
    con.register("chunks", chunks)
    # In their order, so that a chunk is found without reading the others.
    con.execute(
        "CREATE TEMP TABLE chunked AS "
        "FROM pairs JOIN chunks USING (subject_id, image) ORDER BY part, chunk; DROP TABLE pairs"
    )
    return chunks


def chunks_of(
    con: duckdb.DuckDBPyConnection,
    part: int,
    aligned: pl.DataFrame,
    chunks: pl.DataFrame,
    tally: Tally,
) -> Iterator[pl.DataFrame]:
    """The samples of a part as in `schemas.Samples`, fine-tuning first, counted on the way."""
    pairs = _sql("pretrain_samples.sql")
    yield _flagged(aligned, tally)
    for chunk in chunks.filter(part=part)["chunk"].unique().sort():
        yield _flagged(con.sql(pairs, params={"part": part, "chunk": chunk}).pl(), tally)


def _flagged(samples: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    tally.add(samples)
    present = {f"has_{m}": pl.col(f"{m}_absence").is_null() for m in MODALITIES}
    return samples.with_columns(**present)
