"""Fusion: the tokens of all modalities become one embedding; and what is put on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.experiments.objectives import Objectives, Variants
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.losses import similarity_loss
from lanistr.models.variants import first_token, normalised

if TYPE_CHECKING:
    from transformers import FlavaMultimodalModel
    from transformers.models.flava.modeling_flava import FlavaLayer, FlavaSelfAttention


class Projection(nn.Module):
    """Brings the tokens of a modality to the width of the fusion and marks where they are from.

    Source:
        LANISTR. Addition: an embedding per modality. Deviation of the official code, on demand:
        it normalises what is projected over the tokens.
    """

    def __init__(self, width: int, fused_width: int, variants: Variants):
        super().__init__()
        self.normalise = variants.normalise
        self.linear = nn.Linear(width, fused_width)
        self.kind = nn.Parameter(torch.empty(fused_width))
        nn.init.trunc_normal_(self.kind, std=0.02)

    def forward(self, tokens: Tokens) -> Tensor:
        """From (B, N, width) to (B, N, fused_width)."""
        projected = self.linear(tokens.states)
        return normalised(projected, tokens.is_token, self.normalise) + self.kind


class Projections(nn.ModuleDict):
    """From the tokens of each modality to one sequence.

    Source:
        LANISTR. Deviation of the official code, on demand: of a text it takes [CLS] alone.
    """

    def __init__(self, projections: Mapping[Modality, Projection], variants: Variants):
        super().__init__({modality.value: each for modality, each in projections.items()})
        self.text_pooling = variants.text_pooling

    def forward(self, tokens: Mapping[Modality, Tokens]) -> tuple[Tensor, Tensor]:
        """All tokens, (B, N, D), and their flags, (B, N) bool."""
        if self.text_pooling == "cls" and Modality.TEXT in tokens:
            tokens = {**tokens, Modality.TEXT: first_token(tokens[Modality.TEXT])}
        states = [self[modality](each) for modality, each in tokens.items()]
        is_token = torch.cat([each.is_token for each in tokens.values()], dim=1)
        return torch.cat(states, dim=1), is_token


class Fusion(nn.Module):
    """The cross-modal Transformer over projected tokens, with a [CLS] of its own.

    An absent modality and padding are masked in the attention, so that they contribute nothing.

    Source:
        LANISTR; FLAVA's multimodal encoder. Deviation of the official code: it attends to absent
        modalities and padding as well.
    """

    def __init__(self, projections: Projections, transformer: FlavaMultimodalModel):
        super().__init__()
        self.projections = projections
        layers: Any = transformer.encoder.layer
        for layer in layers:
            eager = layer.attention.attention
            layer.attention.attention = FusedAttention(eager, cls_only=layer is layers[-1])
        layers[-1] = LastLayer(layers[-1])
        self.transformer = transformer

    def forward(self, tokens: Mapping[Modality, Tokens]) -> Tensor:
        """Fuse the modalities of each sample; returns the state of [CLS], (B, D)."""
        states, is_token = self.projections(tokens)
        cls = is_token.new_ones(len(is_token), 1)
        fused = self.transformer(
            states,
            attention_mask=torch.cat([cls, is_token], dim=1)[:, None, None],  # as FusedAttention
        )
        return fused.last_hidden_state[:, 0]


def start_at_random(cls: nn.Parameter) -> None:
    """Draw a [CLS] for which the library has zeros, as it expects pretrained weights.

    A sample without any modality is [CLS] alone. Normalising zeros multiplies gradients by a
    million, and each layer does so again: they become infinite.
    """
    nn.init.trunc_normal_(cls, std=0.02)


class FusedAttention(nn.Module):
    """FLAVA's self-attention in one kernel, with the same parameters under the same names.

    The library only has it step by step, which took more than half of the time of pretraining.
    """

    def __init__(self, eager: FlavaSelfAttention, *, cls_only: bool):
        super().__init__()
        self.query, self.key, self.value = eager.query, eager.key, eager.value
        self.heads = eager.num_attention_heads
        self.dropout = eager.dropout.p
        self.asking = slice(0, 1) if cls_only else slice(None)

    def forward(
        self, states: Tensor, attention_mask: Tensor, output_attentions: bool
    ) -> tuple[Tensor]:
        """Attend over all tokens.

        Args:
            states: (B, N, D).
            attention_mask: True = attend to this token, (B, 1, 1, N) bool; the library hands a
                mask of four dimensions on as it is.
            output_attentions: the library passes it; probabilities are never returned.

        Returns:
            What each token, or [CLS] alone, took from the others, (B, N or 1, D).
        """
        query, key, value = (
            states.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for states in (self.query(states[:, self.asking]), self.key(states), self.value(states))
        )
        attended = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return (attended.transpose(1, 2).flatten(-2),)


class LastLayer(nn.Module):
    """FLAVA's last layer for [CLS] alone, as nothing reads the other tokens; same parameters."""

    def __init__(self, layer: FlavaLayer):
        super().__init__()
        self.attention = layer.attention
        self.intermediate, self.output = layer.intermediate, layer.output
        self.layernorm_before, self.layernorm_after = layer.layernorm_before, layer.layernorm_after

    def forward(
        self, states: Tensor, attention_mask: Tensor, output_attentions: bool
    ) -> tuple[Tensor]:
        """From all tokens, (B, N, D), to [CLS], (B, 1, D)."""
        normalised = self.layernorm_before(states)
        attended, *_ = self.attention(normalised, attention_mask, output_attentions)
        cls = states[:, :1] + attended
        return (self.output(self.intermediate(self.layernorm_after(cls)), cls),)


class SimilarityHead(nn.Module):
    """SimSiam's projector and predictor, which pull the views of a sample together.

    Source:
        LANISTR, SimMMM; SimSiam. Both views pass as one batch, so that the statistics of the
        batch normalisation are shared. Deviation of the official code: it has no normalisation.
    """

    def __init__(self, width: int, objectives: Objectives):
        super().__init__()
        wide, narrow = objectives.projector_hidden, objectives.predictor_hidden
        self.joint = objectives.view_statistics == "joint"
        self.projector = nn.Sequential(
            *hidden_layer(width, wide),
            *hidden_layer(wide, wide),
            nn.Linear(wide, wide, bias=False),
            nn.BatchNorm1d(wide, affine=False),
        )
        self.predictor = nn.Sequential(*hidden_layer(wide, narrow), nn.Linear(narrow, wide))

    def forward(self, embeddings: Tensor, real: Tensor) -> Tensor:
        """L_SimMMM.

        Args:
            embeddings: of the masked views, then of the unmasked views, (2 B, D).
            real: True = the sample has any modality, (B,) bool.
        """
        together = (embeddings,) if self.joint else embeddings.chunk(2)
        projected = [self.projector(each) for each in together]
        z_masked, z_unmasked = torch.cat(projected).chunk(2)
        p_masked, p_unmasked = torch.cat([self.predictor(each) for each in projected]).chunk(2)
        return similarity_loss((p_masked, p_unmasked), (z_masked, z_unmasked), real)


def hidden_layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A hidden layer of SimSiam's perceptrons."""
    return nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """The head of fine-tuning: three layers, to a logit per class or to one number."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )
