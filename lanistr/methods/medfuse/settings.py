"""Settings of MedFuse, and what its stages can be trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import Method
from lanistr.modality import Modality


class ResNet(Part):
    """ResNet of basic blocks; the defaults are ResNet-34."""

    blocks: tuple[int, int, int, int] = Field(
        (3, 4, 6, 3), description="Number of blocks in each group."
    )
    width: int = Field(
        64, gt=0, description="Channels of the first group; each further one doubles them."
    )
    pretrained: str | None = Field(
        None,
        description="Hub name, folder or file of weights under torchvision's names, such as "
        "timm/resnet34.tv_in1k, which are torchvision's own; null = random weights.",
    )


class MedFuse(Part):
    """MedFuse: an LSTM over the modalities that a stay has. Source: its code and scripts."""

    image: ResNet = Field(ResNet(), description="Encoder of radiographs.")
    series_hidden: int = Field(256, gt=0, description="Width of the LSTM over hours.")
    series_layers: int = Field(2, gt=0, description="Layers of the LSTM over hours.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout on the last state of that LSTM.")
    fusion_hidden: int = Field(512, gt=0, description="Width of the LSTM over modalities.")
    missing_image: Literal["skipped", "zeros"] = Field(
        "skipped",
        description="A missing radiograph never enters the ResNet, or zeros do in its place and "
        "move the statistics of its normalisation (official code).",
    )


METHOD = Method(
    stages={
        "pretrain": (frozenset({Modality.IMAGE}),),
        "finetune": (
            frozenset({Modality.TIMESERIES}),
            frozenset({Modality.IMAGE, Modality.TIMESERIES}),
        ),
    },
    build="lanistr.methods.medfuse.model:build_medfuse",
    settings=MedFuse,
    findings=True,
)
