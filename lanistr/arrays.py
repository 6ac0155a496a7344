"""The arrays of a cache: each table of the shards is read once, a thousand rows at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanistr.errors import DataContractError
from lanistr.manifest import Manifest, SeriesFacts

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1024


def record_batches(manifest: Manifest, table: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a table, `ROWS_AT_ONCE` at a time, in the order that numbers them."""
    import pyarrow.parquet as pq

    for path in manifest.parts(table):
        yield from pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=columns)


def row_count(manifest: Manifest, table: str) -> int:
    """Rows of a table, as its files say, checked against the manifest."""
    import pyarrow.parquet as pq

    rows = sum(pq.read_metadata(path).num_rows for path in manifest.parts(table))
    if rows != manifest.tables[table].rows:
        raise DataContractError(
            f"{manifest.folder / table} holds {rows} rows, the manifest says "
            f"{manifest.tables[table].rows}. Make the shards again: snakemake shards."
        )
    return rows


def train_texts(manifest: Manifest) -> Iterator[str]:
    """The notes of the train split; no vocabulary may see others."""
    for rows in record_batches(manifest, "notes", ["split", "text"]):
        for split, text in zip(rows["split"].to_pylist(), rows["text"].to_pylist(), strict=True):
            if split == "train":
                yield text


def write_tokens(manifest: Manifest, tokenizer: Tokenizer, folder: Path) -> None:
    """Tokenise all notes into tokens.npy and token_offsets.npy."""
    began = time.monotonic()
    dtype = np.dtype(np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.int32)
    lengths = np.zeros(row_count(manifest, "notes") + 1, np.int64)
    done = 0
    with (folder / "tokens.npy").open("wb") as file:
        _write_header(file, dtype, 0)
        for rows in record_batches(manifest, "notes", ["text"]):
            encoded = tokenizer.encode_batch_fast(rows["text"].to_pylist())
            for note in encoded:
                file.write(np.array(note.ids, dtype).tobytes())
            lengths[done + 1 : done + 1 + len(encoded)] = [len(note.ids) for note in encoded]
            done += len(encoded)
        file.seek(0)
        _write_header(file, dtype, int(lengths.sum()))
    np.save(folder / "token_offsets.npy", lengths.cumsum())
    log.info("%d notes, %d tokens in %.1f s", done, lengths.sum(), time.monotonic() - began)


def _write_header(file: Any, dtype: np.dtype, length: int) -> None:
    """The .npy header of a vector; numpy pads it so that any length needs the same bytes."""
    descr = np.lib.format.dtype_to_descr(dtype)
    shape = {"descr": descr, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, shape)


def write_pixels(manifest: Manifest, folder: Path, threads: int) -> None:
    """Decode all radiographs into pixels.npy."""
    began, px = time.monotonic(), manifest.image.px
    count = row_count(manifest, "images")
    pixels = _new_array(folder / "pixels.npy", (count, px, px), np.uint8)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for rows in record_batches(manifest, "images", ["jpeg"]):
            jpegs = rows["jpeg"].to_pylist()
            for image in pool.map(lambda jpeg: grey_values(jpeg, px), jpegs):
                pixels[done] = image
                done += 1
    log.info("%d radiographs of %d px in %.1f s", done, px, time.monotonic() - began)


def grey_values(jpeg: bytes, px: int) -> np.ndarray:
    """A radiograph of the shards as (px, px) uint8."""
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg)) as image:
            values = np.asarray(image.convert("L"))
    except OSError:
        raise DataContractError(
            "images: a radiograph of the shards cannot be decoded. Make the shards again."
        ) from None
    if values.shape != (px, px):
        raise DataContractError(
            f"images: a radiograph has shape {values.shape}, the manifest says {px} px. "
            "Make the shards again."
        )
    return values


def write_series(manifest: Manifest, folder: Path) -> None:
    """Normalise all series into series.npy, with observed.npy beside."""
    facts, count = manifest.timeseries, row_count(manifest, "timeseries")
    values, variables = len(facts.variable_of_value), len(facts.variable_names)
    series = _new_array(folder / "series.npy", (count, facts.hours, values), np.float32)
    flags = _new_array(folder / "observed.npy", (count, facts.hours, variables), np.uint8)
    done = 0
    for rows in record_batches(manifest, "timeseries", ["values", "observed"]):
        raw = _list_values(rows["values"]).reshape(-1, facts.hours, values)
        observed = _list_values(rows["observed"]).reshape(-1, facts.hours, variables)
        series[done : done + len(raw)] = normalised(raw, observed, facts)
        flags[done : done + len(raw)] = observed
        done += len(raw)
    log.info("%d series", done)


def normalised(raw: np.ndarray, observed: np.ndarray, facts: SeriesFacts) -> np.ndarray:
    """Series with the train split's mean 0 and deviation 1, and 0 where nothing was measured.

    Args:
        raw: in clinical units, (N, hours, values) float32.
        observed: 1 = measured in that hour, (N, hours, variables) uint8.
        facts: statistics and the variable of each value column.
    """
    measured = observed[:, :, facts.variable_of_value].astype(bool)
    deviation = np.asarray(facts.std, np.float32)
    scale = np.where(deviation > 0, deviation, 1)  # a column that never varies stays centred
    return np.where(measured, (raw - np.asarray(facts.mean, np.float32)) / scale, 0)


def _list_values(column: pa.FixedSizeListArray) -> np.ndarray:
    """All values of a list column, one after the other."""
    return column.flatten().to_numpy(zero_copy_only=False)


def _new_array(path: Path, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """A memory-mapped .npy to be filled; numpy cannot map an empty one."""
    if 0 in shape:
        np.save(path, np.empty(shape, dtype))
        return np.empty(shape, dtype)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
