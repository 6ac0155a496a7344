"""A picture file to an upright picture of 8 bits, on white where it is transparent.

Of animations and files of several pages it is the first picture. Colours are taken as they are
stored: profiles are not applied.
"""

import contextlib
import io
import re
import struct
import warnings
import zlib
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Mode = Literal["L", "RGB"]

# What every build of Pillow reads itself. Not its full list: the EPS reader, for one, runs a
# program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
# A chest film has about 8 million pixels, phones send 50 million or fewer.
MAX_PIXELS = 80_000_000
# Decode a JPEG to at least this multiple of the wanted size: the filter then does the rest of the
# scaling, and the result is within 2 of 255 grey levels of a decode at full size.
DECODE_MARGIN = 2

REASONS = (
    "file missing on disk",
    "not a picture file (JPEG, PNG, GIF, WebP, TIFF or BMP)",
    "picture file truncated or undecodable",
    "picture larger than the decompression limit",
    "picture with values that are not finite",
)
MISSING, NOT_A_PICTURE, BROKEN, TOO_LARGE, NOT_FINITE = REASONS

# What Pillow's readers raise on broken files, beside OSError.
READERS_RAISE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
# Of a JPEG: stuffed zeros and restarts belong to the scan.
END_OF_IMAGE = 0xD9
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)
# Tags of TIFF files.
PHOTOMETRIC, SAMPLE_FORMAT = 262, 339
WHITE_IS_ZERO, UNSIGNED = 0, (1,)

# MAX_PIXELS is checked below; Pillow's warning about its own limit would only fill the log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UndecodableError(Exception):
    """A picture that cannot be had; its message is the reason, of a file one of `REASONS`."""


def decode(encoded: bytes, mode: Mode, px: int) -> Image.Image:
    """The picture in a file, grey or in colour.

    Args:
        encoded: what the file holds.
        mode: `L` for grey.
        px: a JPEG of more than `DECODE_MARGIN` times this on its shorter side may come smaller,
            at the smallest of its scales (1/8 to 1) that keeps the margin.

    Raises:
        UndecodableError: it is of another format, is cut off, broken or far too large.
    """
    image = _opened(encoded)
    try:
        image.draft(mode, (DECODE_MARGIN * px, DECODE_MARGIN * px))
        image.load()
        # Pictures whose EXIF data are broken stand as they are stored.
        with contextlib.suppress(*READERS_RAISE):
            ImageOps.exif_transpose(image, in_place=True)
        return _eight_bit(image, mode)
    except READERS_RAISE:
        raise UndecodableError(BROKEN) from None


def _opened(encoded: bytes) -> Image.Image:
    """The header of the picture, its size and its end checked before anything is decoded."""
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except UnidentifiedImageError:  # also of a file that is cut off within its header
        raise UndecodableError(BROKEN if _is_begun(encoded) else NOT_A_PICTURE) from None
    except Image.DecompressionBombError:
        raise UndecodableError(TOO_LARGE) from None
    except READERS_RAISE:
        raise UndecodableError(BROKEN) from None
    if image.width * image.height > MAX_PIXELS:
        raise UndecodableError(TOO_LARGE)
    if not min(image.size) or not _is_ended(image, encoded):
        raise UndecodableError(BROKEN)
    return image


def _is_begun(encoded: bytes) -> bool:
    """Whether the first bytes are those of a format that is read."""
    accepts = [Image.OPEN[name][1] for name in FORMATS]
    return any(accept(encoded[:16]) for accept in accepts if accept)


def _is_ended(image: Image.Image, encoded: bytes) -> bool:
    """Whether the file has its end, as far as its format marks one.

    A decoder given zeros instead of data draws grey or black without complaint.
    """
    if image.format == "PNG":
        return b"IEND" in encoded
    return image.format not in ("JPEG", "MPO") or _is_ended_jpeg(encoded)


def _is_ended_jpeg(encoded: bytes) -> bool:
    r"""Whether a JPEG's first picture has its end; what lies behind, such as a film, is no matter.

    >>> head, scan = b"\xff\xd8\xff\xe0\0\4\xff\xd9", b"\xff\xda\0\2\x12\xff\0\x34"
    >>> _is_ended_jpeg(head + scan), _is_ended_jpeg(head + scan + b"\xff\xd9\xff\xda")
    (False, True)
    """
    at = 0
    while marker := MARKER.search(encoded, at):
        if marker[0][1] == END_OF_IMAGE:
            return True
        length = encoded[marker.end() : marker.end() + 2]
        at = marker.end() + int.from_bytes(length)
    return False


def _eight_bit(image: Image.Image, mode: Mode) -> Image.Image:
    """Grey or RGB, with what is transparent shown white, as a shop's page shows it.

    Colours of 16 bits are cut to their higher byte, as their formats mean them.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _windowed(image).convert(mode)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    if image.mode == "LAB":
        image = image.convert("RGB")  # Pillow has no way from there to grey
    return image.convert(mode)


def _windowed(image: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits, the picture's lowest and highest as 0 and 255.

    A radiograph of 12 significant bits in 16 would be black otherwise, and a file that was made of
    a DICOM file has no window any more. Source: MIMIC-CXR-JPG (Johnson et al., arXiv:1901.07042),
    which subtracts the lowest value and divides by the highest; its equalised histogram is not
    made up for. A picture of one value is black.
    """
    values = np.asarray(image).astype(np.float64)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "I" and tags.get(SAMPLE_FORMAT, UNSIGNED) == UNSIGNED:
        values %= 2**32  # Pillow reads them as signed
    if not np.isfinite(values).all():
        raise UndecodableError(NOT_FINITE)
    shown = values != image.info.get("transparency", np.nan)
    if not shown.any():
        return Image.new("L", image.size, 255)
    low, high = values[shown].min(), values[shown].max()
    levels = np.rint((values - low) * (255 / ((high - low) or 1)))
    # Pillow inverts such files at 8 bits alone.
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 255 - levels
    return Image.fromarray(np.where(shown, levels, 255).astype(np.uint8))
