"""Encoders of our sizes as files, for AutoGluon, which opens checkpoints and builds nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from lanistr.batch import InputSpec
from lanistr.experiments.architecture import ImageEncoder
from lanistr.experiments.config import Experiment
from lanistr.methods.autogluon.settings import AutoGluon
from lanistr.modality import Modality

TEXT, IMAGE = "model.hf_text.checkpoint_name", "model.timm_image.checkpoint_name"
VIT = "lanistr_vit"  # under which timm builds an image encoder of our sizes


def initial_weights(
    experiment: Experiment, spec: InputSpec, cache_folder: Path, folder: Path
) -> dict[str, str]:
    """Where the encoders start from: what the recipe names, else random ones written here."""
    found = initial_image(experiment, spec, folder / "image")
    if Modality.TEXT in experiment.modalities:
        text = experiment.encoders.text.pretrained
        found[TEXT] = text or str(write_bert(experiment, spec, cache_folder, folder / "text"))
    return found


def architectures(experiment: Experiment, spec: InputSpec, folder: Path) -> dict[str, str]:
    """Encoders of the recipe's sizes that AutoGluon can build, but not start from a network."""
    from lanistr.methods.parts import build_text

    found = initial_image(experiment, spec, folder / "image")
    if Modality.TEXT in experiment.modalities:
        sizes = experiment.encoders.text.model_copy(update={"pretrained": None})
        with torch.device("meta"):
            build_text(sizes, spec).bert.config.save_pretrained(folder / "text")
        found[TEXT] = str(folder / "text")
    return found


def initial_image(experiment: Experiment, spec: InputSpec, folder: Path) -> dict[str, str]:
    """Where the image encoder starts from, if there is one."""
    if Modality.IMAGE not in experiment.modalities:
        return {}
    named = experiment.section(AutoGluon).image_checkpoint
    return {IMAGE: named or str(write_vit(experiment.encoders.image, spec, folder))}


def write_bert(experiment: Experiment, spec: InputSpec, cache_folder: Path, folder: Path) -> Path:
    """A BERT of our sizes with random weights and the cache's tokenizer, as transformers does."""
    from lanistr.methods.parts import build_text

    build_text(experiment.encoders.text, spec).bert.save_pretrained(folder)
    for file in (cache_folder / "tokenizer").iterdir():
        shutil.copy(file, folder)
    return folder


def write_vit(settings: ImageEncoder, spec: InputSpec, folder: Path) -> Path:
    """A ViT of our sizes with random weights, in the layout that AutoGluon reads."""
    from timm import create_model

    register_vit(settings, spec)
    folder.mkdir(parents=True)
    torch.save(create_model(VIT, num_classes=0).state_dict(), folder / "pytorch_model.bin")
    # -1..1, as for the other methods
    seen = {"input_size": [3, spec.image_px, spec.image_px], "mean": [0.5] * 3, "std": [0.5] * 3}
    about = {"architecture": VIT, "num_features": settings.hidden, "pretrained_cfg": seen}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def register_vit(settings: ImageEncoder, spec: InputSpec) -> None:
    """Teach timm the name `VIT`, under which a saved predictor asks for its image encoder."""
    from timm.models import register_model
    from timm.models.vision_transformer import VisionTransformer

    def lanistr_vit(pretrained: bool = False, **options: Any) -> VisionTransformer:
        return VisionTransformer(
            img_size=spec.image_px,
            patch_size=settings.patch_px,
            embed_dim=settings.hidden,
            depth=settings.layers,
            num_heads=settings.heads,
            mlp_ratio=settings.intermediate / settings.hidden,
            num_classes=options.get("num_classes", 0),
        )

    lanistr_vit.__module__ = __name__
    register_model(lanistr_vit)
