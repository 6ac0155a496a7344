"""One JPEG file to one small square: decoded at reduced scale, or refused with a reason.

Radiographs become grey, pictures of products stay in colour.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from preprocessing.errors import SourceMissingError

# A chest film has about 8 million pixels; a file that claims ten times that is not one.
MAX_PIXELS = 80_000_000
JPEG_QUALITY = 95
# Decode to at least this multiple of the wanted size: the filter then does the rest of the
# scaling, and the result is within 2 of 255 grey levels of a decode at full size.
DECODE_MARGIN = 2
START_OF_IMAGE, START_OF_SCAN, END_OF_IMAGE = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"

REASONS = (
    "file missing on disk",
    "not a JPEG file",
    "JPEG file truncated",
    "JPEG file undecodable",
    "image larger than the decompression limit",
)
MISSING, NOT_JPEG, TRUNCATED, UNDECODABLE, TOO_LARGE = REASONS


class UndecodableError(Exception):
    """An image that cannot be had; its message is one of `REASONS`."""


@dataclass(frozen=True)
class GreySquare:
    """A resized radiograph.

    Attributes:
        jpeg: the re-encoded file.
        histogram: pixels of each grey level before re-encoding, (256,) int64.
    """

    jpeg: bytes
    histogram: NDArray[np.int64]


def grey_square(path: Path, px: int) -> GreySquare:
    """The centre of the radiograph, `px` wide and high, its shorter side fitted.

    Raises:
        UndecodableError: the file is missing, is no JPEG, is cut off, broken or far too large.
        SourceMissingError: the file is there, but the system does not let it be read.
    """
    square = _centre(_decoded(_read(path), px, "L"), px)
    return GreySquare(_jpeg(square), np.array(square.histogram(), dtype=np.int64))


def colour_square(source: Path | bytes, px: int) -> bytes:
    """The centre of a picture as an RGB JPEG, `px` wide and high, its shorter side fitted.

    Args:
        source: a file, or what one holds.
        px: side of the square.

    Raises:
        UndecodableError: the file is missing, is no JPEG, is cut off, broken or far too large.
        SourceMissingError: the file is there, but the system does not let it be read.
    """
    encoded = source if isinstance(source, bytes) else _read(source)
    return _jpeg(_centre(_decoded(encoded, px, "RGB"), px))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UndecodableError(MISSING) from None
    except OSError as error:
        # Not counted as one lost image: a broken mount would lose them all in silence.
        raise SourceMissingError(
            f"An image below {path.parent} could not be read ({error.strerror}). "
            "Check the mount and the permissions."
        ) from None


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _decoded(encoded: bytes, px: int, mode: Literal["L", "RGB"]) -> Image.Image:
    """The image in grey or colour, at the smallest JPEG scale (1/8 to 1) that keeps the margin."""
    try:
        image = Image.open(io.BytesIO(encoded), formats=["JPEG"])
    except UnidentifiedImageError:  # also of a JPEG that is cut off within its tables
        cut_off = encoded.startswith(START_OF_IMAGE) and END_OF_IMAGE not in encoded
        raise UndecodableError(TRUNCATED if cut_off else NOT_JPEG) from None
    except Image.DecompressionBombError:
        raise UndecodableError(TOO_LARGE) from None
    except (OSError, SyntaxError):
        raise UndecodableError(UNDECODABLE) from None
    if image.width * image.height > MAX_PIXELS:
        raise UndecodableError(TOO_LARGE)
    # A decoder given zeros instead of data draws grey without complaint. Neither marker can
    # occur in coded data, so a scan without an end of image is a file that was cut off.
    if encoded.rfind(END_OF_IMAGE) <= encoded.rfind(START_OF_SCAN):
        raise UndecodableError(TRUNCATED)
    image.draft(mode, (DECODE_MARGIN * px, DECODE_MARGIN * px))
    try:
        return image.convert(mode)
    except (OSError, SyntaxError):
        raise UndecodableError(UNDECODABLE) from None


def _centre(image: Image.Image, px: int) -> Image.Image:
    """Crop and resize in one step, so that a very long image never grows."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((px, px), Image.Resampling.BICUBIC, box=box)
