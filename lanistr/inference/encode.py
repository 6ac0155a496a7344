"""From checked rows to a cache in memory, which is read like one on disk.

Tokenising, normalising and the check of codes are those of `lanistr.data.arrays`. The steps of
`preprocessing` that new rows have not gone through are done here: images are fitted, columns
encoded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from lanistr.batch import InputSpec
from lanistr.data.arrays import decoded, normalised, tokenised
from lanistr.data.cache import ARRAYS, SAMPLE, SPLITS, STAGES, Cache
from lanistr.data.processor import NOT_RECORDED, UNSEEN, Processor, read_identifiers, read_processor
from lanistr.data.tab2txt import described, prepend_words
from lanistr.data.tokenizer import saved_tokenizer
from lanistr.errors import DataContractError
from lanistr.inference.rows import IMAGE, OBSERVED, SERIES, TEXT, Inputs, Rows
from lanistr.modality import Modality
from reading.columns import type_name
from reading.pictures import UndecodableError
from reading.squares import colour_square, grey_square

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
NUMBERS = (*INTEGERS, pl.Float32, pl.Float64)
KINDS = {"flag": (pl.Boolean,), "date": INTEGERS}
"""The types that can be written in words, by the form of the phrase; plain ones are of any."""


@dataclass(frozen=True)
class Encoder:
    """What turns rows into arrays.

    Attributes:
        processor: statistics and vocabularies of the train split.
        spec: sizes of the model's inputs.
        tokenizer: cuts at the model's longest text.
        vocabularies: value and code of each category.
        columns_as_text: write the columns in front of the text (Tab2Txt).
    """

    processor: Processor
    spec: InputSpec
    tokenizer: Tokenizer
    vocabularies: Mapping[str, pl.DataFrame]
    columns_as_text: bool

    @classmethod
    def read(cls, folder: Path, spec: InputSpec, *, columns_as_text: bool) -> Self:
        """The encoder of an exported model.

        Raises:
            DataContractError: the folder lacks what new rows need.
        """
        processor, identifiers = read_processor(folder), read_identifiers(folder)
        tokenizer = saved_tokenizer(folder)
        tokenizer.enable_truncation(spec.max_tokens)
        vocabularies = {
            name: processor.vocabulary(name, identifiers) for name in spec.category_names
        }
        return cls(processor, spec, tokenizer, vocabularies, columns_as_text)

    def inputs(self, modalities: Iterable[Modality]) -> Inputs:
        """The columns of new rows that hold these modalities."""
        words = tuple(phrase.column for phrase in self.processor.card.words)
        columns: dict[Modality, tuple[str, ...]] = {
            Modality.TEXT: (TEXT, *words) if self.columns_as_text else (TEXT,),
            Modality.IMAGE: (IMAGE,),
            Modality.TABULAR: (*self.spec.category_names, *self.spec.number_names),
            Modality.TIMESERIES: (SERIES, OBSERVED),
        }
        return {name: columns[name] for name in Modality if name in modalities}

    def check(self, rows: Rows) -> None:
        """Refuse columns of a table whose type does not fit; log values that training never saw.

        Raises:
            DataContractError: names the columns and their types.
        """
        expected: dict[str, tuple[type[pl.DataType], ...]] = {}
        if self.columns_as_text:
            words = self.processor.card.words
            expected = {each.column: KINDS[each.form] for each in words if each.form in KINDS}
        elif Modality.TABULAR in rows.present:
            expected = dict.fromkeys(self.spec.number_names, NUMBERS)
            self._count_unseen(rows.table)
        found = {name: rows.table.schema[name] for name in expected if name in rows.table.columns}
        if wrong := [
            f"{n}: {type_name(t)}" for n, t in found.items() if t not in (*expected[n], pl.Null)
        ]:
            raise DataContractError(
                f"rows: columns of another type than in training, {', '.join(wrong)}. Give "
                "numbers as numbers, times in seconds since 1970, flags as true or false."
            )

    def _count_unseen(self, table: pl.DataFrame) -> None:
        for name in self.spec.category_names:
            if name in table.columns:
                values = table[name].cast(pl.String).drop_nulls()
                known = values.is_in(self.vocabularies[name]["value"].implode())
                if unseen := (~known).sum():
                    log.warning("%s: %d values were never seen in training", name, unseen)

    def cache(self, rows: Rows) -> Cache:
        """The rows as a cache whose samples are in their order."""
        records = np.zeros(len(rows), SAMPLE)
        records["sample_id"] = np.arange(rows.first, rows.first + len(rows))
        records["stage"], records["split"] = STAGES.index("finetune"), SPLITS.index("test")
        records["labels_row"] = np.arange(len(rows))
        card = self.processor.card
        arrays: dict[str, np.ndarray] = {name: np.empty(0) for name in ARRAYS}
        arrays |= {"samples": records, "tokens_offsets": np.zeros(1, np.int64)}
        known = sum(task.targets for task in card.tasks)
        arrays["labels"] = np.full((len(rows), known), np.nan, np.float32)
        encoders = {
            Modality.TEXT: self.texts,
            Modality.IMAGE: self.images,
            Modality.TABULAR: self.columns,
            Modality.TIMESERIES: self.series,
        }
        nowhere = np.zeros(len(rows), bool)
        for modality, encode in encoders.items():
            there = rows.present.get(modality, nowhere)
            records[f"{modality}_row"] = np.where(there, there.cumsum() - 1, -1)
            if there.any():
                arrays |= encode(rows.table.filter(there), rows.first + np.flatnonzero(there))
        return Cache(self.spec, card, {}, self.processor.provenance, "", **arrays)

    def texts(self, table: pl.DataFrame, _: np.ndarray) -> dict[str, np.ndarray]:
        """`tokens` and `tokens_offsets`."""
        texts = table[TEXT].to_list()
        if self.columns_as_text:
            words = self.processor.card.words
            texts = [prepend_words(described(row, words), row[TEXT]) for row in table.to_dicts()]
        tokens, lengths = tokenised(texts, self.tokenizer)
        return {"tokens": tokens, "tokens_offsets": np.r_[0, lengths.cumsum()]}

    def images(self, table: pl.DataFrame, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """`pixels`.

        Raises:
            DataContractError: a file cannot be read or is no image.
        """
        facts = self.processor.image
        assert facts is not None  # a model that reads images comes with their size
        pixels = []
        for source, number in zip(table[IMAGE], numbers, strict=True):
            try:
                pixels.append(fitted(source, facts.px, facts.channels))
            except (UndecodableError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise DataContractError(
                    f"rows: the image of row {number} (from 0) cannot be read: {reason}. "
                    "Give the path of a picture file, or what it holds."
                ) from None
        return {"pixels": np.stack(pixels)}

    def columns(self, table: pl.DataFrame, _: np.ndarray) -> dict[str, np.ndarray]:
        """`categories` and `numbers`."""
        shape = (-1, len(table))
        codes = [self.codes(table[name]) for name in self.spec.category_names]
        scaled = [self.standardised(table[name]) for name in self.spec.number_names]
        return {
            "categories": np.array(codes, np.int32).reshape(shape).T,
            "numbers": np.array(scaled, np.float32).reshape(shape).T,
        }

    def codes(self, column: pl.Series) -> pl.Series:
        """The code of each value; those of no value and of unseen values are reserved."""
        values = column.cast(pl.String).alias("value").to_frame()
        known = values.join(
            self.vocabularies[column.name], on="value", how="left", maintain_order="left"
        )
        code = pl.when(pl.col("value").is_null()).then(NOT_RECORDED).otherwise("code")
        return known.select(code.fill_null(UNSEEN))[:, 0]

    def standardised(self, column: pl.Series) -> pl.Series:
        """A number in units of its deviation in training; a missing one is the mean, 0."""
        columns = self.processor.columns
        assert columns is not None  # a model that reads a table comes with its statistics
        facts = columns.numeric[column.name]
        return ((column.cast(pl.Float64) - facts["mean"]) / (facts["std"] or 1)).fill_null(0)

    def series(self, table: pl.DataFrame, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """`series` and `observed`.

        Raises:
            DataContractError: another number of values, or a measured one is not finite.
        """
        facts = self.processor.timeseries
        assert facts is not None  # a model that reads series comes with their statistics
        hours, values, variables = facts.shape
        raw = grid(table[SERIES], hours, values)
        observed = grid(table[OBSERVED], hours, variables)
        measured = observed[:, :, facts.variable_of_value] == 1
        wrong = ~np.isin(observed, (0, 1)).all(axis=(1, 2))
        wrong |= (measured & ~np.isfinite(raw)).any(axis=(1, 2))
        if wrong.any():
            raise DataContractError(
                f"rows: {wrong.sum()} time series have flags other than 0 and 1, or measured "
                f"values that are not finite, such as row {numbers[wrong][0]} (from 0)."
            )
        flags = observed.astype(np.uint8)
        return {"series": normalised(raw, flags, facts), "observed": flags}


def fitted(source: str | bytes, px: int, channels: int) -> np.ndarray:
    """The pixels that training sees of a picture file, as `decoded` has them.

    It becomes what the shards store, a JPEG; one of theirs stays as it is.

    Raises:
        UndecodableError: it is not there, or no whole picture.
        OSError: it is there, but the system does not let it be read.
    """
    file = Path(source) if isinstance(source, str) else source
    if channels == 1:
        return decoded(grey_square(file, px).jpeg, (px, px))
    return decoded(colour_square(file, px), (px, px, channels))


def grid(column: pl.Series, hours: int, width: int) -> np.ndarray:
    """Lists of hours * width numbers, or of hours lists, as (N, hours, width) float32.

    Raises:
        DataContractError: they have another length, or are no numbers.

    >>> grid(pl.Series([[1, 2, 3, 4]]), 2, 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    >>> grid(pl.Series([[[1, 2], [3, 4]]]), 2, 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    lengths = _lengths(column)
    flat = column.explode() if lengths else column
    if lengths == {hours} and _lengths(flat) == {width}:
        flat = flat.explode()
    elif lengths != {hours * width}:
        found = sorted(lengths) or type_name(column.dtype)
        raise DataContractError(
            f"rows: {column.name} has lists of {found} values, "
            f"expected are {hours * width} each, or {hours} lists of {width}."
        )
    if not (flat.dtype.is_numeric() or flat.dtype in (pl.Boolean, pl.Null)):
        raise DataContractError(
            f"rows: {column.name} has lists of type {type_name(flat.dtype)}, allowed are numbers."
        )
    return flat.cast(pl.Float32).to_numpy().reshape(len(column), hours, width)


def _lengths(column: pl.Series) -> set[int]:
    """The lengths that the lists of a column have; none if it holds no lists."""
    if isinstance(column.dtype, pl.Array):
        return {column.dtype.size}
    return set(column.list.len()) if isinstance(column.dtype, pl.List) else set()
