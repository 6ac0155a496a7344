"""A downloaded body to a small RGB JPEG: decoded in full, scaled down, or refused with a reason."""

import io
import struct
import warnings
import zlib

from PIL import Image, ImageOps, UnidentifiedImageError

# Formats that web shops serve. Not Pillow's full list: its EPS reader, for one, runs a program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
# The largest phone cameras have 200 megapixels but send 50 or fewer; 0.15 GB as RGB.
MAX_PIXELS = 50_000_000
# Amazon answers "no such picture" with status 200 and a GIF of one pixel.
MIN_SIDE = 8
JPEG_QUALITY = 95
# Decode a JPEG to at least this multiple of the wanted size; the filter does the rest.
DECODE_MARGIN = 2

NOT_AN_IMAGE = "not an image"
UNDECODABLE = "image truncated or undecodable"
BOMB = f"image of more than {MAX_PIXELS // 10**6} megapixels"
PLACEHOLDER = f"image smaller than {MIN_SIDE} pixels"

# What Pillow's readers raise on broken files, beside OSError.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)

# MAX_PIXELS is checked below; Pillow's warning about its own limit would only fill the log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UnusableImageError(Exception):
    """A body that gives no picture; its message is one of the reasons above."""


def encode_jpeg(body: bytes, px: int) -> bytes:
    """The picture in `body` as an RGB JPEG, upright, whole, on white.

    Args:
        body: an image file as received.
        px: the shorter side is scaled down to this many pixels, never up.

    Raises:
        UnusableImageError: it is not an image, or broken, far too large, or a placeholder.
    """
    image = _opened(body)
    encoded = io.BytesIO()
    try:
        image.draft("RGB", (DECODE_MARGIN * px, DECODE_MARGIN * px))
        picture = _scaled_down(_on_white(ImageOps.exif_transpose(image)), px)
        picture.save(encoded, "JPEG", quality=JPEG_QUALITY)
    except BROKEN:
        raise UnusableImageError(UNDECODABLE) from None
    return encoded.getvalue()


def _opened(body: bytes) -> Image.Image:
    """The header of the image, its size checked before anything is decoded."""
    try:
        image = Image.open(io.BytesIO(body), formats=FORMATS)
    except UnidentifiedImageError:
        raise UnusableImageError(NOT_AN_IMAGE) from None
    except Image.DecompressionBombError:
        raise UnusableImageError(BOMB) from None
    except BROKEN:
        raise UnusableImageError(UNDECODABLE) from None
    if image.width * image.height > MAX_PIXELS:
        raise UnusableImageError(BOMB)
    if min(image.size) < MIN_SIDE:
        raise UnusableImageError(PLACEHOLDER)
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """RGB, with what is transparent shown white, as a shop's page shows it."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    white = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(white, coloured).convert("RGB")


def _scaled_down(image: Image.Image, px: int) -> Image.Image:
    scale = px / min(image.size)
    if scale >= 1:
        return image
    width, height = (max(px, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)
