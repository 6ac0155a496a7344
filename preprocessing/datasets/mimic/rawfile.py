"""One raw file as DuckDB reads it, its columns of known types."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from preprocessing.datasets.mimic.release import Column, Layout
from preprocessing.engine import cells
from preprocessing.engine.duckdb import connect, quoted, text_file
from preprocessing.engine.intact import GET_ANEW, without_rows
from preprocessing.errors import DataContractError
from reading.columns import type_name

SQL_TYPES = {
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "date32": "DATE",
    "timestamp[s]": "TIMESTAMP",
}

# Text that may be a number in Parquet, as pandas writes it: csv has no leading zeros to lose.
NUMBERS_AS_TEXT = frozenset({"StudyTime"})


@dataclass(frozen=True)
class RawFile:
    """One raw file that was found whole and whose columns are known."""

    path: Path
    layout: Layout
    multiline: bool

    def sql(self) -> str:
        """The file as a DuckDB table function: all columns, of which it reads those selected."""
        if self.path.suffix == ".parquet":
            return f"read_parquet({quoted(self.path)})"
        # Text: the reader's own conversion repairs without a word what `cells` refuses.
        types = ", ".join(f"'{c.header}': 'VARCHAR'" for c in self.layout)
        # A quoted line break could be taken for the end of a row by a thread that starts
        # inside of the quotes: DuckDB then gives up, so such files are read by one thread.
        # Buffers below the default of 32 MB are faster and keep memory low.
        return (
            f"read_csv({text_file(self.path)}, columns = {{{types}}}, auto_detect = false, "
            "header = true, delim = ',', quote = '\"', escape = '\"', buffer_size = 8000000, "
            f"parallel = {str(not self.multiline).lower()})"
        )

    def typed(self, column: Column) -> str:
        """The SQL of a column of `sql`, in its type and under its name here."""
        place = (str(self.path), column.header)
        wanted = SQL_TYPES[column.type]
        value = cells.typed(f'"{column.header}"', wanted, self._type_of(column), place)
        return f'{value} AS "{column.name}"'

    def refusal(self, header: str) -> DataContractError:
        """What to raise for the first cell of a column that does not convert; read to find it."""
        column = next(c for c in self.layout if c.header == header)
        wanted = SQL_TYPES[column.type]
        con = connect(memory_limit="500MB", threads=1)
        con.execute("SET preserve_insertion_order = true")
        broken = con.execute(
            f"SELECT row, CAST(cell AS VARCHAR) FROM (SELECT row_number() OVER () AS row, "
            f'"{header}" AS cell FROM {self.sql()}) WHERE cell IS NOT NULL '
            f"AND NOT ({cells.converts('cell', wanted, self._type_of(column))}) LIMIT 1"
        ).fetchone()
        number, cell = broken or (0, "")
        where = f"row {number}" if self.path.suffix == ".parquet" else f"line {number + 1}"
        wrong = cells.complaint(column.name, cell, wanted)
        return DataContractError(f"{self.path}, {where}: {wrong}. {GET_ANEW}")

    def _type_of(self, column: Column) -> pl.DataType:
        if self.path.suffix == ".parquet":
            return parquet_schema(self.path)[column.header]
        return pl.String()


def parquet_schema(path: Path) -> Mapping[str, pl.DataType]:
    """The types of a Parquet file's columns.

    Raises:
        DataContractError: it is none, or has no column.
    """
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataContractError(
            f"{path} is not a readable Parquet file ({type(error).__name__}). {GET_ANEW}"
        ) from None
    if not schema:
        raise DataContractError(f"{path} has no column. {GET_ANEW}")
    return schema


def check_parquet(path: Path, layout: Layout) -> None:
    """Refuse a Parquet file without rows or with columns that do not convert.

    Raises:
        DataContractError: names the columns and their types.
    """
    schema = parquet_schema(path)
    broken = [
        f"  {c.header}: found {type_name(schema[c.header])}, "
        f"allowed {c.type} and what converts to it"
        for c in layout
        if not _converts(schema[c.header], c)
    ]
    if broken:
        raise DataContractError(
            "\n".join([f"{path} has columns of another type:", *broken])
            + "\nWrite it with the types of preprocessing/datasets/mimic/tables.tsv."
        )
    if not pl.scan_parquet(path, glob=False).select(pl.len()).collect().item():
        raise without_rows(path)


def _converts(found: pl.DataType, wanted: Column) -> bool:
    """Text converts as it would in csv; numbers do not to text, lest 007 has become 7."""
    if found in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return True
    if wanted.type == "string" and wanted.name not in NUMBERS_AS_TEXT:
        return False
    if wanted.type in {"date32", "timestamp[s]"}:
        return found == pl.Date or (isinstance(found, pl.Datetime) and found.time_zone is None)
    # DuckDB reads polars' numbers of 128 bits as bytes.
    return found.is_numeric() and found not in (pl.Int128, pl.UInt128)
