"""Settings of FLAVA, and what it can be trained on."""

from __future__ import annotations

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import PAIR, Method


class Flava(Part):
    """FLAVA; its encoders and fusion have the sizes of LANISTR's."""

    pretrained: str | None = Field(
        None, description="Hub name or folder of weights of these sizes; null = random weights."
    )


METHOD = Method(
    stages={"finetune": PAIR}, build="lanistr.methods.flava.model:build_flava", settings=Flava
)
