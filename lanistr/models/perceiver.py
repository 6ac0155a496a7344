"""The fusion of the paper's first version: latents read the tokens, and a query reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lanistr.experiments import architecture
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.fusion import Projections

if TYPE_CHECKING:
    from transformers import PerceiverModel


class PerceiverFusion(nn.Module):
    """Perceiver IO over projected tokens; its cost grows with the tokens, not with their square.

    An absent modality and padding are masked where the latents read.

    Source:
        LANISTR, arXiv version 1; Perceiver IO.
    """

    def __init__(self, projections: Projections, perceiver: PerceiverModel):
        super().__init__()
        self.projections = projections
        self.perceiver = perceiver

    def forward(self, tokens: Mapping[Modality, Tokens]) -> Tensor:
        """Fuse the modalities of each sample; returns what the query reads, (B, D)."""
        states, is_token = self.projections(tokens)
        states = states.masked_fill(~is_token[..., None], 0.0)  # for samples without any token
        ignored = torch.zeros_like(is_token, dtype=states.dtype).masked_fill(
            ~is_token, torch.finfo(states.dtype).min
        )  # four dimensions: the library hands it on as it is, and adds it to the scores
        read = self.perceiver(inputs=states, attention_mask=ignored[:, None, None])
        return read.logits[:, 0]


def perceiver_io(settings: architecture.Fusion) -> PerceiverModel:
    """The library's Perceiver with one learned query, with random weights."""
    from transformers import PerceiverConfig, PerceiverModel
    from transformers.models.perceiver.modeling_perceiver import PerceiverBasicDecoder

    widening = settings.intermediate // settings.hidden
    sizes = PerceiverConfig(
        num_latents=settings.latents,
        d_latents=settings.hidden,
        d_model=settings.hidden,
        num_self_attends_per_block=settings.layers,
        num_self_attention_heads=settings.heads,
        num_cross_attention_heads=settings.heads,
        self_attention_widening_factor=widening,
        cross_attention_widening_factor=widening,
        attention_probs_dropout_prob=settings.dropout,
    )
    query = PerceiverBasicDecoder(
        sizes,
        output_num_channels=settings.hidden,
        output_index_dims=1,
        num_channels=settings.hidden,
        num_heads=settings.heads,
        widening_factor=widening,
        use_query_residual=True,
        final_project=False,
        trainable_position_encoding_kwargs={"num_channels": settings.hidden, "index_dims": 1},
    )
    return PerceiverModel(sizes, decoder=query)
