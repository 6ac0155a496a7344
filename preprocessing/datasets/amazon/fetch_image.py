"""A downloaded body to a small RGB JPEG: decoded in full, scaled down, or refused with a reason."""

from PIL import Image

from reading.pictures import UndecodableError, decode
from reading.squares import encode_jpeg

# Amazon answers "no such picture" with status 200 and a GIF of one pixel.
MIN_SIDE = 8
PLACEHOLDER = f"picture smaller than {MIN_SIDE} pixels"


def shrink(body: bytes, px: int) -> bytes:
    """The picture in `body` as an RGB JPEG, upright, whole, on white.

    Args:
        body: an image file as received.
        px: the shorter side is scaled down to this many pixels, never up.

    Raises:
        UndecodableError: it is not an image, or broken, far too large, or a placeholder.
    """
    image = decode(body, "RGB", px)
    if min(image.size) < MIN_SIDE:
        raise UndecodableError(PLACEHOLDER)
    return encode_jpeg(_scaled_down(image, px))


def _scaled_down(image: Image.Image, px: int) -> Image.Image:
    scale = px / min(image.size)
    if scale >= 1:
        return image
    width, height = (max(px, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)
