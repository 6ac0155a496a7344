"""Step 2: from canonical rows to shards, with the manifest and the card of the data set.

Pretraining sees the rows of train and valid, labelled or not; no row of a test unit. Fine-tuning
sees every row of which any task is known. Vocabularies, scales and statistics are those of train.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from typer import Option

from preprocessing import encode
from preprocessing.contracts import check
from preprocessing.datasets.rows import schemas
from preprocessing.datasets.rows.contents import Contents
from preprocessing.datasets.rows.manifest import part_path, write_card, write_manifest
from preprocessing.datasets.rows.moments import Moments
from preprocessing.errors import DataContractError, SourceMissingError
from preprocessing.images import square_or_reason
from preprocessing.ledger import Ledger
from preprocessing.options import LedgerFile, Threads
from preprocessing.shards import write_part, write_stream
from reading.squares import colour_square

# Rows whose pictures or series are in memory at a time.
ROWS_AT_ONCE = 512

NO_WORDS = "no words"
NO_PICTURE = "no picture"
NO_VALUES = "no column has a value"
NO_SERIES = "nothing observed within the steps"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shards:
    """What the tables of a data set are made of.

    Attributes:
        contents: what the rows hold.
        path: file of the canonical rows.
        rows: their columns but for pictures and series, with `sample_id`.
        folder: receives a folder per table.
        ledger: gets why something is absent.
    """

    contents: Contents
    path: Path
    rows: pl.DataFrame
    folder: Path
    ledger: Ledger


def write_shards(
    rows: Annotated[Path, Option(help="Canonical rows, of rows-read")],
    contents: Annotated[Path, Option(help="JSON of what they hold, of rows-read")],
    *,
    data: Annotated[
        str, Option("--dataset", help="Name of the data set, or of a variant, as <name>/<variant>")
    ] = "rows",
    scale: Annotated[str, Option(help="Scale that is stamped on every result, such as own")],
    folder: Annotated[
        Path, Option("--output-dir", help="Folder of the shards and manifest.json to write")
    ],
    ledger_path: LedgerFile,
    threads: Threads = 2,
) -> None:
    """Write the shards of canonical rows, their manifest and why modalities are absent.

    Raises:
        SourceMissingError: a file is not there.
        DataContractError: the rows are not what their contents say.
    """
    told = Contents.read(contents)
    shards = Shards(told, rows, _checked(rows, told), folder, Ledger("rows-shards"))
    writers: dict[str, Callable[[Shards], tuple[pl.Series, dict[str, Any]]]] = {
        "text": _write_texts,
        "image": partial(_write_images, threads=threads),
        "tabular": _write_columns,
        "timeseries": _write_series,
    }
    made = {modality: writers[modality](shards) for modality in schemas.modalities(told)}
    absent = {modality: absence for modality, (absence, _) in made.items()}
    samples = check(_samples(shards, absent), schemas.samples_schema(told), "samples")
    if samples.is_empty():
        raise DataContractError(
            f"{rows}: none of {shards.rows.height} rows has any of {', '.join(absent)}, so there "
            f"is nothing to learn from:\n{_told(absent)}\nMend the files that the rows name."
        )
    write_part(samples, _part(shards, "samples"))
    for modality in absent:
        for reason, count in _counted(samples[f"{modality}_absence"]):
            shards.ledger.note("samples", f"{modality} absent: {reason}", count)
    shards.ledger.write(ledger_path)
    facts = {modality: facts for modality, (_, facts) in made.items()}
    card = write_card(told, shards.rows, data.partition("/")[0])
    write_manifest(folder, told, facts, card, data=data, scale=scale, samples=samples)
    log.info("%d rows", shards.rows.height)


def _checked(path: Path, contents: Contents) -> pl.DataFrame:
    """The rows but for pictures and series, with their `sample_id`, in the order of the file."""
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there: the step rows-read makes it.")
    schema = schemas.rows_schema(contents)
    light = list(schema.to_schema().columns)
    heavy = ["image"] if contents.image_px else []
    heavy += ["timeseries", "observed"] if contents.series else []
    if differing := sorted(set(pl.read_parquet_schema(path)) ^ {*light, *heavy}):
        raise DataContractError(
            f"{path} and its contents differ: {differing} in one of them only. "
            "Make both again: snakemake shards."
        )
    rows = check(pl.read_parquet(path, columns=light, glob=False), schema, path.name)
    if rows.is_empty():
        raise DataContractError(f"{path} holds no row.")
    ids = pl.Series("sample_id", list(map(_sample_id, rows["row_id"])), dtype=pl.Int64)
    return rows.with_columns(ids)


def _sample_id(row_id: str) -> int:
    """63 bits of a digest: the same in every subset of the data.

    >>> 0 <= _sample_id("1165") < 2**63
    True
    """
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest()) >> 1


def _part(shards: Shards, table: str) -> Path:
    return part_path(shards.folder, table)


def _write_texts(shards: Shards) -> tuple[pl.Series, dict[str, Any]]:
    rows = shards.rows.select("sample_id", "split", "text").drop_nulls("text")
    write_part(check(rows, schemas.text_schema(shards.contents), "text"), _part(shards, "text"))
    return _absence(shards, rows["sample_id"], NO_WORDS), {"source": "text"}


def _write_columns(shards: Shards) -> tuple[pl.Series, dict[str, Any]]:
    contents = shards.contents
    encoders = encode.fit(
        shards.rows.lazy(),
        categorical=schemas.category_names(contents),
        numeric=schemas.number_names(contents),
    )
    anything = pl.any_horizontal(pl.col(name).is_not_null() for name in contents.columns)
    rows = shards.rows.filter(anything).select("sample_id", "split", *contents.columns)
    table = check(encoders.encode(rows), schemas.tabular_schema(contents), "tabular")
    write_part(table, _part(shards, "tabular"))
    unseen = encode.RESERVED.index(encode.UNSEEN)
    for name in schemas.category_names(contents):
        count = int((table[f"{name}_code"] == unseen).sum())
        shards.ledger.note("tabular", f"{name} was never seen in training", count)
    return _absence(shards, rows["sample_id"], NO_VALUES), encoders.facts()


def _write_images(shards: Shards, threads: int) -> tuple[pl.Series, dict[str, Any]]:
    px = shards.contents.image_px or 0
    reasons: dict[int, str] = {}

    def square(source: str | bytes) -> bytes | str:
        file = Path(source) if isinstance(source, str) else source
        return square_or_reason(colour_square, file, px, shards.path)

    def decoded() -> Iterator[pl.DataFrame]:
        with ThreadPoolExecutor(threads) as pool:
            for rows in _slices(shards, "image"):
                found = list(pool.map(square, rows["image"]))
                there = [isinstance(jpeg, bytes) for jpeg in found]
                pairs = zip(rows["sample_id"], found, strict=True)
                reasons.update({row: why for row, why in pairs if isinstance(why, str)})
                jpegs = [jpeg for jpeg in found if isinstance(jpeg, bytes)]
                kept = rows.select("sample_id", "split").filter(pl.Series(there, dtype=pl.Boolean))
                yield kept.with_columns(jpeg=pl.Series(jpegs, dtype=pl.Binary))

    write_stream(
        decoded(), _part(shards, "images"), schemas.images_schema(shards.contents), stored=["jpeg"]
    )
    present = pl.read_parquet(_part(shards, "images"), columns=["sample_id"], glob=False)[
        "sample_id"
    ]
    absence = _absence(shards, present, NO_PICTURE)
    told = shards.rows["sample_id"].replace_strict(reasons, default=None, return_dtype=pl.String)
    return pl.select(pl.coalesce(told, absence)).to_series(), {"px": px, "channels": 3}


def _write_series(shards: Shards) -> tuple[pl.Series, dict[str, Any]]:
    grid = shards.contents.series
    assert grid is not None  # the modality is among those that the contents have
    names = list(grid.variables)
    schema = schemas.series_schema(shards.contents)
    moments = Moments(len(names))

    def checked() -> Iterator[pl.DataFrame]:
        size = grid.steps * len(names)
        for rows in _slices(shards, "timeseries", "observed"):
            rows = rows.select(
                "sample_id",
                "split",
                values=pl.col("timeseries").cast(pl.Array(pl.Float32, size)),
                observed=pl.col("observed").cast(pl.Array(pl.UInt8, size)),
            )
            train = rows.filter(pl.col("split") == "train")
            shape = (train.height * grid.steps, len(names))
            observed = train["observed"].to_numpy().reshape(shape) == 1
            moments.add(np.where(observed, train["values"].to_numpy().reshape(shape), np.nan))
            yield rows

    write_stream(checked(), _part(shards, "timeseries"), schema)
    present = pl.read_parquet(_part(shards, "timeseries"), columns=["sample_id"], glob=False)[
        "sample_id"
    ]
    facts = {
        "hours": grid.steps,
        "step_hours": grid.step_hours,
        "value_names": names,
        "variable_names": names,
        "variable_of_value": list(range(len(names))),
        "mean": moments.mean.tolist(),
        "std": moments.deviation.tolist(),
    }
    return _absence(shards, present, NO_SERIES), facts


def _slices(shards: Shards, *columns: str) -> Iterator[pl.DataFrame]:
    """Rows that have the columns, with `sample_id` and `split`, some at a time."""
    done = 0
    for batch in pq.ParquetFile(shards.path).iter_batches(ROWS_AT_ONCE, columns=list(columns)):
        rows = pl.DataFrame(batch)
        named = shards.rows.select("sample_id", "split").slice(done, rows.height)
        done += rows.height
        yield pl.concat([named, rows], how="horizontal").drop_nulls(columns)


def _absence(shards: Shards, present: pl.Series, reason: str) -> pl.Series:
    """The reason for every row that is not among those present, else null."""
    there = pl.col("sample_id").is_in(present.implode())
    return shards.rows.select(pl.when(~there).then(pl.lit(reason))).to_series()


def _told(absent: Mapping[str, pl.Series]) -> str:
    """How many rows have no modality, by reason, a line for each."""
    counts = ((name, *row) for name, why in absent.items() for row in _counted(why))
    return "\n".join(f"  {name}: {count} x {reason}" for name, reason, count in counts)


def _counted(reasons: pl.Series) -> list[tuple[str, int]]:
    return sorted(reasons.drop_nulls().value_counts().rows())


def _samples(shards: Shards, absent: dict[str, pl.Series]) -> pl.DataFrame:
    """The rows of `schemas.samples_schema`."""
    names = [task.name for task in shards.contents.tasks]
    rows = shards.rows.with_columns(
        *(reason.is_null().alias(f"has_{name}") for name, reason in absent.items()),
        *(reason.alias(f"{name}_absence") for name, reason in absent.items()),
    )
    anything = pl.any_horizontal(f"has_{name}" for name in absent)
    # Of rows with several modalities it is noted among the samples.
    for name in absent:
        for reason, count in _counted(rows.filter(~anything)[f"{name}_absence"]):
            shards.ledger.note("rows without any", f"{name} absent: {reason}", count)
    rows = shards.ledger.keep("rows", rows, anything, reason="no modality is present")
    known = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    finetune = rows.filter(known).with_columns(stage=pl.lit("finetune"))
    unlabeled = [pl.lit(None, rows.schema[name]).alias(name) for name in names]
    pretrain = rows.filter(pl.col("split") != "test").with_columns(
        *unlabeled, stage=pl.lit("pretrain")
    )
    for stage, found in (("pretrain", pretrain), ("finetune", finetune)):
        shards.ledger.note("samples", f"seen in {stage}", found.height)
    columns = list(schemas.samples_schema(shards.contents).to_schema().columns)
    return pl.concat([pretrain, finetune]).select(columns)
