"""Tables as Parquet: the same content, other types, and files that are none."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from tests.faults.bad_input import (
    ANY,
    HONEST,
    READ,
    READ_OR_HONEST,
    READ_OR_REFUSED,
    REFUSED,
    Change,
    Promise,
)
from tests.field.case import SECRET
from tests.field.loader import Kind, Table

FAMILY = "Parquet"
NOW = datetime(2150, 5, 1, 8, tzinfo=UTC)
# One column's cells, all of them alike, and the kinds of columns that it may be read in.
ODD: Mapping[str, tuple[pl.Series, frozenset[Kind]]] = {
    "fractions": (pl.Series([61.5]), frozenset({"number"})),
    "infinities": (pl.Series([float("inf")]), frozenset()),
    "huge numbers": (pl.Series([2**62]), frozenset({"number"})),
    "numbers of 128 bits": (pl.Series([10**30], dtype=pl.Int128), frozenset({"number"})),
    "decimals": (pl.Series(["61.25"]).cast(pl.Decimal(10, 2)), frozenset({"number"})),
    "truth": (pl.Series([True]), frozenset({"number"})),
    "bytes": (pl.Series([SECRET.encode()]), frozenset()),
    "lists": (pl.Series([[SECRET]]), frozenset()),
    "lists of numbers": (pl.Series([[1.5]]), frozenset()),
    "arrays": (pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)), frozenset()),
    "structures": (pl.Series([{SECRET: SECRET}]), frozenset()),
    "durations": (pl.Series([timedelta(hours=1)]), frozenset()),
    "times of day": (pl.Series([time(8)]), frozenset()),
    "dates": (pl.Series([date(2150, 5, 1)]), frozenset({"time"})),
    "times with a zone": (pl.Series([NOW]), frozenset({"time"})),
    "words": (pl.Series([SECRET]), frozenset()),
    "an enumeration of words": (pl.Series([SECRET], dtype=pl.Enum([SECRET])), frozenset()),
    "nothing": (pl.Series([None]), frozenset({"number", "time"})),
}


def of_parquet(table: Table) -> Iterator[Change]:
    """The table as Parquet, in place of csv."""
    for what, promise, to in _whole(table):
        # Of Parquet types are believed, where nothing says what a column should be.
        allowed = promise if table.tried or promise == REFUSED else promise | ANY
        yield Change(FAMILY, f"Parquet: {what}", allowed, _saved(to))
    for what, promise, damage in _damages():
        yield Change(FAMILY, f"Parquet: {what}", promise, _damaged(damage))
    for name, kind in table.columns.items():
        if name not in table.tried:
            continue
        if kind in ("integer", "number", "time"):
            for what, (cells, allowed) in ODD.items():
                yield Change(
                    FAMILY,
                    f"Parquet: {what} in {name}",
                    ANY if kind in allowed else HONEST,
                    _saved(lambda frame, name=name, cells=cells: _filled(frame, name, cells)),
                )
        if kind == "integer":
            yield Change(
                FAMILY,
                f"Parquet: whole numbers as floats in {name}",
                READ_OR_REFUSED,
                _saved(lambda f, name=name: f.with_columns(pl.col(name).cast(pl.Float64))),
            )


def _whole(table: Table) -> Iterator[tuple[str, Promise, Callable[[pl.DataFrame], pl.DataFrame]]]:
    first = min(table.columns, key=lambda name: name not in table.tried)
    yield "texts alone", READ_OR_REFUSED, lambda frame: frame
    yield "categories", READ_OR_REFUSED, lambda f: f.with_columns(pl.all().cast(pl.Categorical))
    yield (
        "columns in another order",
        READ_OR_REFUSED,
        lambda frame: frame.select(reversed(frame.columns)),
    )
    yield "the index of pandas", ANY, lambda frame: frame.with_row_index("__index_level_0__")
    yield "no row", REFUSED, lambda frame: frame.clear()
    yield "no column", REFUSED, lambda _: pl.DataFrame()
    yield "other names", REFUSED, lambda f: f.rename({n: f"{SECRET} {n}" for n in f.columns})
    yield "a column less", REFUSED if table.tried else ANY, lambda frame: frame.drop(first)
    yield "spaces in all cells", READ_OR_HONEST, _spaced
    yield "empty texts for nothing", READ_OR_REFUSED, lambda frame: frame.fill_null("")


def _spaced(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.all().map_elements(lambda cell: f"  {cell}", pl.String))


def _filled(frame: pl.DataFrame, name: str, cells: pl.Series) -> pl.DataFrame:
    return frame.with_columns(pl.lit(cells).first().alias(name))


def _saved(to: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], object]:
    def apply(path: Path) -> None:
        frame = pl.read_csv(path, infer_schema=False, glob=False)
        path.unlink()
        to(frame).write_parquet(path.with_suffix(".parquet"))

    return apply


def _damages() -> Iterator[tuple[str, Promise, Callable[[bytes], bytes]]]:
    yield "cut in the middle", REFUSED, lambda raw: raw[: len(raw) // 2]
    yield "without its end", REFUSED, lambda raw: raw[:-1]
    yield "without its beginning", REFUSED, lambda raw: raw[4:]
    yield "empty", REFUSED, lambda _: b""
    yield "csv under its name", REFUSED, lambda _: f"a,b\n{SECRET},1\n".encode()
    yield "its end twice", REFUSED | READ, lambda raw: raw + raw[-200:]
    yield "wrong bytes in its pages", REFUSED, _with_pages
    yield "wrong bytes in its end", REFUSED, lambda raw: raw[:-60] + b"\xff" * 40 + raw[-20:]


def _with_pages(raw: bytes) -> bytes:
    """The file with wrong bytes in place of its content, and its end as it was."""
    end = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    return raw[:4] + b"\xff" * (end - 4) + raw[end:]


def _damaged(damage: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def apply(path: Path) -> None:
        _saved(lambda frame: frame)(path)
        file = path.with_suffix(".parquet")
        file.write_bytes(damage(file.read_bytes()))

    return apply
