"""Deterministic augmentation: the view k of an image depends on its sample and on k alone.

So a run that goes on repeats it, any number of processes sees the same, and what a frozen encoder
makes of each view can be kept.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ZOOM = 0.1  # at most, in and out
SHIFT = 0.1  # at most, up or down and left or right, of the height or width


def view_of(pixels: Tensor, sample_ids: np.ndarray, view: int, *, mirror: bool = False) -> Tensor:
    """The images as a view shows them: number 0 as they are, others zoomed and shifted a little.

    Beyond the edge of an image its outermost pixels go on.

    Args:
        pixels: (B, C, H, W) float32.
        sample_ids: decide, with `view`, what is done to each image, (B,) int64.
        view: counts from 0.
        mirror: exchange left and right in half of the images.
    """
    if view == 0:
        return pixels
    draws = np.array([_draws(int(number), view) for number in sample_ids.view(np.uint64)])
    zoom, down, right = (draws[:, :3] * (ZOOM, 2 * SHIFT, 2 * SHIFT)).T
    across = np.where(mirror & (draws[:, 3] > 0), -1, 1)
    # Of each place in the view, where it lies in the image; from -1 to 1 along each axis.
    place = np.zeros((len(pixels), 2, 3), np.float32)
    place[:, 0, 0], place[:, 0, 2] = (1 + zoom) * across, right
    place[:, 1, 1], place[:, 1, 2] = 1 + zoom, down
    grid = functional.affine_grid(torch.from_numpy(place), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _draws(sample_id: int, view: int) -> np.ndarray:
    """Four numbers of -1..1."""
    return np.random.default_rng([view, sample_id]).uniform(-1, 1, 4)
