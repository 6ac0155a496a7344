"""Settings of AutoGluon, and what it can be trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import Method, subsets
from lanistr.modality import Modality


class AutoGluon(Part):
    """AutoGluon's multimodal predictor; its text and image encoders have LANISTR's sizes."""

    fusion: Literal["mlp", "transformer"] = Field(
        "mlp", description="Kind of fusion: that of AutoGluon-MLP or of AutoGluon-TF."
    )
    image_checkpoint: str | None = Field(
        None,
        description="timm's name of a pretrained image encoder, or a folder with its config.json "
        "and pytorch_model.bin; null = a ViT of the sizes of encoders.image with random weights.",
    )
    layer_decay: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Decay of the learning rate from layer to layer. Source: AutoGluon.",
    )


METHOD = Method(
    stages={"finetune": subsets([Modality.TEXT, Modality.IMAGE, Modality.TABULAR])},
    trainer="lanistr.training.autogluon",
    settings=AutoGluon,
    ignores=(
        "data.views",
        "data.mirror",
        "data.samples_per_epoch",
        "data.modality_dropout",
        "optim.algorithm",
        "optim.betas",
        "optim.schedule",
        "optim.keep",
    ),
    counted_as="latefusion",
    library="autogluon.multimodal",
    distributions=("autogluon.multimodal", "timm"),
)
