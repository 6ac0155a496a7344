"""Views of an image: a little zoom and shift, the same whenever and with whomever it is shown."""

import numpy as np
import pytest
import torch

from lanistr.data.augment import SHIFT, ZOOM, view_of

PX = 20


def ramp():
    """Grows by 1 per pixel to the right, and by 100 per pixel down."""
    steps = torch.arange(PX, dtype=torch.float32)
    return (steps[None, :] + 100 * steps[:, None])[None, None]


def test_the_first_view_is_the_image():
    image = ramp()
    assert view_of(image, np.array([7]), 0, mirror=True) is image


def test_a_view_depends_on_sample_and_number_alone():
    images, numbers = torch.rand(5, 3, PX, PX), np.array([4, -9, 2**62, 0, 5])
    together = view_of(images, numbers, 2)
    for i in range(5):
        assert torch.equal(view_of(images[i : i + 1], numbers[i : i + 1], 2)[0], together[i])
    assert not torch.equal(together, view_of(images, numbers, 3))
    assert not torch.equal(together[0], view_of(images[:1], numbers[1:2], 2)[0])


@pytest.mark.parametrize("number", range(5))
def test_zoom_and_shift_are_small(number):
    seen = view_of(ramp(), np.array([number]), 1)[0, 0]
    centre = seen[PX // 2 - 1 : PX // 2 + 1].mean(dim=1) @ torch.full((2,), 0.5)
    across = (seen[PX // 2, 12] - seen[PX // 2, 7]) / 5
    assert abs(across - 1) <= ZOOM + 1e-4  # not mirrored
    assert abs(centre / 100 - (PX - 1) / 2) <= SHIFT * PX + 0.2
    assert seen.min() >= 0
    assert seen.max() <= ramp().max()


def test_half_of_the_images_are_mirrored_on_demand():
    images = ramp().expand(200, -1, -1, -1)
    seen = view_of(images, np.arange(200), 1, mirror=True)
    mirrored = seen[:, 0, PX // 2, 12] < seen[:, 0, PX // 2, 7]
    assert 70 < mirrored.sum() < 130
