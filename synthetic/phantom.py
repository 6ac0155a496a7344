"""Chest-like phantoms: what an image shows of the severity, and what only distracts.

An image sees severity z_image through

    opacity   a = 0.55 * sigmoid(z_image - 0.8), the strength of patchy density in the lungs,
              heavier at the bases;
    effusion  e_side = clip(0.13 * (z_image + 0.7 * n_side), 0, 0.7), the height of fluid on each
              side;
    heart     width * (1 + 0.05 * (z_image + 1.5 * n)), clipped to +- 25 %;
    tubes     present with probability sigmoid(z_image - 1)

with n ~ N(0, 1). Everything else is nuisance: position, zoom, rotation, depth of breath, exposure,
contrast, ribs, noise, side markers, the frontal or lateral projection, size and aspect ratio.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from synthetic.model import sigmoid

# Anatomy is drawn on this grid and then stretched to the size of the image.
GRID_PX = 128
AIR, TISSUE, LUNG = 0.05, 0.62, 0.17


@dataclass(frozen=True)
class Anatomy:
    """Numbers that shape a batch of phantoms, each (images, 1, 1)."""

    lateral: np.ndarray
    opacity: np.ndarray
    effusion: np.ndarray  # (2, images, 1, 1), right and left
    heart: np.ndarray
    has_tube: np.ndarray
    breath: np.ndarray


def draw_anatomy(rng: np.random.Generator, severity: np.ndarray, lateral: np.ndarray) -> Anatomy:
    """The findings of each image, given what it sees of the severity."""
    n = len(severity)

    def column(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[..., None, None]

    effusion = 0.13 * (severity + 0.7 * rng.standard_normal((2, n)))
    heart = 1 + np.clip(0.05 * (severity + 1.5 * rng.standard_normal(n)), -0.25, 0.25)
    return Anatomy(
        lateral=column(lateral),
        opacity=column(0.55 * sigmoid(severity - 0.8)),
        effusion=column(np.clip(effusion, 0, 0.7)),
        heart=column(heart),
        has_tube=column(rng.random(n) < sigmoid(severity - 1)),
        breath=column(rng.uniform(-0.08, 0.1, n)),
    )


def phantoms(
    rng: np.random.Generator, severity: np.ndarray, lateral: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """A batch of phantoms on the common grid.

    Args:
        rng: stream of this batch.
        severity: what each image sees, (images,).
        lateral: True for a projection from the side, (images,).
        sizes: width and height in pixels that the image will have, (images, 2).

    Returns:
        Brightness 0 to 1, (images, GRID_PX, GRID_PX) float32; dense is bright.
    """
    anatomy = draw_anatomy(rng, severity, lateral)
    x, y = _coordinates(rng, sizes)
    lungs, below = _lungs(anatomy, x, y)
    field = np.maximum(lungs[0], lungs[1])
    patches = _smooth_noise(rng, len(severity), 9) + 0.6 * _smooth_noise(rng, len(severity), 24)
    density = anatomy.opacity * np.clip(0.8 + 1.1 * patches, 0, 2) * (0.75 + 0.5 * y)
    image = _body(x, y) * (TISSUE + 0.08 * y) + AIR
    image -= field * (TISSUE - LUNG) * (1 - np.clip(density, 0, 1))
    for side in (0, 1):
        fluid = lungs[side] * _step(below[side] + anatomy.effusion[side], 0.06)
        fluid *= anatomy.effusion[side] > 0
        image += fluid * (0.9 * TISSUE - image)
    for mask, brightness in _mediastinum(anatomy, x, y):
        image += mask * (brightness - image)
    image += _bones(x, y, anatomy.lateral)
    tube = (np.abs(x - 0.01) < 0.012) & (y > -1.1) & (y < -0.28)
    image += 0.16 * anatomy.has_tube * tube
    return _exposed(rng, image)


def _coordinates(rng: np.random.Generator, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Body coordinates of the grid points: x to the patient's left, y down, the chest near +-1."""
    n = len(sizes)
    line = np.linspace(-1, 1, GRID_PX, dtype=np.float32)
    shape = np.sqrt(sizes / sizes.prod(axis=1, keepdims=True) ** 0.5).astype(np.float32)
    zoom = rng.uniform(0.95, 1.15, n).astype(np.float32)
    u = line[None, None, :] * (shape[:, 0] * zoom)[:, None, None]
    v = line[None, :, None] * (shape[:, 1] * zoom)[:, None, None]
    u = u + rng.normal(0, 0.04, (n, 1, 1)).astype(np.float32)
    v = v + rng.normal(0, 0.04, (n, 1, 1)).astype(np.float32)
    angle = rng.normal(0, 0.05, (n, 1, 1)).astype(np.float32)
    return np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v


def _step(distance: np.ndarray, width: float) -> np.ndarray:
    """Zero where `distance` is negative, one beyond `width`, linear between."""
    return np.clip(distance * np.float32(1 / width), 0, 1)


def _lungs(
    anatomy: Anatomy, x: np.ndarray, y: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both lungs as masks from 0 to 1, and how far each point lies below a level of fluid."""
    masks, below = [], []
    for side, sign in ((0, -1), (1, 1)):
        centre = sign * (0.47 - 0.39 * anatomy.lateral)
        width = 0.37 + 0.2 * anatomy.lateral
        apex = np.clip(-(y + 0.05) / 0.8, 0, 1)
        across = (x - centre) / (width * (1 - 0.35 * apex * apex))
        inside = 1 - across**2 - ((y + 0.05) / 0.84) ** 2
        # The domes of the diaphragm: the right one is higher; from the side they slope back.
        dome = np.where(anatomy.lateral > 0, -0.2 * x, 0.16 * across**2 - 0.04 * (side == 0))
        floor = 0.46 + anatomy.breath + dome
        masks.append(_step(inside, 0.22) * _step(floor - y, 0.04))
        # Fluid climbs the chest wall: its surface is a meniscus.
        below.append(y - floor + 0.12 * np.abs(across) ** 3)
    return masks, below


def _body(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The trunk, narrower at the neck."""
    neck = np.clip(-(y + 0.8), 0, 0.5)
    return _step(1.12 - 1.5 * neck - np.abs(x), 0.08)


def _mediastinum(
    anatomy: Anatomy, x: np.ndarray, y: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray | float]]:
    """Great vessels, heart and spine: masks from 0 to 1 and the brightness they tend to."""
    frontal = 1 - anatomy.lateral
    heart_x = 0.15 * frontal + 0.3 * anatomy.lateral
    across = (x - heart_x + 0.3 * (y - 0.24)) / (0.36 * anatomy.heart)
    heart = _step(1 - across**2 - ((y - 0.26) / 0.34) ** 2, 0.5)
    vessels = _step(0.15 + 0.06 * y * y - np.abs(x), 0.08) * frontal * _step(0.6 - y, 0.4)
    spine = _step(0.1 - np.abs(x + 0.72 * anatomy.lateral), 0.04)
    return [(vessels, 0.7), (0.95 * heart, 0.72), (0.7 * spine, 0.78 + 0.06 * np.cos(26 * y))]


def _bones(x: np.ndarray, y: np.ndarray, lateral: np.ndarray) -> np.ndarray:
    """Ribs and collar bones."""
    phase = 19 * (y + 0.42 * x * x - 0.2 * np.abs(x) * (1 - lateral))
    ribs = np.clip(np.cos(phase) - 0.55, 0, 1) * _step(0.97 - np.abs(x), 0.1)
    ribs *= _step(0.62 - y, 0.1) * _step(y + 0.9, 0.1)
    collar = _step(0.035 - np.abs(y + 0.68 + 0.16 * np.abs(x)), 0.02)
    collar = collar * _step(np.abs(x) - 0.12, 0.03) * _step(0.85 - np.abs(x), 0.05)
    return 0.13 * ribs + 0.1 * collar * (1 - lateral)


def _smooth_noise(rng: np.random.Generator, images: int, cells: int) -> np.ndarray:
    """Noise of mean zero that varies over 1 / `cells` of the image."""
    coarse = rng.standard_normal((images, cells + 1, cells + 1), dtype=np.float32)
    place = np.linspace(0, cells - 1e-3, GRID_PX)
    cell, rest = place.astype(int), (place % 1).astype(np.float32)
    rows = coarse[:, cell] * (1 - rest)[:, None] + coarse[:, cell + 1] * rest[:, None]
    return rows[:, :, cell] * (1 - rest) + rows[:, :, cell + 1] * rest


def _exposed(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Contrast, brightness and gamma of the exposure, clipped to 0..1."""
    n = (len(image), 1, 1)
    contrast = rng.uniform(0.8, 1.2, n).astype(np.float32)
    brightness = rng.normal(0, 0.04, n).astype(np.float32)
    gamma = rng.uniform(0.85, 1.2, n).astype(np.float32)
    return np.clip(image * contrast + brightness, 0, 1) ** gamma


def finished(
    picture: np.ndarray, size: tuple[int, int], grain: np.ndarray, marker: str
) -> Image.Image:
    """The picture at its own size, with film grain and a side marker in a corner.

    Args:
        picture: brightness 0 to 1 on the grid, (GRID_PX, GRID_PX).
        size: width and height in pixels.
        grain: brightness to add, at least (height, width).
        marker: one or two letters, "L" or "R".
    """
    small = Image.fromarray((picture * 255).astype(np.uint8))
    stretched = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = np.clip(stretched + grain[: size[1], : size[0]], 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    left = size[0] // 14 if marker == "R" else size[0] - size[0] // 10
    ImageDraw.Draw(image).text((left, size[1] // 14), marker, fill=235)
    return image
