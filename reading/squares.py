"""One picture file to one small square, as it is stored and as a model sees it.

Radiographs become grey, pictures of products stay in colour.
"""

import functools
import io
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reading.pictures import MISSING, NOT_A_PICTURE, Mode, UndecodableError, decode

JPEG_QUALITY = 95
START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class GreySquare:
    """A resized radiograph.

    Attributes:
        jpeg: the re-encoded file.
        histogram: pixels of each grey level before re-encoding, (256,) int64.
    """

    jpeg: bytes
    histogram: NDArray[np.int64]


def grey_square(source: Path | bytes, px: int) -> GreySquare:
    """The centre of a picture as a grey JPEG, `px` wide and high, its shorter side fitted.

    Args:
        source: a file, or what one holds.
        px: side of the square.

    Raises:
        UndecodableError: the file is missing, is no picture, is cut off, broken or far too large.
        OSError: the file is there, but the system does not let it be read.
    """
    jpeg, square = _square(source, px, "L")
    return GreySquare(jpeg, np.array(square.histogram(), dtype=np.int64))


def colour_square(source: Path | bytes, px: int) -> bytes:
    """The centre of a picture as an RGB JPEG; else as `grey_square`."""
    return _square(source, px, "RGB")[0]


def encode_jpeg(image: Image.Image) -> bytes:
    """A picture as it is stored."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _square(source: Path | bytes, px: int, mode: Mode) -> tuple[bytes, Image.Image]:
    """What is stored of a picture, and its pixels before."""
    encoded = source if isinstance(source, bytes) else _read(source)
    square = _centre(decode(encoded, mode, px), px)
    return encoded if _is_stored(encoded, px, mode) else encode_jpeg(square), square


def _read(path: Path) -> bytes:
    try:
        # A pipe or a device may have no end; of a folder the system says so.
        if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            raise UndecodableError(NOT_A_PICTURE)
        return path.read_bytes()
    except (FileNotFoundError, ValueError):  # a zero byte, which no path holds
        raise UndecodableError(MISSING) from None


def _is_stored(encoded: bytes, px: int, mode: Mode) -> bool:
    """Whether a picture is one that was stored before: it stays, as it would lose each time."""
    if not (encoded.startswith(START_OF_IMAGE) and encoded.endswith(END_OF_IMAGE)):
        return False
    with Image.open(io.BytesIO(encoded), formats=["JPEG"]) as image:
        fits = image.format == "JPEG" and image.size == (px, px) and image.mode == mode
        return fits and "exif" not in image.info and _quantization(image) == _tables(mode)


@functools.cache
def _tables(mode: Mode) -> dict[int, list[int]]:
    """The quantization of what is stored."""
    with Image.open(io.BytesIO(encode_jpeg(Image.new(mode, (8, 8))))) as image:
        return _quantization(image)


def _quantization(image: Image.Image) -> dict[int, list[int]]:
    return getattr(image, "quantization", {})


def _centre(image: Image.Image, px: int) -> Image.Image:
    """Crop and resize in one step, so that a very long image never grows."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((px, px), Image.Resampling.BICUBIC, box=box)
