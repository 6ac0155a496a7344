"""Settings of CoCa, and what it can be trained on."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import PAIR, Method


class Coca(Part):
    """CoCa; without `architecture` its towers have the sizes of LANISTR's."""

    architecture: str | None = Field(
        None, description="A configuration of open_clip such as coca_ViT-B-32; null = our sizes."
    )
    pretrained: str | None = Field(
        None,
        description="Tag of open_clip's weights for that architecture, or a file; null = random.",
    )
    queries: int = Field(256, gt=0, description="Tokens that an image becomes. Source: CoCa.")

    @model_validator(mode="after")
    def _weights_have_an_architecture(self) -> Self:
        if self.pretrained and not self.architecture:
            raise ValueError(f"pretrained: {self.pretrained} needs coca.architecture as well")
        return self


METHOD = Method(
    stages={"finetune": PAIR},
    build="lanistr.methods.coca.model:build_coca",
    settings=Coca,
    distributions=("open_clip_torch",),
)
