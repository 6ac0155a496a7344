"""Raw tables with one row for each key: what is repeated word for word is read once."""

import polars as pl

from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger

REPEATED = "row repeated word for word"


def distinct_rows(
    rows: pl.DataFrame, key: str, table: str, ledger: Ledger | None = None
) -> pl.DataFrame:
    """Each row once, in the columns given.

    Args:
        rows: of a raw table.
        key: the column that names a row.
        table: where they are from, such as "hosp/admissions".
        ledger: counts those left out; None if another step has done so.

    Raises:
        DataContractError: two rows of one key say different things.
    """
    distinct = rows.unique(maintain_order=True)
    repeated = distinct.height - distinct[key].n_unique()
    if repeated:
        raise DataContractError(
            f"{table}: {repeated} of {rows.height} rows repeat the {key} of another row with "
            f"other contents. Allowed: one row for each {key}. Compare the file with the release's "
            "SHA256SUMS.txt; which row is right cannot be told from here."
        )
    if ledger:
        ledger.record(table, REPEATED, rows.height, distinct.height)
    return distinct
