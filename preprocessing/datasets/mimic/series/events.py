"""The one pass over each raw table: what is kept of it, and why all else is not."""

from collections import Counter
from pathlib import Path

import duckdb
import polars as pl

from preprocessing.datasets.mimic.blocks import blocks
from preprocessing.datasets.mimic.raw import Source
from preprocessing.datasets.mimic.schemas import TIME
from preprocessing.datasets.mimic.series.database import Wanted
from preprocessing.datasets.mimic.series.inference import Inference
from preprocessing.datasets.mimic.series.judging import conditions, judged
from preprocessing.datasets.mimic.series.kept import KeptRows
from preprocessing.engine.cells import complaint, parse_times
from preprocessing.engine.intact import GET_ANEW
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger

WITHOUT_STAY = frozenset({"hosp/labevents"})
WITH_NUMBERS = frozenset({"icu/chartevents", "hosp/labevents"})
# What de-identification leaves of a text.
REDACTED = "___"


def pass_over(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: str,
    wanted: Wanted,
    inference: Inference,
    kept: KeptRows,
    ledger: Ledger,
) -> set[int | None]:
    """Read one raw table once: keep what is wanted, count the reasons of all else.

    Args:
        con: reads what the fast parser does not.
        source: the raw root.
        table: such as "icu/chartevents".
        wanted: stays, items and switches.
        inference: sees the rows of the reference's files.
        kept: where the kept rows go.
        ledger: gets one entry per reason.

    Returns:
        The admissions (hadm_id) of what is kept.
    """
    by_admission = table not in WITHOUT_STAY or wanted.switches.lab_link == "admission"
    stages = conditions(wanted, by_admission=by_admission)
    columns = ["subject_id", "hadm_id", "itemid", "charttime", "value"]
    columns += [] if table in WITHOUT_STAY else ["stay_id"]
    columns += ["storetime"] if wanted.switches.horizon == "storetime" else []
    reads_numbers = wanted.switches.redacted == "valuenum" and table in WITH_NUMBERS
    columns += ["valuenum"] if reads_numbers else []
    absent = {name: None for name in ("stay_id", "storetime") if name not in columns}
    rows, revealed, unnamed, dropped = 0, 0, 0, Counter[str]()
    admissions: set[int | None] = set()
    for block in blocks(source, con, table, columns):
        # Of outputevents the values are numbers.
        passed = block.with_columns(pl.col("value").cast(pl.String), **absent)
        for stage, checks in stages.items():
            passed, failed = judged(passed, checks)
            passed = inference.placed(stage, passed)
            dropped += failed
        if reads_numbers:
            passed, numbers = _revealed(passed)
            revealed += numbers
        unnamed += passed["stay_id"].null_count()
        timed = _timed(passed, source.path(table))
        kept.add(table, _linked(timed, wanted.stays, by_admission))
        admissions |= set(passed["hadm_id"].unique())
        rows += block.height
    for reason in (reason for checks in stages.values() for reason in checks):
        ledger.record(table, reason, rows, rows - dropped[reason])
        rows -= dropped[reason]
        if reason == "another stay of the admission" and table in WITHOUT_STAY:
            ledger.note(table, "stay taken from the admission", rows)
    if unnamed and table not in WITHOUT_STAY:
        ledger.note(table, "stay taken from the admission", unnamed)
    if reads_numbers:
        ledger.note(table, "redacted value taken from valuenum", revealed)
    return admissions


def _revealed(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Rows whose value is redacted with the number of valuenum instead, and how many had one.

    >>> rows, count = _revealed(pl.DataFrame({"value": ["___", "7"], "valuenum": [15.1, 7.0]}))
    >>> rows["value"].to_list(), count
    (['15.1', '7'], 1)
    """
    hidden = (pl.col("value") == REDACTED) & pl.col("valuenum").is_not_null()
    count = int(rows.select(hidden.sum()).item())
    if count:
        number = pl.col("valuenum").cast(pl.String)
        rows = rows.with_columns(value=pl.when(hidden).then(number).otherwise("value"))
    return rows.drop("valuenum"), count


def _timed(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Rows with their times parsed; csv has them as text."""
    times = rows.select("charttime", "storetime")
    texts = [column for column in times if column.dtype == pl.String]
    parsed = times.with_columns(map(parse_times, texts)).cast(TIME)
    if broken := (parsed.null_count() - times.null_count()).sum_horizontal().item():
        example = next(t for text in texts for t in text.filter(parse_times(text).is_null()) if t)
        raise DataContractError(
            f"{path}: {complaint('charttime or storetime', example, 'TIMESTAMP')}; {broken} such "
            f"times. {GET_ANEW}"
        )
    return rows.with_columns(parsed)


def _linked(rows: pl.DataFrame, stays: pl.DataFrame, by_admission: bool) -> pl.DataFrame:
    """Rows with their bucket and, where that is known already, their stay."""
    rows = rows.drop("stay_id", *([] if by_admission else ["hadm_id"]))
    if by_admission:
        place = stays.select("hadm_id", "stay_id", "bucket")
        return rows.join(place, on="hadm_id", how="left").drop("hadm_id")
    place = stays.select("subject_id", "bucket", stay_id=pl.lit(None, pl.Int32)).unique()
    return rows.join(place, on="subject_id", how="left")
