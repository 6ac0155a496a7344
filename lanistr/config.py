"""How a model is trained: recipes, and the registry of experiments that override them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lanistr.errors import ConfigError


class Modality(StrEnum):
    """The kinds of input; the names are the same in YAML, Parquet, metrics and logs."""

    TEXT = "text"
    IMAGE = "image"
    TABULAR = "tabular"
    TIMESERIES = "timeseries"

    @property
    def index(self) -> int:
        """Column of this modality in `Batch.present`."""
        return list(Modality).index(self)


class Part(BaseModel):
    """A section of a recipe: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextEncoder(Part):
    """BERT, from a hub name or folder, or built at random from a size."""

    pretrained: str | None = Field(None, description="Hub name or folder; null = random weights.")
    hidden: int = Field(768, gt=0, description="Width. Source: BERT-base.")
    layers: int = Field(12, gt=0)
    heads: int = Field(12, gt=0)
    intermediate: int = Field(3072, gt=0)
    dropout: float = Field(0.1, ge=0, lt=1)
    max_tokens: int = Field(512, gt=2, description="Longest text, [CLS] and [SEP] included.")
    vocab_size: int = Field(
        30522, gt=10, description="Of the vocabulary trained offline when `pretrained` is null."
    )


class ImageEncoder(Part):
    """ViT, from a hub name or folder, or built at random from a size."""

    pretrained: str | None = Field(None, description="Hub name or folder; null = random weights.")
    hidden: int = Field(768, gt=0, description="Width. Source: ViT-B/16.")
    layers: int = Field(12, gt=0)
    heads: int = Field(12, gt=0)
    intermediate: int = Field(3072, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    patch_px: int = Field(16, gt=0)


class TimeseriesEncoder(Part):
    """A Transformer over hours with learnable positions."""

    hidden: int = Field(256, gt=0, description="Source: LANISTR Table 5.")
    layers: int = Field(3, gt=0, description="Source: LANISTR Table 5.")
    heads: int = Field(4, gt=0, description="Source: LANISTR Table 5.")
    intermediate: int = Field(3072, gt=0, description="Source: LANISTR Table 5.")
    dropout: float = Field(0.1, ge=0, lt=1)


class Encoders(Part):
    """One encoder per modality; only those of `Experiment.modalities` are built."""

    text: TextEncoder = TextEncoder()
    image: ImageEncoder = ImageEncoder()
    timeseries: TimeseriesEncoder = TimeseriesEncoder()


class Fusion(Part):
    """The cross-modal Transformer over the tokens of all modalities, with a [CLS] of its own."""

    pretrained: str | None = Field(None, description="FLAVA hub name or folder; null = random.")
    hidden: int = Field(768, gt=0)
    layers: int = Field(6, gt=0)
    heads: int = Field(12, gt=0)
    intermediate: int = Field(3072, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)


class Objectives(Part):
    """Weights of the pretraining losses and what they hide; a weight of 0 leaves one out.

    Source: LANISTR Table 5 (MIMIC-IV column).
    """

    mlm: float = Field(1.0, ge=0, description="Masked language modeling.")
    mim: float = Field(1.0, ge=0, description="Masked image modeling (SimMIM).")
    mtm: float = Field(0.1, ge=0, description="Masked time-series modeling.")
    mmm: float = Field(0.5, ge=0, description="Similarity of masked and unmasked embeddings.")
    text_ratio: float = Field(0.15, gt=0, lt=1, description="Share of tokens hidden.")
    image_ratio: float = Field(0.5, gt=0, lt=1, description="Share of patches hidden.")
    timeseries_ratio: float = Field(0.15, gt=0, lt=1, description="Share of hours hidden.")
    segment_hours: float = Field(3.0, ge=1, description="Mean length of a hidden stretch.")
    projector_hidden: int = Field(2048, gt=0, description="Of the SimSiam projector.")
    predictor_hidden: int = Field(512, gt=0, description="Of the SimSiam predictor.")


class Optim(Part):
    """AdamW with a cosine schedule, stepped per batch."""

    lr: float = Field(1e-4, gt=0, description="Peak rate.")
    weight_decay: float = Field(0.02, ge=0)
    warmup_share: float = Field(0.1, ge=0, lt=1, description="Share of all steps.")
    epochs: int = Field(..., gt=0)
    batch_size: int = Field(..., gt=0, description="Global, over all devices.")
    accumulate: int = Field(1, gt=0, description="Micro-batches per step.")
    clip_norm: float = Field(1.0, gt=0, description="Of the gradient.")


class Data(Part):
    """Which samples a run sees."""

    require: frozenset[Modality] = Field(
        frozenset(), description="Keep samples that have all of these; empty = any subset."
    )
    unlabeled_share: float = Field(
        1.0, ge=0, le=1, description="Share of pretraining samples; smaller shares are subsets."
    )
    parallel_only: bool = Field(False, description="Keep only samples with every modality.")
    samples_per_epoch: int | None = Field(
        None, gt=0, description="Drawn anew each epoch; null = all of them."
    )


class Experiment(Part):
    """One row of a table, or the pretraining that rows share: a recipe with an entry's overrides."""

    name: str
    stage: Literal["pretrain", "finetune"]
    method: Literal["lanistr", "latefusion"] = "lanistr"
    dataset: str
    modalities: frozenset[Modality] = Field(min_length=1)
    init: str | None = Field(
        None, description="Experiment whose run of the same seed gives the initial weights."
    )
    table: str | None = Field(None, description="Key in paper_results.tsv; null = no row.")
    row: str | None = Field(None, description="Row of that table.")
    classes: int = Field(2, gt=1)
    freeze: Literal["pretrained", "none"] = Field(
        "pretrained",
        description="In fine-tuning: encoders that start from trained weights are frozen, "
        "those that start at random are trained; 'none' trains all.",
    )
    data: Data = Data()
    encoders: Encoders = Encoders()
    fusion: Fusion = Fusion()
    objectives: Objectives = Objectives()
    optim: Optim

    @model_validator(mode="after")
    def _parts_fit(self) -> Experiment:
        if self.stage == "pretrain" and self.init:
            raise ValueError("init: a pretraining run starts from its encoders' weights")
        if self.method != "lanistr" and self.stage == "pretrain":
            raise ValueError(f"stage: {self.method} has no pretraining; use stage: finetune")
        if (self.table is None) != (self.row is None):
            raise ValueError("table and row: give both or neither")
        if missing := self.data.require - self.modalities:
            raise ValueError(f"data.require: {sorted(missing)} are not among the modalities")
        return self


def load_experiment(registry: Path, recipe: Path, name: str) -> Experiment:
    """The entry `name` of the registry, laid over the recipe's section for its stage.

    Args:
        registry: YAML; one mapping per experiment name.
        recipe: YAML with the sections `shared`, `pretrain` and `finetune`.
        name: key in the registry.

    Raises:
        ConfigError: unknown name or key, or a value out of its range.
    """
    entries = yaml.safe_load(registry.read_text())
    if name not in entries:
        raise ConfigError(f"{registry} has no experiment {name!r}. Allowed: {sorted(entries)}.")
    sections = yaml.safe_load(recipe.read_text())
    if unknown := set(sections) - {"shared", "pretrain", "finetune", "methods"}:
        raise ConfigError(
            f"{recipe}: unknown sections {sorted(unknown)}. "
            "Allowed: shared, pretrain, finetune, methods."
        )
    entry = entries[name]
    settings: dict[str, Any] = {"name": name}
    layers = (
        sections.get("shared"),
        sections.get(entry.get("stage")),
        (sections.get("methods") or {}).get(entry.get("method")),
        entry,
    )
    for layer in layers:
        settings = merged(settings, layer or {})
    try:
        return Experiment.model_validate(settings)
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, e['loc'])) or 'experiment'}: {e['msg']}" for e in error.errors()
        ]
        raise ConfigError(
            "\n".join([f"Experiment {name!r} of {registry} over {recipe}:", *problems])
        ) from None


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mappings merged in depth.

    >>> merged({"optim": {"lr": 1, "epochs": 2}}, {"optim": {"lr": 3}})
    {'optim': {'lr': 3, 'epochs': 2}}
    """
    both = {
        key: merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(base[key], dict) and isinstance(over[key], dict)
    }
    return {key: both.get(key, {**base, **over}[key]) for key in {**base, **over}}
