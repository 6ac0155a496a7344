"""Samples as a table of words, pictures and columns, for libraries that do their own encoding.

They get what the other methods see: cached pixels, the cached columns, and words that the same
tokenizer turns into the same tokens again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanistr.data.samples import Samples
from lanistr.data.tokenizer import SPECIAL, saved_tokenizer

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Tokenizer

TEXT, IMAGE, LABEL = "text", "image", "label"


def frame(samples: Samples, cache_folder: Path) -> pd.DataFrame:
    """One row per sample; what is absent is missing, an empty string for a text.

    Args:
        samples: of a cache.
        cache_folder: of that cache, for its tokenizer.

    Returns:
        `label`, the number of the class or the number to be answered; then, of the modalities in
        use, `text`, `image` (PNG, bytes), a column of strings for each category and of floats for
        each number.
    """
    import pandas as pd

    cache, records, spec = samples.cache, samples.records, samples.spec
    target, task = samples.targets[:, 0], spec.task
    columns: dict[str, Any] = {
        LABEL: target.astype(int) if task and task.chooses else target.astype(float)
    }
    if (rows := records["text_row"]).max(initial=-1) >= 0:
        tokenizer = saved_tokenizer(cache_folder / "tokenizer")
        tokens, begin = samples.texts
        columns[TEXT] = [
            words(tokenizer, tokens[begin[row] : begin[row + 1]]) if row >= 0 else ""
            for row in rows
        ]
    if (rows := records["image_row"]).max(initial=-1) >= 0:
        columns[IMAGE] = [png(cache.pixels[row]) if row >= 0 else None for row in rows]
    if (rows := records["tabular_row"]).max(initial=-1) >= 0:
        for name in spec.category_names:
            codes = cache.categories[rows, cache.spec.category_names.index(name)]
            columns[name] = np.where(rows >= 0, codes.astype(str), None)
        for name in spec.number_names:
            values = cache.numbers[rows, cache.spec.number_names.index(name)]
            columns[name] = np.where(rows >= 0, values, np.nan)
    return pd.DataFrame(columns)


def words(tokenizer: Tokenizer, tokens: Iterable[int]) -> str:
    """The text that a WordPiece tokenizer turns into these tokens, but for those around a text.

    >>> from lanistr.data.tokenizer import bert_tokenizer
    >>> tokenizer = bert_tokenizer([*SPECIAL.values(), "so", "##ft", "!"])
    >>> tokens = tokenizer.encode("Soft, so!").ids
    >>> words(tokenizer, tokens), tokenizer.encode(words(tokenizer, tokens)).ids == tokens
    ('soft [UNK] so !', True)
    """
    around = {SPECIAL[name] for name in ("pad_token", "cls_token", "sep_token")}
    pieces = map(tokenizer.id_to_token, map(int, tokens))
    return " ".join(piece for piece in pieces if piece not in around).replace(" ##", "")


def png(pixels: np.ndarray) -> bytes:
    """A picture, (px, px) grey or (px, px, 3) RGB uint8, as the bytes of a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
