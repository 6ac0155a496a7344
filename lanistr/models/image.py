"""Radiographs: ViT, and masked image modeling as in SimMIM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Tokens, read_of, spread
from lanistr.models.losses import masked_image_loss
from lanistr.models.masking import hide_patches

if TYPE_CHECKING:
    from transformers import ViTModel

    from lanistr.batch import Batch

# Per channel, of pixels of 0..1. Source: CLIP.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ImageEncoder(Encoder):
    """ViT; one token per patch, row by row, after a [CLS]."""

    modality = Modality.IMAGE

    def __init__(self, vit: ViTModel):
        super().__init__()
        self.vit = vit
        self.width = vit.config.hidden_size
        self.patches = vit.embeddings.patch_embeddings.num_patches
        self.tokens = 1 + self.patches

    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw the patches to hide, (B, patches) bool."""
        return hide_patches(batch.has(Modality.IMAGE), self.patches, objectives.image_ratio, rng)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the images, with a learned mask token in place of every hidden patch."""
        present = batch.has(Modality.IMAGE)
        read = read_of(present)
        pixels = batch.pixels[read].masked_fill(~present[read, None, None, None], 0.0)
        masked = None if hidden is None else hidden[read]
        states = self.vit(pixel_values=pixels, bool_masked_pos=masked).last_hidden_state
        return spread(states, read, present)

    def pooled(self, tokens: Tokens) -> Tensor:
        """The state of [CLS], (B, D)."""
        return tokens.states[:, 0].masked_fill(~tokens.is_token[:, :1], 0.0)


class MaskedImageHead(nn.Module):
    """Paints the hidden patches: one linear layer, as in SimMIM."""

    def __init__(self, width: int, patch_px: int):
        super().__init__()
        self.patch_px = patch_px
        self.paint = nn.Linear(width, 3 * patch_px**2)

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MIM of the masked view."""
        prediction = self.paint(tokens.states[:, 1:])  # without [CLS]
        return masked_image_loss(prediction, patches_of(batch.pixels, self.patch_px), hidden)


def renormalised(pixels: Tensor) -> Tensor:
    """Pixels as CLIP's descendants, FLAVA and CoCa among them, expect them.

    Args:
        pixels: of -1..1, (B, 3, H, W).

    >>> white = torch.ones(1, 3, 1, 1)
    >>> renormalised(white).flatten()
    tensor([1.9303, 2.0749, 2.1459])
    """
    mean, std = (pixels.new_tensor(each)[:, None, None] for each in (CLIP_MEAN, CLIP_STD))
    return ((pixels + 1) / 2 - mean) / std


def patches_of(pixels: Tensor, patch_px: int) -> Tensor:
    """Cut images into patches, in the order in which ViT sees them.

    Args:
        pixels: (B, 3, H, W).
        patch_px: height and width of a patch.

    Returns:
        Pixels of each patch, row by row, (B, H/patch_px * W/patch_px, 3 * patch_px^2).
    """
    return torch.nn.functional.unfold(pixels, patch_px, stride=patch_px).transpose(1, 2)
