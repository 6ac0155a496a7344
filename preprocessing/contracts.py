"""What a table must be: contracts, checked on collected frames; messages show no values."""

from typing import Any

import pandera.polars as pa
import polars as pl

from preprocessing.errors import DataContractError


class Table(pa.DataFrameModel):
    """Exactly the listed columns, in dtype as declared."""

    class Config:
        """No column beyond the contract."""

        strict = True


def declare_code() -> Any:
    """Column of a category's codes: 0 = not recorded, 1 = unseen in training."""
    return pa.Field(ge=0, description="Place of the 1 in a one-hot vector.")


def check(
    frame: pl.LazyFrame | pl.DataFrame, schema: type[pa.DataFrameModel], where: str
) -> pl.DataFrame:
    """The collected `frame`, in the schema's column order, if it keeps the contract.

    Args:
        frame: the table; a lazy frame is collected first, because pandera
            checks only the dtypes of a lazy one.
        schema: the contract, such as a `Table`.
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
    cases = error.failure_cases.group_by("column", "check", maintain_order=True).agg(
        pl.col("failure_case").cast(pl.String)
    )
    lines = [f"  {_breach(column, name, found, rows)}" for column, name, found in cases.iter_rows()]
    contract = (
        f"The contract is in {place_of(schema)}. Correct the files that this table is made of."
    )
    return "\n".join([f"{where} breaks {schema.__name__}:", *lines, contract])


def place_of(schema: type[pa.DataFrameModel]) -> str:
    """Where to read a contract: the source file and the class."""
    return f"{schema.__module__.replace('.', '/')}.py:{schema.__name__}"


def _breach(column: str | None, name: str, found: list[str], rows: int) -> str:
    """One line on a failed check; `found` holds values unless the check is of the columns."""
    if name == "column_in_dataframe":
        return f"{', '.join(found)}: missing"
    if name == "column_in_schema":
        return f"{', '.join(found)}: not allowed"
    if name.startswith("dtype("):
        return f"{column}: is {found[0]}, not {name[len('dtype(') : -1]}"
    return f"{column or 'table'}: {name} fails for {len(found)} of {rows} rows"
