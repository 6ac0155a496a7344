"""New rows for `predict` and `embed`, as other programs saved them."""

from pathlib import Path

import polars as pl

from lanistr.errors import LanistrError
from lanistr.inference.rows import checked, read_table
from lanistr.modality import Modality
from tests.field.case import Seen, case

SAVED_AGAIN = "Tables saved again"


@case(
    SAVED_AGAIN,
    "ids and codes with leading zeros, or of 20 digits, in a csv for `predict`",
    "read",
    "as they stand",
)
def codes(folder: Path) -> Seen:
    path = folder / "new.csv"
    path.write_text("sample_id,code\n12345678901234567890,007\n2,12\n", encoding="utf-8")
    assert read_table(path).rows() == [("12345678901234567890", "007"), ("2", "12")]
    return Seen()


@case(
    SAVED_AGAIN,
    "infinite numbers of new rows in Parquet",
    "refused",
    "rows: infinite numbers, size: 2. Leave the cells empty where a number is not known.",
)
def infinite(folder: Path) -> Seen:
    path = folder / "new.parquet"
    pl.DataFrame({"size": [1.5, float("inf"), -float("inf"), None]}).write_parquet(path)
    try:
        checked(read_table(path), {Modality.TABULAR: ("size",)})
    except LanistrError as error:
        return Seen(str(error))
    return Seen()
