"""How a model is trained: recipes, and the registry of experiments that override them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from lanistr.errors import ConfigError


class Modality(StrEnum):
    """The kinds of input; the names are the same in YAML, Parquet, metrics and logs."""

    TEXT = "text"
    IMAGE = "image"
    TABULAR = "tabular"
    TIMESERIES = "timeseries"

    @property
    def index(self) -> int:  # type: ignore[override]
        """Column of this modality in `Batch.present`."""
        return list(Modality).index(self)


# Written in one order: that of a set changes from process to process.
Modalities = Annotated[frozenset[Modality], PlainSerializer(sorted, when_used="json")]


class Part(BaseModel):
    """A section of a recipe: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Part)


OBJECTIVE_MODALITY = {
    "mlm": Modality.TEXT,
    "mim": Modality.IMAGE,
    "mfm": Modality.TABULAR,
    "mtm": Modality.TIMESERIES,
}
"""The masking losses, and the modality that each of them reconstructs."""


class Transformer(Part):
    """Sizes of a Transformer; defaults are those of BERT-base and ViT-B."""

    hidden: int = Field(768, gt=0, description="Width of a token.")
    layers: int = Field(12, gt=0)
    heads: int = Field(12, gt=0)
    intermediate: int = Field(3072, gt=0, description="Width between the two linear layers.")
    dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden: {self.hidden} is not a multiple of heads, {self.heads}")
        return self


class LibraryTransformer(Transformer):
    """A Transformer of the library `transformers`, with random or with pretrained weights."""

    pretrained: str | None = Field(
        None, description="Hub name or folder of weights of these sizes; null = random weights."
    )
    attributes: dict[str, Any] = Field(
        {},
        description="Further attributes of the library's configuration, such as hidden_act; "
        "pretrained weights bring their own.",
    )

    @model_validator(mode="after")
    def _attributes_have_one_source(self) -> Self:
        if self.pretrained and self.attributes:
            raise ValueError(f"attributes: those of {self.pretrained} hold; give one of the two")
        return self


class TextEncoder(LibraryTransformer):
    """BERT."""

    dropout: float = Field(0.1, ge=0, lt=1)
    max_tokens: int = Field(512, gt=2, description="Longest text, [CLS] and [SEP] included.")
    vocab_size: int = Field(
        30522, gt=10, description="Of the vocabulary trained offline when `pretrained` is null."
    )


class ImageEncoder(LibraryTransformer):
    """ViT."""

    patch_px: int = Field(16, gt=0)


class TabularEncoder(Part):
    """TabNet. Source of the defaults: the official code."""

    hidden: int = Field(64, gt=0, description="Width of a decision and of an attention step.")
    steps: int = Field(6, gt=0, description="Decision steps; each gives a token.")
    gamma: float = Field(
        1.8, ge=1, description="How freely a column is used by several steps; 1 = by one only."
    )
    independent: int = Field(2, ge=0, description="Gated layers of a step's own.")
    shared: int = Field(2, gt=0, description="Gated layers that all steps share.")
    embedding: int = Field(3, gt=0, description="Width of an identifier's learned embedding.")
    ghost_batch: int = Field(128, gt=1, description="Rows that are normalised together.")
    momentum: float = Field(
        0.02, gt=0, lt=1, description="Of the normalisation. Source: TabNet's own default."
    )


class TimeseriesEncoder(Transformer):
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
    tabular: TabularEncoder = TabularEncoder()
    timeseries: TimeseriesEncoder = TimeseriesEncoder()


class Fusion(LibraryTransformer):
    """What makes one embedding of the tokens of all modalities."""

    kind: Literal["transformer", "perceiver"] = Field(
        "transformer",
        description="A Transformer over all tokens with a [CLS] of its own, or the Perceiver IO "
        "of the paper's first version, whose latents read the tokens once.",
    )
    layers: int = Field(6, gt=0, description="Source: LANISTR, and FLAVA's multimodal encoder.")
    latents: int = Field(64, gt=0, description="Of the Perceiver; the Transformer has none.")

    @model_validator(mode="after")
    def _perceiver_possible(self) -> Self:
        if self.kind == "perceiver" and self.pretrained:
            raise ValueError("pretrained: a Perceiver starts from random weights; use null")
        if self.kind == "perceiver" and self.intermediate % self.hidden:
            raise ValueError(
                f"intermediate: {self.intermediate} is not a multiple of hidden, {self.hidden}, "
                "as a Perceiver needs"
            )
        return self


class Objectives(Part):
    """Weights of the pretraining losses and what they hide; a weight of 0 leaves one out.

    Source: LANISTR Table 5 (MIMIC-IV column).
    """

    mlm: float = Field(1.0, ge=0, description="Masked language modeling.")
    mim: float = Field(1.0, ge=0, description="Masked image modeling (SimMIM).")
    mfm: float = Field(
        0.0, ge=0, description="Masked feature modeling (TabNet); 0.01 for Amazon in Table 5."
    )
    mtm: float = Field(0.1, ge=0, description="Masked time-series modeling.")
    mmm: float = Field(0.5, ge=0, description="Similarity of masked and unmasked embeddings.")
    text_ratio: float = Field(0.15, gt=0, lt=1, description="Share of tokens hidden.")
    image_ratio: float = Field(0.5, gt=0, lt=1, description="Share of patches hidden.")
    tabular_ratio: float = Field(0.15, gt=0, lt=1, description="Share of columns hidden.")
    timeseries_ratio: float = Field(
        0.15, gt=0, lt=1, description="Share of hours hidden, per variable."
    )
    segment_hours: float = Field(3.0, ge=1, description="Mean length of a hidden stretch.")
    projector_hidden: int = Field(2048, gt=0, description="Of the SimSiam projector.")
    predictor_hidden: int = Field(512, gt=0, description="Of the SimSiam predictor.")

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
        description="What of the projected tokens is brought to length 1: nothing, each feature "
        "over the tokens (official code), or each token over its features.",
    )
    text_pooling: Literal["tokens", "cls"] = Field(
        "tokens", description="What the fusion sees of a text: all tokens, or [CLS] (official)."
    )
    mlm_over: Literal["hidden", "all"] = Field(
        "hidden", description="Tokens that are scored: hidden ones, or all and padding (official)."
    )
    absent: Literal["masked", "zeros"] = Field(
        "masked",
        description="What is absent is masked everywhere, or zeros stand for it, are attended to "
        "and scored (official).",
    )


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

    require: Modalities = Field(
        frozenset(), description="Keep samples that have all of these; empty = any subset."
    )
    unlabeled_share: float = Field(
        1.0, ge=0, le=1, description="Share of pretraining samples; smaller shares are subsets."
    )
    parallel_only: bool = Field(False, description="Keep only samples with every modality.")
    samples_per_epoch: int | None = Field(
        None, gt=0, description="Drawn anew each epoch; null = all of them."
    )
    columns_as_text: bool = Field(
        False, description="Tab2Txt: the columns of the table are written in front of the text."
    )


class Experiment(Part):
    """One row of a table, or the pretraining that rows share: an entry laid over a recipe."""

    name: str
    stage: Literal["pretrain", "finetune"]
    method: Literal["lanistr", "latefusion"] = "lanistr"
    dataset: str
    modalities: Modalities = Field(min_length=1)
    init: str | None = Field(
        None, description="Experiment whose run of the same seed gives the initial weights."
    )
    table: str | None = Field(None, description="Key in paper_results.tsv; null = no row.")
    row: str | None = Field(None, description="Row of that table.")
    task: Literal["classification", "regression"] = Field(
        "classification", description="What fine-tuning learns: a class, or one number."
    )
    classes: int = Field(2, gt=1, description="Of a classification.")
    freeze: Literal["pretrained", "none"] = Field(
        "pretrained",
        description="In fine-tuning: encoders that start from trained weights are frozen, "
        "those that start at random are trained; 'none' trains all.",
    )
    data: Data = Data()
    encoders: Encoders = Encoders()
    fusion: Fusion = Fusion()
    objectives: Objectives = Objectives()
    variants: Variants = Variants()
    optim: Optim

    @model_validator(mode="after")
    def _parts_fit(self) -> Experiment:
        if self.stage == "pretrain" and self.init:
            raise ValueError("init: a pretraining run starts from its encoders' weights")
        if self.method != "lanistr" and self.stage == "pretrain":
            raise ValueError(f"stage: {self.method} has no pretraining; use stage: finetune")
        if self.task == "regression" and self.stage == "pretrain":
            raise ValueError("task: pretraining has no labels; a regression is of stage finetune")
        if (self.table is None) != (self.row is None):
            raise ValueError("table and row: give both or neither")
        if self.stage == "pretrain" and not self.losses:
            raise ValueError("objectives: no weight above 0 for any of the modalities")
        if self.data.columns_as_text and Modality.TABULAR in self.modalities:
            raise ValueError("data.columns_as_text: the columns are text; leave tabular out")
        if missing := self.data.require - self.modalities:
            raise ValueError(f"data.require: {sorted(missing)} are not among the modalities")
        return self

    @property
    def outputs(self) -> int:
        """Width of what fine-tuning puts out: a logit per class, or one number."""
        return self.classes if self.task == "classification" else 1

    @property
    def losses(self) -> tuple[str, ...]:
        """The pretraining losses in use: a weight above 0, and the modality is there."""
        masking = [n for n, m in OBJECTIVE_MODALITY.items() if m in self.modalities]
        return tuple(n for n in (*masking, "mmm") if getattr(self.objectives, n) > 0)


def load_experiment(registry: Path, recipe: Path, name: str) -> Experiment:
    """The entry `name` of the registry, laid over the recipe's section for its stage.

    Args:
        registry: YAML; one mapping per experiment name.
        recipe: YAML with the sections `shared`, `pretrain`, `finetune`, `methods` and `datasets`.
        name: key in the registry.

    Raises:
        ConfigError: unknown name or key, or a value out of its range.
    """
    entries = read_mapping(registry)
    if name not in entries:
        raise ConfigError(f"{registry} has no experiment {name!r}. Allowed: {sorted(entries)}.")
    sections = recipe_sections(recipe)
    entry = entries[name]
    settings: dict[str, Any] = {"name": name}
    layers = (
        sections.get("shared"),
        sections.get(entry.get("stage")),
        (sections.get("methods") or {}).get(entry.get("method")),
        (sections.get("datasets") or {}).get(entry.get("dataset")),
        entry,
    )
    for layer in layers:
        settings = merged(settings, layer or {})
    return parsed(Experiment, settings, f"Experiment {name!r} of {registry} over {recipe}")


def load_encoders(recipe: Path) -> Encoders:
    """The encoders of the recipe's `shared` section, which decide what the cache holds.

    Raises:
        ConfigError: an unknown key, or a value out of its range.
    """
    shared = recipe_sections(recipe).get("shared") or {}
    return parsed(Encoders, shared.get("encoders") or {}, f"shared.encoders of {recipe}")


def recipe_sections(recipe: Path) -> dict[str, Any]:
    """The sections of a recipe.

    Raises:
        ConfigError: not a recipe, or a section that does not exist.
    """
    sections = read_mapping(recipe)
    allowed = ("shared", "pretrain", "finetune", "methods", "datasets")
    if unknown := set(sections) - set(allowed):
        raise ConfigError(
            f"{recipe}: unknown sections {sorted(unknown)}. Allowed: {', '.join(allowed)}."
        )
    return sections


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: no such file, or something else in it.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there. Check the path.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}, expected is a mapping.")
    return content


def parsed(kind: type[P], settings: dict[str, Any], where: str) -> P:
    """The settings as a typed part.

    Raises:
        ConfigError: every problem with its key.
    """
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, e['loc'])) or 'experiment'}: {e['msg']}" for e in error.errors()
        ]
        raise ConfigError("\n".join([f"{where}:", *problems])) from None


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
