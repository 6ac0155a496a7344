"""Settings of the baselines, as the sections `methods` of recipes give them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lanistr.experiments.architecture import Part


class AutoGluon(Part):
    """AutoGluon's multimodal predictor; its text and image encoders have LANISTR's sizes."""

    fusion: Literal["mlp", "transformer"] = Field(
        "mlp", description="What joins the modalities: AutoGluon-MLP or AutoGluon-TF."
    )
    image_checkpoint: str | None = Field(
        None,
        description="timm's name of a pretrained image encoder, or a folder with its config.json "
        "and pytorch_model.bin; null = a ViT of the sizes of encoders.image with random weights.",
    )
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="Of the rate from layer to layer. Source: AutoGluon."
    )


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
        0.07, ge=0.001, le=0.5, description="Of the comparison, at first; it is learned."
    )
    alpha: float = Field(
        0.4, ge=0, lt=1, description="The teacher's share of the targets, after the first epoch."
    )


class Flava(Part):
    """FLAVA; its encoders and fusion have the sizes of LANISTR's."""

    pretrained: str | None = Field(
        None, description="Hub name or folder of weights of these sizes; null = random weights."
    )


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


class ResNet(Part):
    """ResNet of basic blocks; the defaults are ResNet-34."""

    blocks: tuple[int, int, int, int] = Field((3, 4, 6, 3), description="Per group.")
    width: int = Field(64, gt=0, description="Of the first group; each further one doubles it.")
    pretrained: str | None = Field(
        None,
        description="Hub name, folder or file of weights under torchvision's names, such as "
        "timm/resnet34.tv_in1k, which are torchvision's own; null = random weights.",
    )


class MedFuse(Part):
    """MedFuse: an LSTM over the modalities that a stay has. Source: its code and scripts."""

    image: ResNet = ResNet()
    series_hidden: int = Field(256, gt=0, description="Width of the LSTM over hours.")
    series_layers: int = Field(2, gt=0)
    dropout: float = Field(0.3, ge=0, lt=1, description="Of the LSTM's last state.")
    fusion_hidden: int = Field(512, gt=0, description="Width of the LSTM over modalities.")
    missing_image: Literal["skipped", "zeros"] = Field(
        "skipped",
        description="A missing radiograph never enters the ResNet, or zeros do in its place and "
        "move the statistics of its normalisation (official code).",
    )
