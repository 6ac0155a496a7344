"""How a cell becomes a value of its column's type, the same in csv and Parquet and in every reader.

Read is what can mean one thing only: 20000101.0 is a whole number, as pandas writes those of a
column with gaps, 2180-07-23T14:00 a time. Refused is what other readers repair without a word:
they round 61.5, take 6e1, 0x3D and 6_1 for whole numbers, and drop the zone of a time.
"""

import re

import polars as pl

# No whole number of these tables, an identifier or a year say, is negative.
WHOLE = r"\s*[+]?\d+(\.0*)?\s*"
NUMBER = r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"
DAY = r"\d{4}-\d\d-\d\d"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
MIDNIGHT = r"00:00(:00(\.0+)?)?"
TEXTS = {
    "SMALLINT": WHOLE,
    "INTEGER": WHOLE,
    "FLOAT": NUMBER,
    "DOUBLE": NUMBER,
    "DATE": f"{DAY}([ T]{MIDNIGHT})?",
    "TIMESTAMP": f"{DAY}([ T]{CLOCK})?",
}
ALLOWED = {
    "SMALLINT": "a whole number",
    "INTEGER": "a whole number",
    "FLOAT": "a number",
    "DOUBLE": "a number",
    "DATE": "YYYY-MM-DD",
    "TIMESTAMP": "YYYY-MM-DD HH:MM:SS without a zone",
}

# In an error of DuckDB: file and column.
MARKER = re.compile(r"cell that does not convert: <(.*?)> <(.*?)>")
WITH_ZONE = re.compile(rf"{DAY}[ T]{CLOCK}\s*(Z|UTC|[+-]\d\d(:?\d\d)?)\s*")


def converts(column: str, wanted: str, found: pl.DataType) -> str:
    """The SQL of whether a cell that is not null has a value of the wanted type.

    Args:
        column: SQL of the cell.
        wanted: a SQL type, one of `TEXTS` or VARCHAR.
        found: type of the column; text of csv.
    """
    cast = f"TRY_CAST({column} AS {wanted})"
    if wanted == "VARCHAR":
        return "true"
    if found in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        text = f"CAST({column} AS VARCHAR)"
        tests = [f"regexp_full_match({text}, '{TEXTS[wanted]}')", f"{cast} IS NOT NULL"]
    elif found.is_temporal():
        tests = [f"isfinite({column})"] + [f"{column} = {cast}"] * (wanted == "DATE")
    else:
        whole = [f"{column} = trunc({column})", f"{column} >= 0"]
        tests = [*whole * wanted.endswith(("INT", "INTEGER")), f"{cast} IS NOT NULL"]
    if wanted in ("FLOAT", "DOUBLE"):
        tests.append(f"isfinite({cast})")
    return " AND ".join(tests)


def typed(column: str, wanted: str, found: pl.DataType, place: tuple[str, str]) -> str:
    """The SQL of a cell's value; an error with `MARKER` and `place` where it has none."""
    error = "cell that does not convert: <{}> <{}>".format(*place).replace("'", "''")
    return (
        f"CASE WHEN {column} IS NULL OR ({converts(column, wanted, found)}) "
        f"THEN TRY_CAST({column} AS {wanted}) ELSE error('{error}') END"
    )


def complaint(name: str, cell: str, wanted: str) -> str:
    """What is wrong with a cell, without showing it.

    >>> complaint("intime", "2180-01-01 00:00:00Z", "TIMESTAMP")
    'intime has a time zone; allowed: YYYY-MM-DD HH:MM:SS without a zone'
    >>> complaint("stay_id", "33335625.5", "INTEGER")
    'stay_id does not convert to INTEGER; allowed: a whole number'
    """
    zone = wanted == "TIMESTAMP" and WITH_ZONE.fullmatch(cell)
    wrong = "has a time zone" if zone else f"does not convert to {wanted}"
    return f"{name} {wrong}; allowed: {ALLOWED[wanted]}"


def parse_times(text: pl.Series) -> pl.Series:
    """Texts as times, in microseconds; null where they are none.

    >>> parse_times(pl.Series(["2180-01-01T07:30", "2180-01-01 00:00:00Z"])).to_list()
    [datetime.datetime(2180, 1, 1, 7, 30), None]
    """
    times = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    # Other lengths are read too, without zeros say, and second 60 as that of the next minute.
    usual = (text.str.len_bytes() == len("2180-01-01 00:00:00")) & ~text.str.ends_with("60")
    if times.null_count() == text.null_count() and usual.all():
        return times
    cell = pl.col(text.name)
    full = (
        pl.when(~cell.str.contains(f"^{TEXTS['TIMESTAMP']}$"))
        .then(None)
        .when(cell.str.contains(f"^{DAY}$"))
        .then(cell + " 00:00:00")
        .when(cell.str.contains(f"^{DAY}.{{6}}$"))
        .then(cell + ":00")
        .otherwise(cell)
    )
    spaced = full.str.replace("T", " ", literal=True).alias(text.name)
    moments = spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return text.to_frame().select(moments).to_series()
