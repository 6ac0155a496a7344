"""What pretraining learns, and where the official code departs from the paper."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lanistr.experiments.architecture import Part
from lanistr.modality import Modality

OBJECTIVE_MODALITY = {
    "mlm": Modality.TEXT,
    "mim": Modality.IMAGE,
    "mfm": Modality.TABULAR,
    "mtm": Modality.TIMESERIES,
}
"""The masking losses, and the modality that each of them reconstructs."""


class Objectives(Part):
    """Weights of the pretraining losses and what they hide; a weight of 0 leaves one out.

    Source: LANISTR Table 5, column of the ICU stays.
    """

    mlm: float = Field(1.0, ge=0, description="Weight of masked language modeling.")
    mim: float = Field(1.0, ge=0, description="Weight of masked image modeling (SimMIM).")
    mfm: float = Field(
        0.0,
        ge=0,
        description="Weight of masked feature modeling (TabNet); 0.01 for reviews in Table 5.",
    )
    mtm: float = Field(0.1, ge=0, description="Weight of masked time-series modeling.")
    mmm: float = Field(
        0.5, ge=0, description="Weight of the similarity of masked and unmasked embeddings."
    )
    forecast: float = Field(
        0.0,
        ge=0,
        description="Weight of forecasting: from the fused embedding of a sample before some hour "
        "of its series, means and counts of what is measured after it.",
    )
    text_ratio: float = Field(0.15, gt=0, lt=1, description="Share of tokens to hide.")
    image_ratio: float = Field(0.5, gt=0, lt=1, description="Share of patches to hide.")
    tabular_ratio: float = Field(0.15, gt=0, lt=1, description="Share of columns to hide.")
    timeseries_ratio: float = Field(
        0.15, gt=0, lt=1, description="Share of hours to hide, per variable."
    )
    timeseries_hides: Literal["segments", "events", "future"] = Field(
        "segments",
        description="Measurements that are hidden: stretches of hours of each variable for itself; "
        "whole variables, and stretches of hours of all of them; or all that follows some hour.",
    )
    modality_ratio: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of modalities that SimMMM's masked view lacks as a whole; of each "
        "sample one stays.",
    )
    view_statistics: Literal["joint", "each"] = Field(
        "joint",
        description="Statistics of SimMMM's batch normalisation: of both views at once, or of each "
        "by itself as in SimSiam, so that they cannot agree by being two points.",
    )
    segment_hours: float = Field(3.0, ge=1, description="Mean length of a hidden stretch.")
    projector_hidden: int = Field(2048, gt=0, description="Inner width of the SimSiam projector.")
    predictor_hidden: int = Field(512, gt=0, description="Inner width of the SimSiam predictor.")

    @model_validator(mode="after")
    def _segments_possible(self) -> Self:
        shortest = 1 / (1 - self.timeseries_ratio)
        if self.segment_hours < shortest:
            raise ValueError(
                f"segment_hours: {self.segment_hours} is shorter than stretches are by chance "
                f"when a share of {self.timeseries_ratio} is hidden, {shortest:.3f} h"
            )
        return self


class Variants(Part):
    """Where LANISTR's official code differs from the paper; the defaults follow the paper.

    They are of the method lanistr; LateFusion has none of them.
    """

    normalise: Literal["none", "tokens", "features"] = Field(
        "none",
        description="Part of the projected tokens that gets length 1: nothing, each feature "
        "over the tokens (official code), or each token over its features.",
    )
    text_pooling: Literal["tokens", "cls"] = Field(
        "tokens", description="Tokens of a text that the fusion sees: all, or [CLS] (official)."
    )
    mlm_over: Literal["hidden", "all"] = Field(
        "hidden", description="Tokens that are scored: hidden ones, or all and padding (official)."
    )
    absent: Literal["masked", "zeros"] = Field(
        "masked",
        description="Stand-in for what is absent: a mask everywhere, or zeros that are attended to "
        "and scored (official).",
    )
