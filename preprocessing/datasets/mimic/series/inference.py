"""Whether a value is a number or a text to the reference: told by the values beside it in a file.

The reference writes the mapped rows of a patient to a file (2.2), reads it with pandas, writes
the valid ones of them (2.3) and reads those again (2.4). pandas reads `low_memory`, in chunks of
131,072 rows (a power of two that follows from the seven columns), and gives each chunk a type of
its own: numbers if every value that is not missing is one, otherwise text. Hence (2.4.3):

- A chunk of numbers in the second reading: values are floats. HR, RR and MBP then have a numeric
  maximum, below any text of that time from another chunk; and glucose, pH and saturation need not
  be plain digits.
- A chunk of numbers in the first reading alone: what is read as text is the number as Python
  writes it, '99.0' for '99' and '100.0' for '1e2'.

Scores stay the texts they were: at '15.0' the reference stops.
"""

from collections import Counter

import duckdb
import polars as pl

from preprocessing.datasets.mimic.series.judging import PANDAS_NULLS
from preprocessing.datasets.mimic.switches import Switches

ROWS_OF_A_CHUNK = 1 << 17
# The two readings, by the stage of `judging.conditions` whose rows are in the file.
READINGS = ("written", "validated")

# What pandas' parser takes for a number; blanks go around digits, not around 'inf'.
NUMBER = (
    r"^(?:[ \t\n\x0B\f\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t\n\x0B\f\r]*"
    r"|[+-]?(?i:inf|infinity))$"
)
IS_TEXT = ~pl.col("value").is_in(PANDAS_NULLS) & ~pl.col("value").str.contains(NUMBER)
# From 'O' to 'h' begins neither a number nor what is missing: half of all texts, cheaply told.
IS_OBVIOUSLY_TEXT = (pl.col("value") >= "O") & (pl.col("value") < "i")
CHUNK = ["subject_id", "chunk"]


class Reading:
    """One reading of all patients' files: which of their chunks hold a text.

    >>> reading = Reading()
    >>> rows = pl.DataFrame({"subject_id": [1, 1, 2], "value": ["99", "100", "To Speech"]})
    >>> reading.add(rows).to_list(), reading.numeric()
    ([0, 0, 0], {(1, 0)})
    """

    def __init__(self) -> None:
        self._rows: Counter[int] = Counter()
        self._texts: set[tuple[int, int]] = set()

    def add(self, rows: pl.DataFrame) -> pl.Series:
        """Take in further rows of the files, in their order; returns the chunk of each."""
        looked = rows.select("subject_id", found=IS_OBVIOUSLY_TEXT)
        counts = looked.group_by("subject_id").agg(pl.len(), pl.col("found").any())
        before = {subject: self._rows[subject] for subject in counts["subject_id"]}
        self._rows.update(dict(counts.select("subject_id", "len").iter_rows()))
        if all(self._rows[subject] <= ROWS_OF_A_CHUNK for subject in before):
            # Nearly always, and much faster.
            placed = rows.select("subject_id", "value", chunk=pl.lit(0, pl.UInt16))
            groups = counts.select("subject_id", "found", chunk=pl.lit(0, pl.UInt16))
        else:
            begin = pl.col("subject_id").replace_strict(before, return_dtype=pl.Int64)
            place = begin + pl.int_range(pl.len()).over("subject_id")
            chunk = (place // ROWS_OF_A_CHUNK).cast(pl.UInt16)
            placed = rows.select("subject_id", "value", chunk=chunk)
            groups = placed.group_by(CHUNK).agg(found=IS_OBVIOUSLY_TEXT.any())
        self._note_texts(placed, groups)
        return placed["chunk"]

    def _note_texts(self, placed: pl.DataFrame, groups: pl.DataFrame) -> None:
        """Remember the chunks that have a text, of those where this is not obvious by a look."""
        self._texts.update(groups.filter("found").select(CHUNK).iter_rows())
        doubtful = [key for key in groups.select(CHUNK).rows() if key not in self._texts]
        if doubtful:
            keys = pl.DataFrame(doubtful, schema=placed.select(CHUNK).schema, orient="row")
            texts = placed.join(keys, on=CHUNK, how="semi").filter(IS_TEXT)
            self._texts.update(texts.select(CHUNK).unique().iter_rows())

    def numeric(self) -> set[tuple[int, int]]:
        """Patient and chunk of those without a text: hardly any, as scores are texts."""
        chunks = {
            (subject, chunk)
            for subject, rows in self._rows.items()
            for chunk in range(-(-rows // ROWS_OF_A_CHUNK))
        }
        return chunks - self._texts


class Inference:
    """Both readings, where the switches want types inferred by file; otherwise nothing."""

    def __init__(self, switches: Switches) -> None:
        by_file = switches.value_types == "by_file"
        self._readings = {name: Reading() for name in READINGS} if by_file else {}

    def placed(self, stage: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that passed a stage, in file order, with their chunk if they are read there."""
        if stage not in self._readings:
            return rows
        return rows.with_columns(self._readings[stage].add(rows).alias(f"{stage}_chunk"))

    def put(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the table that typed_by_file.sql reads: reading, subject_id, chunk."""
        rows = [(name, *key) for name, read in self._readings.items() for key in read.numeric()]
        schema = {"reading": pl.String, "subject_id": pl.Int32, "chunk": pl.UInt16}
        con.register("frame", pl.DataFrame(sorted(rows), schema=schema, orient="row"))
        con.execute("CREATE TABLE numeric_chunks AS SELECT * FROM frame")
        con.unregister("frame")
