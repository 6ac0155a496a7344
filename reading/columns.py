"""Columns of tables that people have, as messages call them."""

import polars as pl


def type_name(kind: pl.DataType) -> str:
    """A type in words, without the values of an enumeration and the fields of a structure.

    >>> type_name(pl.Enum(["Jane"])), type_name(pl.Datetime("us", "UTC"))
    ('Enum', "Datetime(time_unit='us', time_zone='UTC')")
    """
    return str(kind.base_type() if kind.is_nested() or isinstance(kind, pl.Enum) else kind)
