"""Validate collected frames at the boundary, and say what is broken without showing values."""

import pandera.polars as pa
import polars as pl

from preprocessing.errors import DataContractError


def check(
    frame: pl.LazyFrame | pl.DataFrame, schema: type[pa.DataFrameModel], where: str
) -> pl.DataFrame:
    """The collected `frame`, in the schema's column order, if it keeps the contract.

    Args:
        frame: the table; a lazy frame is collected first, because pandera
            checks only the dtypes of a lazy one.
        schema: the contract, a class of `preprocessing.schemas`.
        where: the file that the message names.

    Raises:
        DataContractError: names column, check and counts of each breach; no values.
    """
    table = frame.lazy().collect()
    try:
        valid = schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        # "from None": the pandera error carries the offending rows.
        raise DataContractError(_describe(error, schema, table.height, where)) from None
    return valid.select(list(schema.to_schema().columns))


def _describe(
    error: pa.errors.SchemaErrors, schema: type[pa.DataFrameModel], rows: int, where: str
) -> str:
    cases = error.failure_cases.group_by("column", "check", maintain_order=True).len()
    lines = [
        f"  {column or 'table'}: {name} fails for {count} of {rows} rows"
        for column, name, count in cases.iter_rows()
    ]
    contract = f"The contract is in preprocessing/schemas.py:{schema.__name__}."
    return "\n".join([f"{where} breaks {schema.__name__}:", *lines, contract])
