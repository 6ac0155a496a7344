"""Settings of ALBEF, and what it can be trained on."""

from __future__ import annotations

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import PAIR, Method


class Albef(Part):
    """ALBEF; its encoders are those of LANISTR, half of BERT's layers being the fusion.

    Source of the defaults: the official code's pretraining.
    """

    embedding: int = Field(256, gt=0, description="Width in which texts and images are compared.")
    queue: int = Field(65536, gt=0, description="Earlier texts and images to tell a pair from.")
    momentum: float = Field(
        0.995, gt=0, lt=1, description="Share of itself that the teacher keeps per step."
    )
    temperature: float = Field(
        0.07,
        ge=0.001,
        le=0.5,
        description="Initial temperature of the comparison; it is learned.",
    )
    alpha: float = Field(
        0.4, ge=0, lt=1, description="The teacher's share of the targets, after the first epoch."
    )


METHOD = Method(
    stages={"pretrain": PAIR, "finetune": PAIR},
    build="lanistr.methods.albef.build:build_albef",
    settings=Albef,
)
