"""Radiographs: ViT, and masked image modeling as in SimMIM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lanistr.config import Modality, Objectives
from lanistr.models.encoders import Encoder, Tokens
from lanistr.models.masking import hide_patches
from lanistr.models.objectives import masked_image_loss

if TYPE_CHECKING:
    from transformers import ViTModel

    from lanistr.batch import Batch


class ImageEncoder(Encoder):
    """ViT; one token per patch, row by row, after a [CLS]."""

    modality = Modality.IMAGE

    def __init__(self, vit: ViTModel):
        super().__init__()
        self.vit = vit
        self.width = vit.config.hidden_size
        self.patches = vit.embeddings.patch_embeddings.num_patches

    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw the patches to hide, (B, patches) bool."""
        return hide_patches(batch.has(Modality.IMAGE), self.patches, objectives.image_ratio, rng)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the images, with a learned mask token in place of every hidden patch."""
        present = batch.has(Modality.IMAGE)
        pixels = batch.pixels.masked_fill(~present[:, None, None, None], 0.0)
        states = self.vit(pixel_values=pixels, bool_masked_pos=hidden).last_hidden_state
        return Tokens(states, present[:, None].expand(states.shape[:2]))

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


def patches_of(pixels: Tensor, patch_px: int) -> Tensor:
    """Cut images into patches, in the order in which ViT sees them.

    Args:
        pixels: (B, 3, H, W).
        patch_px: height and width of a patch.

    Returns:
        Pixels of each patch, row by row, (B, H/patch_px * W/patch_px, 3 * patch_px^2).
    """
    return torch.nn.functional.unfold(pixels, patch_px, stride=patch_px).transpose(1, 2)
