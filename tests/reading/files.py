"""One picture in every way in which a file can hold it, made up.

Blocks of 8 pixels keep their values in every format; grey ones range from 0 to 255, so that what
is scaled to its range stays. The right column of blocks is hidden where a file can be transparent.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

BLOCK = 8
WHITE = 255
# Turned or mirrored by these, a picture is upright for who heeds the tag.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATION = 0x0112


@dataclass(frozen=True)
class PictureFile:
    """What a file holds, and what is to be seen, (height, width, 3) uint8, up to a difference."""

    content: bytes
    seen: np.ndarray
    within: int = 1


def blocks(values: np.ndarray) -> np.ndarray:
    return values.repeat(BLOCK, 0).repeat(BLOCK, 1)


def _scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    colours, grey = rng.integers(20, 230, (4, 6, 3)), rng.integers(20, 230, (4, 6))
    grey[0, 0], grey[2, 1] = 0, 255
    opaque = np.ones((4, 6), bool)
    opaque[:, -1] = False
    return blocks(colours.astype(np.uint8)), blocks(grey.astype(np.uint8)), blocks(opaque)


COLOURS, GREY, OPAQUE = _scene()
ALPHA = np.where(OPAQUE, 255, 0).astype(np.uint8)
ON_WHITE = np.where(OPAQUE[..., None], COLOURS, WHITE).astype(np.uint8)


def of_grey(levels: np.ndarray) -> np.ndarray:
    return np.stack([levels] * 3, 2)


GREY_ON_WHITE = of_grey(np.where(OPAQUE, GREY, WHITE).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_of_16_bits(samples: np.ndarray, colour_type: int, transparent: int | None = None) -> bytes:
    """A PNG that Pillow cannot write; samples are (height, width, channels)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    hidden = b"" if transparent is None else chunk(b"tRNS", struct.pack(">H", transparent))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + hidden
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def bomb(side: int) -> bytes:
    """The PNG file of a pixel that claims to be a square of this side."""
    content = bytearray(encoded(Image.new("1", (1, 1)), "PNG"))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


def white_is_zero(tiff: bytes) -> bytes:
    """A little-endian TIFF file whose values are taken the other way round."""
    entry = struct.pack("<HHII", 262, 3, 1, 1)
    assert tiff.count(entry) == 1
    return tiff.replace(entry, struct.pack("<HHII", 262, 3, 1, 0))


def unsigned(values: np.ndarray) -> bytes:
    """A TIFF file of unsigned 32 bits, which Pillow writes as signed ones."""
    content = encoded(Image.fromarray(values.view(np.int32)), "TIFF")
    entry = struct.pack("<HHII", 339, 3, 1, 2)
    assert content.count(entry) == 1
    return content.replace(entry, struct.pack("<HHII", 339, 3, 1, 1))


def _grey_files() -> dict[str, PictureFile]:
    grey, seen = Image.fromarray(GREY), of_grey(GREY)
    twelve = np.rint(GREY * (4095 / 255)).astype(np.uint16)
    sixteen = GREY.astype(np.uint16) * 257
    files = {f"L {kind}": encoded(grey, kind) for kind in ("PNG", "GIF", "TIFF", "BMP")}
    files |= {
        "L TIFF, white is zero": white_is_zero(encoded(Image.fromarray(255 - GREY), "TIFF")),
        "I;16 PNG": encoded(Image.fromarray(sixteen), "PNG"),
        "I;16 TIFF": encoded(Image.fromarray(sixteen), "TIFF"),
        "I;16B TIFF": encoded(Image.fromarray(sixteen.astype(">u2")), "TIFF"),
        "I;16 TIFF, white is zero": white_is_zero(
            encoded(Image.fromarray(65535 - sixteen), "TIFF")
        ),
        "12 bits in 16 PNG": encoded(Image.fromarray(twelve), "PNG"),
        "12 bits in 16 TIFF, LZW": encoded(Image.fromarray(twelve), "TIFF", compression="tiff_lzw"),
        "I TIFF": encoded(Image.fromarray(GREY.astype(np.int32) * 99991 - 7_000_000), "TIFF"),
        "I TIFF, unsigned": unsigned(GREY.astype(np.uint32) * 16_843_009),
        "F TIFF": encoded(Image.fromarray((GREY / 255).astype(np.float32)), "TIFF"),
        "F TIFF, Hounsfield units": encoded(
            Image.fromarray(GREY.astype(np.float32) * 16 - 1024), "TIFF"
        ),
    }
    made = {name: PictureFile(content, seen) for name, content in files.items()}
    made["L JPEG"] = PictureFile(encoded(grey, "JPEG", quality=95), seen, 3)
    two = np.where(GREY > 127, 255, 0).astype(np.uint8)
    for kind in ("PNG", "TIFF", "BMP", "GIF"):
        content = encoded(Image.fromarray(two).convert("1"), kind)
        made[f"1 {kind}"] = PictureFile(content, of_grey(two))
    return made


def _colour_files() -> dict[str, PictureFile]:
    colour = Image.fromarray(COLOURS)
    palette = colour.quantize(256, dither=Image.Dither.NONE)
    wide = COLOURS.astype(np.uint16) * 257
    files = {
        **{f"RGB {kind}": encoded(colour, kind) for kind in ("PNG", "TIFF", "BMP")},
        **{f"P {kind}": encoded(palette, kind) for kind in ("PNG", "GIF", "TIFF", "BMP")},
        "RGB WebP": encoded(colour, "WEBP", lossless=True),
        "RGB PNG, interlaced": encoded(colour, "PNG", interlace=1),
        "RGB PNG, 16 bits": png_of_16_bits(wide, 2),
        "CMYK TIFF": encoded(colour.convert("CMYK"), "TIFF"),
    }
    made = {name: PictureFile(content, COLOURS) for name, content in files.items()}
    sharp = {"quality": 95, "subsampling": 0}
    lossy = {
        "RGB JPEG": encoded(colour, "JPEG", **sharp),
        "RGB JPEG, progressive": encoded(colour, "JPEG", progressive=True, **sharp),
        "CMYK JPEG": encoded(colour.convert("CMYK"), "JPEG", **sharp),
        "JPEG in TIFF": encoded(colour, "TIFF", compression="jpeg", quality=95),
        "LAB TIFF": encoded(_lab(colour), "TIFF"),
    }
    return made | {name: PictureFile(content, COLOURS, 8) for name, content in lossy.items()}


def _lab(image: Image.Image) -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    assert converted is not None
    return converted


def _transparent_files() -> dict[str, PictureFile]:
    rgba = Image.fromarray(np.dstack([COLOURS, ALPHA]))
    la = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
    grey = np.where(OPAQUE, GREY, 1).astype(np.uint8)  # 1 stands nowhere else
    marked = np.where(OPAQUE[..., None], COLOURS, 1).astype(np.uint8)
    palette = Image.fromarray(marked).quantize(256, dither=Image.Dither.NONE)
    index = palette.getpixel((marked.shape[1] - 1, 0))
    assert isinstance(index, int)
    opaque = bytes(0 if number == index else 255 for number in range(256))
    sixteen = np.where(OPAQUE, GREY * np.uint16(257), 5)[..., None]
    grey_files = {
        "LA PNG": encoded(la, "PNG"),
        "LA TIFF": encoded(la, "TIFF"),
        "LA PNG, 16 bits": png_of_16_bits(np.dstack([GREY, ALPHA]) * np.uint16(257), 4),
        "L PNG, a level transparent": encoded(Image.fromarray(grey), "PNG", transparency=1),
        "I;16 PNG, a level transparent": png_of_16_bits(sixteen, 0, 5),
    }
    colour_files = {
        "RGBA PNG": encoded(rgba, "PNG"),
        "RGBA TIFF": encoded(rgba, "TIFF"),
        "RGBA WebP": encoded(rgba, "WEBP", lossless=True),
        "RGBA PNG, 16 bits": png_of_16_bits(np.dstack([COLOURS, ALPHA]) * np.uint16(257), 6),
        "RGBa TIFF": encoded(rgba, "TIFF").replace(
            struct.pack("<HHII", 338, 3, 1, 2), struct.pack("<HHII", 338, 3, 1, 1)
        ),
        "RGB PNG, a colour transparent": encoded(
            Image.fromarray(marked), "PNG", transparency=(1, 1, 1)
        ),
        "P PNG, an index transparent": encoded(palette, "PNG", transparency=index),
        "P PNG, indices transparent": encoded(palette, "PNG", transparency=opaque),
        "P GIF, an index transparent": encoded(palette, "GIF", transparency=index),
        "PA TIFF": _pa_tiff(palette),
    }
    return {name: PictureFile(content, GREY_ON_WHITE) for name, content in grey_files.items()} | {
        name: PictureFile(content, ON_WHITE) for name, content in colour_files.items()
    }


def _pa_tiff(palette: Image.Image) -> bytes:
    with_alpha = palette.convert("PA")
    with_alpha.putalpha(Image.fromarray(ALPHA))
    return encoded(with_alpha, "TIFF")


def _turned_files() -> dict[str, PictureFile]:
    made = {}
    colour, grey = Image.fromarray(COLOURS), Image.fromarray(GREY.astype(np.uint16) * 257)
    for number, turn in STORED.items():
        exif = Image.Exif()
        exif[ORIENTATION] = number
        turned = colour.transpose(turn)
        files = {
            "JPEG": encoded(turned, "JPEG", exif=exif, quality=95, subsampling=0),
            "PNG": encoded(turned, "PNG", exif=exif),
            "WebP": encoded(turned, "WEBP", exif=exif, lossless=True),
            "TIFF": encoded(turned, "TIFF", exif=exif),
            "TIFF, LZW": encoded(turned, "TIFF", exif=exif, compression="tiff_lzw"),
        }
        within = {"JPEG": 8}
        for kind, content in files.items():
            file = PictureFile(content, COLOURS, within.get(kind, 1))
            made[f"orientation {number} {kind}"] = file
        content = encoded(grey.transpose(turn), "TIFF", exif=exif)
        made[f"orientation {number} I;16 TIFF"] = PictureFile(content, of_grey(GREY))
    return made


def _several_files() -> dict[str, PictureFile]:
    first, then = Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)
    both: dict[str, Any] = {"save_all": True, "append_images": [then]}
    palettes = [image.quantize(256, dither=Image.Dither.NONE) for image in (first, then)]
    made = {
        "GIF, animated": encoded(palettes[0], "GIF", save_all=True, append_images=palettes[1:]),
        "PNG, animated": encoded(first, "PNG", **both),
        "WebP, animated": encoded(first, "WEBP", lossless=True, **both),
        "TIFF, two pages": encoded(first, "TIFF", **both),
    }
    phone = encoded(first, "MPO", quality=95, subsampling=0, **both)
    return {name: PictureFile(content, COLOURS) for name, content in made.items()} | {
        "MPO": PictureFile(phone, COLOURS, 8)
    }


FILES = _grey_files() | _colour_files() | _transparent_files() | _turned_files() | _several_files()
