"""The arrays of a cache: each table of the shards is read once, a thousand rows at a time."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanistr.data.manifest import Manifest, SeriesFacts
from lanistr.data.tab2txt import described, prepend_words
from lanistr.errors import DataContractError
from lanistr.modality import Modality

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from numpy.typing import DTypeLike
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


def plain_texts(manifest: Manifest) -> Iterator[pl.DataFrame]:
    """The texts (split, text), `ROWS_AT_ONCE` at a time; none without the modality."""
    import polars as pl

    if place := manifest.place(Modality.TEXT):
        for rows in record_batches(manifest, place.table, ["split", "text"]):
            yield pl.DataFrame(rows)


def described_texts(manifest: Manifest) -> Iterator[pl.DataFrame]:
    """The texts (split, text) with the columns of their sample in front, in the same order.

    The n-th part of the texts and of the columns are of the same samples; one part is in memory.
    None where the manifest has none, see `Manifest.has_described_texts`.
    """
    import polars as pl

    if not manifest.has_described_texts:
        return
    phrases, places = manifest.card.words, manifest.card.modalities
    key = places[Modality.TEXT].key
    names = [phrase.column for phrase in phrases]
    parts = (manifest.parts(places[each].table) for each in (Modality.TEXT, Modality.TABULAR))
    for words, table in zip(*parts, strict=True):
        columns = pl.read_parquet(table, columns=[key, *names], glob=False)
        rows = pl.read_parquet(words, columns=[key, "split", "text"], glob=False)
        both = rows.join(columns, on=key, how="left", maintain_order="left")
        for some in both.iter_slices(ROWS_AT_ONCE):
            written = [
                prepend_words(described(row, phrases), row["text"]) for row in some.to_dicts()
            ]
            yield some.select("split", text=pl.Series(written, dtype=pl.String))


def train_texts(manifest: Manifest) -> Iterator[str]:
    """The texts of the train split, with their columns if any; no vocabulary may see others."""
    source = described_texts if manifest.has_described_texts else plain_texts
    for rows in source(manifest):
        yield from rows.filter(split="train")["text"]


def write_texts(manifest: Manifest, tokenizer: Tokenizer, folder: Path) -> None:
    """Tokenise all texts into tokens.npy, and with columns in front into described_tokens.npy."""
    if place := manifest.place(Modality.TEXT):
        row_count(manifest, place.table)
    write_tokens(plain_texts(manifest), tokenizer, folder, "tokens")
    write_tokens(described_texts(manifest), tokenizer, folder, "described_tokens")


def write_tokens(
    texts: Iterator[pl.DataFrame], tokenizer: Tokenizer, folder: Path, name: str
) -> None:
    """Tokenise texts into <name>.npy, with <name>_offsets.npy beside."""
    began = time.monotonic()
    dtype = np.dtype(np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.int32)
    lengths = [np.zeros(1, np.int64)]
    with (folder / f"{name}.npy").open("wb") as file:
        _write_header(file, dtype, 0)
        for rows in texts:
            tokens, some = tokenised(rows["text"].to_list(), tokenizer)
            file.write(tokens.astype(dtype).tobytes())
            lengths.append(some)
        offsets = np.concatenate(lengths).cumsum()
        file.seek(0)
        _write_header(file, dtype, int(offsets[-1]))
    np.save(folder / f"{name}_offsets.npy", offsets)
    seconds = time.monotonic() - began
    log.info("%s: %d texts, %d in %.1f s", name, len(offsets) - 1, offsets[-1], seconds)


def tokenised(texts: list[str], tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of all texts, one text after the other, and how many each has; both int64."""
    encoded = [text.ids for text in tokenizer.encode_batch_fast(texts)]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return np.fromiter(chain.from_iterable(encoded), np.int64, lengths.sum()), lengths


def _write_header(file: Any, dtype: np.dtype, length: int) -> None:
    """The .npy header of a vector; numpy pads it so that any length needs the same bytes."""
    descr = np.lib.format.dtype_to_descr(dtype)
    shape = {"descr": descr, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, shape)


def write_pixels(manifest: Manifest, folder: Path, threads: int) -> None:
    """Decode all images into pixels.npy; an empty array without the modality."""
    place, facts = manifest.place(Modality.IMAGE), manifest.image
    if not (place and facts):
        new_array(folder / "pixels.npy", (0, 0, 0), np.uint8)
        return
    began = time.monotonic()
    shape = (facts.px, facts.px) if facts.channels == 1 else (facts.px, facts.px, facts.channels)
    count = row_count(manifest, place.table)
    pixels = new_array(folder / "pixels.npy", (count, *shape), np.uint8)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for rows in record_batches(manifest, place.table, ["jpeg"]):
            jpegs = rows["jpeg"].to_pylist()
            for image in pool.map(lambda jpeg: decoded(jpeg, shape), jpegs):
                pixels[done] = image
                done += 1
    log.info("%d images of %d px in %.1f s", done, facts.px, time.monotonic() - began)


def write_findings(manifest: Manifest, folder: Path) -> None:
    """Write what radiographs show into findings.npy: 1 = stated, 0 = not, -1 = without labels.

    Source: MedFuse, for which uncertain and unmentioned findings are not there.
    """
    import polars as pl

    place = manifest.place(Modality.IMAGE)
    names = manifest.image.findings if manifest.image else []
    count = row_count(manifest, place.table) if place and names else 0
    findings = new_array(folder / "findings.npy", (count, len(names)), np.int8)
    if not (place and names):
        return
    done = 0
    for rows in record_batches(manifest, place.table, ["labelled", "findings"]):
        table = pl.DataFrame(rows)
        labelled = table["labelled"].to_numpy()[:, None]
        stated = table["findings"].to_numpy() == 1  # what is not mentioned is NaN there
        findings[done : done + table.height] = np.where(labelled, stated, -1)
        done += table.height
    log.info("%d radiographs with %d findings each", done, len(names))


def decoded(jpeg: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """An image of the shards as uint8: (px, px) grey or (px, px, 3) RGB."""
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg)) as image:
            values = np.asarray(image.convert("L" if len(shape) == 2 else "RGB"))
    except OSError:
        raise DataContractError(
            "images: one of the shards cannot be decoded. Make the shards again."
        ) from None
    if values.shape != shape:
        raise DataContractError(
            f"images: one has shape {values.shape}, the manifest says {shape}. "
            "Make the shards again."
        )
    return values


def write_columns(manifest: Manifest, folder: Path) -> None:
    """Write the codes and numbers of a table into categories.npy and numbers.npy.

    Raises:
        DataContractError: a code is out of the range that the manifest gives.
    """
    facts, place = manifest.columns, manifest.place(Modality.TABULAR)
    count = row_count(manifest, place.table) if place else 0
    sizes, numeric = (facts.sizes, list(facts.numeric)) if facts else ({}, [])
    categories = new_array(folder / "categories.npy", (count, len(sizes)), np.int32)
    numbers = new_array(folder / "numbers.npy", (count, len(numeric)), np.float32)
    if not place:
        return
    names = [*(f"{name}_code" for name in sizes), *(f"{name}_scaled" for name in numeric)]
    done = 0
    for rows in record_batches(manifest, place.table, names):
        here = slice(done, done + rows.num_rows)
        for number, (name, size) in enumerate(sizes.items()):
            categories[here, number] = codes(rows[f"{name}_code"].to_numpy(), name, size)
        for number, name in enumerate(numeric):
            numbers[here, number] = rows[f"{name}_scaled"].to_numpy()
        done += rows.num_rows
    log.info("%d rows of %d columns", done, len(names))


def codes(values: np.ndarray, name: str, size: int) -> np.ndarray:
    """The codes of a category, all of which its embedding table must have.

    Raises:
        DataContractError: one is out of range.
    """
    if out := int(((values < 0) | (values >= size)).sum()):
        raise DataContractError(
            f"tabular: {out} codes of {name} are out of range; allowed are 0 to {size - 1}, as the "
            "manifest says. Make the shards again: snakemake shards."
        )
    return values


def write_series(manifest: Manifest, folder: Path) -> None:
    """Normalise all series into series.npy, with observed.npy beside."""
    facts, place = manifest.timeseries, manifest.place(Modality.TIMESERIES)
    count = row_count(manifest, place.table) if place and facts else 0
    hours, values, variables = facts.shape if facts else (0, 0, 0)
    series = new_array(folder / "series.npy", (count, hours, values), np.float32)
    flags = new_array(folder / "observed.npy", (count, hours, variables), np.uint8)
    if not (place and facts):
        return
    done = 0
    for rows in record_batches(manifest, place.table, ["values", "observed"]):
        raw = _list_values(rows["values"]).reshape(-1, hours, values)
        observed = _list_values(rows["observed"]).reshape(-1, hours, variables)
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


def new_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """A memory-mapped .npy to be filled, with its room on the disk.

    Raises:
        OSError: the disk is too small; without the room, writing into it would kill the process.
    """
    if 0 in shape:  # numpy cannot map an empty one
        np.save(path, np.empty(shape, dtype))
        return np.empty(shape, dtype)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from None
    return array
