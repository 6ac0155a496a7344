"""Sizes of the encoders and of the fusion, as recipes give them."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """A section of a recipe: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Transformer(Part):
    """Sizes of a Transformer; defaults are those of BERT-base and ViT-B."""

    hidden: int = Field(768, gt=0, description="Width of a token.")
    layers: int = Field(12, gt=0, description="Number of layers.")
    heads: int = Field(12, gt=0, description="Number of attention heads.")
    intermediate: int = Field(3072, gt=0, description="Width between the two linear layers.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of every layer.")

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

    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of every layer.")
    max_tokens: int = Field(512, gt=2, description="Longest text, [CLS] and [SEP] included.")
    vocab_size: int = Field(
        30522,
        gt=10,
        description="Words of the vocabulary that is trained when `pretrained` is null.",
    )


class ImageEncoder(LibraryTransformer):
    """ViT."""

    patch_px: int = Field(16, gt=0, description="Side of a patch, in pixels.")


class TabularEncoder(Part):
    """TabNet, or a Transformer over columns. Source of the defaults: the official code."""

    kind: Literal["tabnet", "columns"] = Field(
        "tabnet",
        description="Tokens: TabNet's decision steps, as in the paper; or a column each, which "
        "reads hidden, layers and heads alone.",
    )
    hidden: int = Field(
        64, gt=0, description="Width of a decision and of an attention step; or of a column."
    )
    layers: int = Field(1, gt=0, description="Layers over columns; TabNet has none.")
    heads: int = Field(4, gt=0, description="Attention heads of these layers.")
    steps: int = Field(6, gt=0, description="Decision steps; each gives a token.")
    gamma: float = Field(
        1.8, ge=1, description="Freedom of several steps to use one column; 1 = one step only."
    )
    independent: int = Field(2, ge=0, description="Gated layers of a step's own.")
    shared: int = Field(2, gt=0, description="Gated layers that all steps share.")
    embedding: int = Field(3, gt=0, description="Width of an identifier's learned embedding.")
    ghost_batch: int = Field(128, gt=1, description="Rows that are normalised together.")
    momentum: float = Field(
        0.02, gt=0, lt=1, description="Momentum of the normalisation. Source: TabNet's own default."
    )


class TimeseriesEncoder(Transformer):
    """A Transformer over hours, or over variables and blocks of hours."""

    kind: Literal["hours", "variables"] = Field(
        "hours",
        description="Tokens: an hour each with zeros for what was not measured, as in the paper; "
        "or a variable each, told as summaries of its measurements, beside blocks of hours.",
    )
    block_hours: int = Field(
        4, gt=0, description="Hours of a block; of kind hours, each hour is a token."
    )
    hidden: int = Field(256, gt=0, description="Width of an hour. Source: LANISTR Table 5.")
    layers: int = Field(3, gt=0, description="Number of layers. Source: LANISTR Table 5.")
    heads: int = Field(4, gt=0, description="Attention heads. Source: LANISTR Table 5.")
    intermediate: int = Field(
        3072, gt=0, description="Width between the two linear layers. Source: LANISTR Table 5."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of every layer.")


class Encoders(Part):
    """One encoder per modality; only those of `Experiment.modalities` are built."""

    text: TextEncoder = Field(TextEncoder(), description="Encoder of texts.")
    image: ImageEncoder = Field(ImageEncoder(), description="Encoder of images.")
    tabular: TabularEncoder = Field(TabularEncoder(), description="Encoder of table rows.")
    timeseries: TimeseriesEncoder = Field(TimeseriesEncoder(), description="Encoder of series.")


class Fusion(LibraryTransformer):
    """What makes one embedding of the tokens of all modalities."""

    kind: Literal["transformer", "perceiver", "linear"] = Field(
        "transformer",
        description="A Transformer over all tokens with a [CLS] of its own; the Perceiver IO of "
        "the paper's first version, whose latents read the tokens once; or weights of its own for "
        "each token, of texts for [CLS], of which only hidden is read.",
    )
    layers: int = Field(
        6, gt=0, description="Number of layers. Source: LANISTR, and FLAVA's multimodal encoder."
    )
    latents: int = Field(
        64, gt=0, description="Latents of the Perceiver; the Transformer has none."
    )

    @model_validator(mode="after")
    def _perceiver_possible(self) -> Self:
        if self.kind != "transformer" and self.pretrained:
            raise ValueError(
                f"pretrained: a {self.kind} fusion starts from random weights; use null"
            )
        if self.kind == "perceiver" and self.intermediate % self.hidden:
            raise ValueError(
                f"intermediate: {self.intermediate} is not a multiple of hidden, {self.hidden}, "
                "as a Perceiver needs"
            )
        return self
