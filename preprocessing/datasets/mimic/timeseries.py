"""The first 48 hours of each stay: 17 variables, hourly, in 59 value columns.

Each raw table is read once. What is kept of it waits on disk in buckets of patients, and only
one bucket at a time is in memory.

Source: mimic4extract and the Discretizer that MedFuse and LANISTR share;
shared/docs/timeseries-reference.md. Where we differ, a switch says so.
"""

import json
import logging
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from preprocessing.contracts import check
from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.blocks import ahead
from preprocessing.datasets.mimic.options import CohortFile, RawRoot
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.schemas import HOURS, VALUES, VARIABLES, Cohort, TimeSeries
from preprocessing.datasets.mimic.series.buckets import Buckets
from preprocessing.datasets.mimic.series.database import Wanted, prepare
from preprocessing.datasets.mimic.series.dictionaries import confirmed_items, dictionaries_read
from preprocessing.datasets.mimic.series.events import pass_over
from preprocessing.datasets.mimic.series.inference import Inference
from preprocessing.datasets.mimic.series.kept import KeptRows
from preprocessing.datasets.mimic.series.statistics import Moments
from preprocessing.datasets.mimic.series.stays import assign_buckets, stays_with_series, tables_read
from preprocessing.datasets.mimic.series.tensors import dense
from preprocessing.datasets.mimic.switches import ChosenSwitches, Profile, Switches
from preprocessing.engine.duckdb import Connection
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles

EVENTS = ("icu/chartevents", "hosp/labevents")
# Share of stays above which the log warns: in a whole release hardly one is not charted.
UNCHARTED_SHARE = 0.02
# No variable is measured there, but the reference reads it and its counts cover it.
EVENTS_OF_REFERENCE = ("icu/outputevents", *EVENTS)

ARROW_SCHEMA = pa.schema(
    {
        "stay_id": pa.int32(),
        "subject_id": pa.int32(),
        "split": pa.string(),
        "label": pa.int8(),
        "values": pa.list_(pa.float32(), HOURS * VALUES),
        "observed": pa.list_(pa.uint8(), HOURS * VARIABLES),
    }
)

logger = logging.getLogger(__name__)


def extract_series(
    root: RawRoot,
    cohort_path: CohortFile,
    switches: ChosenSwitches,
    *,
    profile: Profile,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    con: Connection,
    temp_dir: Path | None = None,
) -> None:
    """Write the time series of a cohort, their statistics and what was dropped on the way.

    Args:
        root: the raw root.
        cohort_path: cohort.parquet of mimic-cohort, made with the same switches.
        switches: which quirks are in force.
        profile: the name of the profile that the switches started from.
        outputs: the Parquet parts; a patient lies in one of them.
        facts: JSON for the manifest.
        ledger_path: JSON of the drops.
        con: a connection of this run alone.
        temp_dir: where kept rows wait; the system's temporary folder if None.
    """
    tables = EVENTS_OF_REFERENCE if profile == "faithful" else EVENTS
    small = [*tables_read(switches), *dictionaries_read(root, switches)]
    source = open_source(root, [*tables, *small], streamed=tables)
    ledger = Ledger("mimic-timeseries", Flow("ICU stays", ("cohort",), 2, ("mimic", "stay_48h")))
    cohort = check(pl.read_parquet(cohort_path, glob=False), Cohort, str(cohort_path))
    chosen = stays_with_series(cohort, source, con, switches, ledger)
    has_series = pl.col("stay_id").is_in(chosen["stay_id"].implode())
    stays, part_of_bucket = assign_buckets(cohort.with_columns(has_series=has_series), len(outputs))
    wanted = Wanted(stays, confirmed_items(source, con, switches, ledger), switches)
    prepare(con, wanted)
    with tempfile.TemporaryDirectory(dir=temp_dir, prefix="events-") as folder:
        inference = Inference(switches)
        with KeptRows(Path(folder)) as kept:
            seen = {}
            for table in tables:
                seen[table] = pass_over(con, source, table, wanted, inference, kept, ledger)
                logger.info("%s: read", table)
        inference.put(con)
        _note_uncharted(chosen, seen, ledger)
        buckets = Buckets(con, kept, switches)
        summary = _write(stays, part_of_bucket, buckets, switches, outputs)
    buckets.report(ledger)
    ledger.record("cohort", "nothing observed in the first 48 h", chosen.height, summary["rows"])
    ledger.write(ledger_path)
    facts.parent.mkdir(parents=True, exist_ok=True)
    facts.write_text(
        json.dumps(_names() | {"profile": profile} | summary, indent=1) + "\n", encoding="utf-8"
    )
    logger.info("%d stays in %d parts", summary["rows"], len(outputs))


def _note_uncharted(
    stays: pl.DataFrame, seen: Mapping[str, Collection[int | None]], ledger: Ledger
) -> None:
    """Count stays with laboratory values and no charted one: many tell of a table that was cut."""
    admissions = set(stays["hadm_id"])
    charts, labs = (admissions.intersection(seen[table]) for table in EVENTS)
    uncharted = len(labs - charts)
    ledger.note(EVENTS[0], "stay with laboratory values and no charted ones", uncharted)
    if uncharted > UNCHARTED_SHARE * len(admissions):
        logger.warning(
            "%d of %d stays have laboratory values and no charted ones: %s may end early. Compare "
            "it with the release's SHA256SUMS.txt",
            *(uncharted, len(admissions), EVENTS[0]),
        )


def _write(
    stays: pl.DataFrame,
    part_of_bucket: Sequence[int],
    buckets: Buckets,
    switches: Switches,
    outputs: Sequence[Path],
) -> dict[str, Any]:
    """Write the parts, bucket by bucket; returns rows, statistics and switches for the facts."""
    moments, rows = Moments(), 0
    wanted = stays.filter("has_series").sort("subject_id", "stay_id")
    # Buckets are numbered in the order of their parts.
    cells_of_bucket = ahead(map(buckets.cells, range(len(part_of_bucket))))
    for part, path in enumerate(outputs):
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, ARROW_SCHEMA, compression="zstd") as writer:
            for bucket in (b for b, p in enumerate(part_of_bucket) if p == part):
                here, cells = wanted.filter(bucket=bucket), next(cells_of_bucket)
                train = here.filter(split="train")
                moments.add(cells.join(train, on="stay_id", how="semi"))
                frame = check(_frame(here, cells, switches), TimeSeries, str(path))
                writer.write_table(frame.to_arrow().cast(ARROW_SCHEMA))
                rows += frame.height
    mean, std = moments.mean_and_std()
    if switches.statistics != "train":
        mean, std = variables.reference_statistics(switches)
    return {"mean": mean, "std": std, "switches": switches.model_dump(), "rows": rows}


def _frame(stays: pl.DataFrame, cells: pl.DataFrame, switches: Switches) -> pl.DataFrame:
    """The rows of `schemas.TimeSeries`: those of `stays` in which anything was observed."""
    stays = stays.join(cells, on="stay_id", how="semi", maintain_order="left")
    values, observed = dense(cells, stays["stay_id"], switches.imputation)
    return stays.select(
        "stay_id",
        "subject_id",
        "split",
        pl.col("in_hospital_mortality").alias("label"),
        pl.Series("values", values.reshape(-1, HOURS * VALUES)),
        pl.Series("observed", observed.reshape(-1, HOURS * VARIABLES)),
    )


def _names() -> dict[str, Any]:
    return {
        "value_names": variables.value_names(),
        "variable_names": variables.variable_names(),
        "variable_of_value": variables.variable_of_value(),
        "hours": HOURS,
    }
