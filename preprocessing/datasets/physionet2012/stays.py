"""From records and outcomes to rows: a table of stays, a long table of series, their description.

From there on they are rows as anyone's: `preprocessing.datasets.rows`. set-a is for training,
validation and pretraining, set-b for the test. set-c is not read, so that the test is the same
whether or not a folder has it. SAPS-I, SOFA and Survival stand in the outcomes and are no inputs.
"""

import shutil
from pathlib import Path
from typing import Annotated

import polars as pl
from typer import Option

from preprocessing.datasets.physionet2012.records import GET_ANEW, locate, read_records
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.ledger import Ledger
from preprocessing.options import LedgerFile
from preprocessing.shards import write_part
from preprocessing.splits import split_of
from reading.delimited import DelimitedError, read_delimited

DESCRIPTION = Path(__file__).with_name("description.yaml")
VARIABLES = Path(__file__).with_name("variables.tsv")

VALID_SHARE = 0.2

# What every record begins with. Weight is measured again later, as one of the series.
DESCRIPTORS = ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight")
UNKNOWN = -1.0
SEXES = {0.0: "female", 1.0: "male"}
UNITS = {1.0: "coronary care", 2.0: "cardiac surgery recovery", 3.0: "medical", 4.0: "surgical"}

OUTCOMES = ["RecordID", "SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death"]
FATES = {0: "survived", 1: "died"}


def write_rows(
    root: Annotated[Path, Option(help="Folder of set-a, set-b and their Outcomes-*.txt")],
    output: Annotated[
        Path, Option("--output-dir", help="Folder of rows.parquet, series.parquet and rows.yaml")
    ],
    *,
    seed: Annotated[
        int, Option("--split-seed", help="Seed of the hash that takes stays for validation")
    ] = 0,
    ledger_path: LedgerFile,
) -> None:
    """Write rows.parquet, series.parquet and rows.yaml, which describes both.

    Args:
        root: holds set-a and set-b as folders, .tar.gz or .zip, and Outcomes-a.txt, Outcomes-b.txt.
        output: the folder of the three files.
        seed: of the hash that takes a fifth of the stays of set-a for validation.
        ledger_path: what was left out, as JSON.

    Raises:
        SourceMissingError: a set or its outcomes are not there.
        DataContractError: a file is not as PhysioNet gives it.
    """
    ledger = Ledger("physionet2012-rows")
    (train, train_series), (test, test_series) = (_read_set(root, name, ledger) for name in "ab")
    splits = [
        split_of(record, seed=seed, valid=VALID_SHARE, test=0.0) for record in train["record_id"]
    ]
    rows = pl.concat(
        [
            train.with_columns(split=pl.Series(splits, dtype=pl.String)),
            test.with_columns(split=pl.lit("test")),
        ]
    )
    if twice := rows.height - rows["record_id"].n_unique():
        raise DataContractError(f"{root}: {twice} records are in both sets. {GET_ANEW}")
    write_part(rows.sort("record_id"), output / "rows.parquet")
    series = pl.concat([train_series, test_series])
    write_part(series.sort("record_id", "time", "parameter", "value"), output / "series.parquet")
    shutil.copyfile(DESCRIPTION, output / "rows.yaml")
    ledger.write(ledger_path)


def _read_set(root: Path, name: str, ledger: Ledger) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows, without their split, and series of a set."""
    source = locate(root, f"set-{name}")
    lines = read_records(source)
    nth = pl.int_range(pl.len()).over("record_id", "parameter")
    describes = pl.col("parameter").is_in(DESCRIPTORS) & (nth == 0) & (pl.col("time") == 0)
    stays = _describe_stays(lines.filter(describes), source, ledger)
    series = lines.filter(~describes)
    _check_parameters(series, source)
    outcomes = _read_outcomes(root / f"Outcomes-{name}.txt", ledger)
    if differing := set(stays["record_id"]) ^ set(outcomes["record_id"]):
        raise DataContractError(
            f"{source}: {len(differing)} records are only there or only in Outcomes-{name}.txt. "
            f"Allowed: the same in both. {GET_ANEW}"
        )
    possible = _keep_possible(series, source, ledger)
    return stays.join(outcomes, on="record_id", maintain_order="left"), possible


def _describe_stays(lines: pl.DataFrame, source: Path, ledger: Ledger) -> pl.DataFrame:
    table = lines.pivot("parameter", index="record_id", values="value")
    table = table.select("record_id", *(_column(table, name) for name in DESCRIPTORS))
    broken = table.filter(
        pl.any_horizontal(pl.all().is_null())
        | (pl.col("RecordID") != pl.col("record_id"))
        | ~pl.col("Gender").is_in([UNKNOWN, *SEXES])
        | ~pl.col("ICUType").is_in([UNKNOWN, *UNITS])
    )
    if broken.height:
        raise DataContractError(
            f"{source}: {broken.height} of {table.height} records do not begin with "
            f"{', '.join(DESCRIPTORS)} at 00:00, each once, with the RecordID of the file's name, "
            f"a Gender and an ICUType of the challenge or {UNKNOWN:g}. {GET_ANEW}"
        )
    for name in DESCRIPTORS[1:]:
        ledger.note(source.name, f"{name} is unknown", table.filter(pl.col(name) == UNKNOWN).height)
    numbers = [
        _possible_or_null(table, name, source, ledger) for name in ("Age", "Height", "Weight")
    ]
    return table.select(
        "record_id",
        *numbers,
        pl.col("Gender").replace_strict(SEXES, default=None).alias("sex"),
        pl.col("ICUType").replace_strict(UNITS, default=None).alias("icu_type"),
    )


def _column(table: pl.DataFrame, name: str) -> pl.Expr:
    """The column, or nulls where no record has the descriptor."""
    return pl.col(name) if name in table.columns else pl.lit(None, pl.Float64).alias(name)


def _possible_or_null(table: pl.DataFrame, name: str, source: Path, ledger: Ledger) -> pl.Expr:
    low, high = _limits()[name]
    outside = (pl.col(name) != UNKNOWN) & ~pl.col(name).is_between(low, high)
    ledger.note(source.name, f"{name} is impossible: unknown", table.filter(outside).height)
    possible = pl.when(pl.col(name).is_between(low, high)).then(pl.col(name))
    return possible.cast(pl.Float32).alias(name.lower())


def _limits() -> dict[str, tuple[float, float]]:
    """The lowest and highest possible value of each variable."""
    table = pl.read_csv(VARIABLES, separator="\t", glob=False)
    return {
        name: (low, high) for name, low, high in table.select("parameter", "low", "high").rows()
    }


def _check_parameters(series: pl.DataFrame, source: Path) -> None:
    allowed = set(_limits()) - {"Age", "Height"}
    unknown = series.filter(~pl.col("parameter").is_in(allowed))
    if unknown.height:
        records = unknown["record_id"].n_unique()
        raise DataContractError(
            f"{source}: {unknown.height} lines of {records} records have a parameter that is not a "
            f"series of the challenge, or a descriptor twice. Allowed: {', '.join(sorted(allowed))}"
            f". {GET_ANEW}"
        )


def _keep_possible(series: pl.DataFrame, source: Path, ledger: Ledger) -> pl.DataFrame:
    """The readings that can be; a reading that cannot is as good as none."""
    for name, (low, high) in _limits().items():
        outside = (pl.col("parameter") == name) & ~pl.col("value").is_between(low, high)
        series = ledger.keep(source.name, series, ~outside, reason=f"{name} is impossible")
    return series


def _read_outcomes(path: Path, ledger: Ledger) -> pl.DataFrame:
    """record_id, in_hospital_mortality in words and length_of_stay in days.

    The stay is counted from the admission to the ICU to the end of the stay in hospital.
    """
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there. {GET_ANEW}")
    try:
        table, _ = read_delimited(path)
    except DelimitedError as error:
        raise DataContractError(f"{error} {GET_ANEW}") from None
    # Whole numbers, which pandas may have written as 5.0.
    whole = pl.all().str.extract(r"^(-?\d+)(?:\.0+)?$").cast(pl.Int64, strict=False)
    is_read = table.select(pl.all_horizontal(whole.is_not_null() | (pl.all() == "")).all()).item()
    found, table = table.columns, table.select(whole)
    days, death, stay = (
        pl.col(name) for name in ("Length_of_stay", "In-hospital_death", "RecordID")
    )
    allowed = death.is_in(list(FATES)) & (days >= UNKNOWN) & stay.is_first_distinct()
    fits = found == OUTCOMES and is_read
    if not (fits and table.select(allowed.fill_null(False).all()).item()):
        raise DataContractError(
            f"{path} is not a csv of whole numbers with the columns {', '.join(OUTCOMES)}, one row "
            f"per record, In-hospital_death 0 or 1, Length_of_stay at least {UNKNOWN:g}. {GET_ANEW}"
        )
    unknown = table.filter(days == UNKNOWN).height
    ledger.note(path.name, "Length_of_stay is unknown", unknown)
    return table.select(
        stay.alias("record_id"),
        death.replace_strict(FATES).alias("in_hospital_mortality"),
        pl.when(days != UNKNOWN).then(days).cast(pl.Float32).alias("length_of_stay"),
    )
