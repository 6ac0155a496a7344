"""What the official code does otherwise than the paper, for runs that reproduce it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from torch import Tensor
from torch.nn import functional

from lanistr.batch import Batch
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens


def normalised(
    states: Tensor, is_token: Tensor, over: Literal["none", "tokens", "features"]
) -> Tensor:
    """Bring states to length 1.

    Args:
        states: of one modality, (B, N, D).
        is_token: False = counts for nothing, (B, N) bool.
        over: `features` = every token has length 1; `tokens` = so has every feature, over the
            tokens of the sample, as in the official code, which of a single token leaves signs;
            `none` = as they are.

    Returns:
        (B, N, D).
    """
    if over == "none":
        return states
    counted = states.masked_fill(~is_token[..., None], 0.0)
    return functional.normalize(counted, dim=1 if over == "tokens" else 2)


def first_token(tokens: Tokens) -> Tokens:
    """Only the first token of each sample, such as [CLS]."""
    return Tokens(tokens.states[:, :1], tokens.is_token[:, :1])


def add_stand_ins(batch: Batch, modalities: Iterable[Modality], pad_token_id: int) -> Batch:
    """Zeros in place of what is absent, as if it were there.

    Args:
        batch: samples with any modality absent.
        modalities: those to stand in for.
        pad_token_id: makes up the text of one token that stands for an absent one.
    """
    absent = {modality: ~batch.has(modality) for modality in Modality}
    no_text, no_series = absent[Modality.TEXT], absent[Modality.TIMESERIES][:, None, None]
    is_token = batch.is_token & ~no_text[:, None]
    is_token[:, 0] |= no_text
    present = batch.present.clone()
    present[:, [modality.index for modality in modalities]] = True
    no_row = absent[Modality.TABULAR][:, None]
    return replace(
        batch,
        tokens=batch.tokens.masked_fill(no_text[:, None], pad_token_id),
        is_token=is_token,
        pixels=batch.pixels.masked_fill(absent[Modality.IMAGE][:, None, None, None], 0.0),
        series=batch.series.masked_fill(no_series, 0.0),
        observed=batch.observed | no_series,
        categories=batch.categories.masked_fill(no_row, 0),
        numbers=batch.numbers.masked_fill(no_row, 0.0),
        present=present,
    )
