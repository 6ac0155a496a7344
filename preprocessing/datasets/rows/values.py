"""Values of a column as the canonical rows hold them; what does not convert is null.

One meaning has one spelling, whatever file it comes from: 2013, 2013.0 and "2013" are one
category, and so are True and "true".
"""

import numpy as np
import polars as pl

# ISO 8601, and spellings in which day and month cannot be mistaken for each other.
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d")
TIMES = ("", " %H:%M", " %H:%M:%S%.f")
# Outside of these years are two digits of one: the parser takes 01-02-24 for a day of the year 1.
YEARS = (1000, 9999)
# Second 60, which it takes for that of the next minute.
LEAP = r":60(\.|$)"
# The models calculate in 32 bits, where a larger number is infinite.
LARGEST = float(np.finfo(np.float32).max)
# Not \d, which stands for the digits of every script, and those are no numbers here.
CLOCK = r"^([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?$"
ZONE = r"(:[0-9]{2}(?:\.[0-9]+)?) ?([+-][01][0-9]:?[0-5][0-9])$"


def parse_text(column: pl.Series) -> pl.Series:
    """Strings without blanks at their ends, null where nothing is left.

    >>> parse_text(pl.Series([" a word ", "  ", None])).to_list()
    ['a word', None, None]
    """
    words = column.cast(pl.String).str.strip_chars()
    return words.set(words == "", None)


def parse_category(column: pl.Series) -> pl.Series:
    """Strings with one spelling per category.

    >>> parse_category(pl.Series([2013.0, None])).to_list()
    ['2013', None]
    >>> parse_category(pl.Series(["2013", "True", " red "])).to_list()
    ['2013', 'true', 'red']
    """
    words = parse_text(column).str.replace(r"^(-?\d+)\.0+$", "$1")
    return pl.select(
        pl.when(words.str.contains("^(?i:true|false)$"))
        .then(words.str.to_lowercase())
        .otherwise(words)
    ).to_series()


def parse_number(column: pl.Series) -> pl.Series:
    """Numbers that are finite in 32 bits, as Float64; of a column of flags alone, 0 and 1.

    It is the same for csv and Parquet.

    >>> parse_number(pl.Series(["1.5", "-2e3", "1,5", "inf", "1e39"])).to_list()
    [1.5, -2000.0, None, None, None]
    >>> parse_number(pl.Series(["True", "false", ""])).to_list()
    [1.0, 0.0, None]
    """
    plain = parse_text(column) if column.dtype == pl.String else column
    if column.dtype == pl.String and plain.str.contains("^(?i:true|false)$").all():
        plain = plain.str.to_lowercase() == "true"
    if not (plain.dtype.is_numeric() or plain.dtype in (pl.String, pl.Boolean, pl.Null)):
        return pl.repeat(None, len(column), dtype=pl.Float64, eager=True)
    number = plain.cast(pl.Float64, strict=False)
    return number.set(~(number.abs() <= LARGEST), None)


def parse_time(column: pl.Series, written: str = "") -> pl.Series:
    """Dates or date-times as seconds since 1970, Float64; without a zone they count as UTC.

    Args:
        column: strings, dates or date-times.
        written: format of the strings as strftime writes it; "" = any of `DATES`, alone or with
            a time after a blank or a T.

    >>> parse_time(pl.Series(["1970-01-02", "02.01.1970", "1970-01-01T00:01:00Z"])).to_list()
    [86400.0, 86400.0, 60.0]
    >>> parse_time(pl.Series(["2/1/1970"]), "%d/%m/%Y").to_list()
    [86400.0]
    >>> parse_time(pl.Series(["2/1/1970", "02-01-70", "1970-01-02 00:00:60"])).to_list()
    [None, None, None]
    """
    if column.dtype == pl.String:
        words = parse_text(column)
        return _parsed(
            words, [written] if written else [day + time for day in DATES for time in TIMES]
        )
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("us") / 1e6
    return pl.repeat(None, len(column), dtype=pl.Float64, eager=True)


def parse_hours(column: pl.Series) -> pl.Series:
    """Hours as Float64, of numbers or of HH:MM or HH:MM:SS.

    >>> parse_hours(pl.Series(["01:30", "100:00", "2", "noon"])).to_list()
    [1.5, 100.0, 2.0, None]
    >>> parse_hours(pl.Series([5_400_000], dtype=pl.Duration("ms"))).to_list()
    [1.5]
    """
    if column.dtype == pl.Time:
        return column.cast(pl.Int64) / 3600e9
    if isinstance(column.dtype, pl.Duration):
        return column.dt.total_microseconds() / 3600e6
    if column.dtype != pl.String:
        return parse_number(column)
    pieces = parse_text(column).str.extract_groups(CLOCK).struct
    hours, minutes, seconds = (pieces.field(str(n)).cast(pl.Float64) for n in (1, 2, 3))
    clock = hours + minutes / 60 + seconds.fill_null(0) / 3600
    return parse_number(column).zip_with(clock.is_null(), clock)


def _parsed(words: pl.Series, formats: list[str]) -> pl.Series:
    """Seconds of the first format that fits each string."""
    plain = words.str.replace(r"^([\d./-]+)[T ]", "$1 ").str.replace(" ?Z$", "+00:00")
    zone, local = plain.str.extract(ZONE, 2), plain.str.replace(ZONE, "$1")
    found = [_instant(local, written) for written in formats]
    seconds = pl.select(pl.coalesce(found)).to_series() if len(found) > 1 else found[0]
    sign = pl.select(pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)).to_series()
    hours = zone.str.slice(1, 2).cast(pl.Float64, strict=False)
    minutes = zone.str.slice(-2).cast(pl.Float64, strict=False)
    offset = (sign * (hours * 3600 + minutes * 60)).fill_null(0)
    return seconds - offset


def _instant(words: pl.Series, written: str) -> pl.Series:
    has_time = any(mark in written for mark in ("%H", "%I", "%T", "%R"))
    parsed = (
        words.str.to_datetime(written, time_unit="us", strict=False)
        if has_time
        else words.str.to_date(written, strict=False).cast(pl.Datetime("us"))
    )
    mistaken = ~parsed.dt.year().is_between(*YEARS) | words.str.contains(LEAP)
    if written.startswith("%Y%m%d"):  # of 2024111 it would make a day of November
        mistaken |= ~words.str.contains(r"^\d{8}")
    return parsed.set(mistaken, None).dt.epoch("us") / 1e6
