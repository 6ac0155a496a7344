"""Every mode, depth, orientation and format shows the picture that was meant."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from reading import pictures
from reading.pictures import UndecodableError, decode
from tests.reading.files import (
    COLOURS,
    FILES,
    GREY,
    OPAQUE,
    bomb,
    encoded,
    of_grey,
    png_of_16_bits,
)

MODES = {
    *("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "I", "F", "I;16", "I;16B"),
}


def reason(content: bytes) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(content, "L", 16)
    return str(caught.value)


def float_tiff(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.float32)), "TIFF")


def test_the_files_have_every_mode_that_a_file_gives():
    modes = set()
    for file in FILES.values():
        with Image.open(io.BytesIO(file.content)) as image:
            modes.add(image.mode)
    assert modes == MODES


@pytest.mark.parametrize("name", FILES)
def test_the_picture_is_upright_on_white_and_of_its_range(name):
    file = FILES[name]
    colour = np.asarray(decode(file.content, "RGB", 1000))
    assert colour.shape == file.seen.shape
    assert np.abs(colour.astype(int) - file.seen).max() <= file.within
    grey = np.asarray(decode(file.content, "L", 1000))
    wanted = np.asarray(Image.fromarray(file.seen).convert("L"))
    assert np.abs(grey.astype(int) - wanted).max() <= file.within


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([[7, 7], [7, 7]], [[0, 0], [0, 0]]),
        ([[-3.4e38, 3.4e38], [0, 0]], [[0, 255], [128, 128]]),
        ([[1e-40, 2e-40], [1e-40, 2e-40]], [[0, 255], [0, 255]]),
    ],
    ids=["one value", "the range of floats", "tiny"],
)
def test_any_finite_range_is_scaled(values, levels):
    content = float_tiff(np.array(values))
    assert np.asarray(decode(content, "L", 16)).tolist() == levels


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    assert reason(float_tiff(np.where(OPAQUE, GREY, value))) == pictures.NOT_FINITE


def test_a_picture_of_16_bits_that_is_transparent_everywhere_is_white():
    content = png_of_16_bits(np.full((4, 4, 1), 9), 0, 9)
    assert (np.asarray(decode(content, "L", 16)) == 255).all()


def test_the_depth_of_a_radiograph_does_not_matter():
    """12 significant bits in 16, and the same film with 16 or 8."""
    film = np.random.default_rng(0).integers(0, 4096, (40, 40)).astype(np.uint16)
    film[0, :2] = 0, 4095
    deep = [encoded(Image.fromarray(values), "PNG") for values in (film, film * 16)]
    eight = np.rint(film * (255 / 4095)).astype(np.uint8)
    seen = [np.asarray(decode(content, "L", 40)) for content in deep]
    assert (seen[0] == seen[1]).all() and (seen[0] == eight).all()


def test_broken_exif_data_leave_the_picture_as_it_is_stored():
    content = FILES["orientation 6 PNG"].content
    with Image.open(io.BytesIO(content)) as image:
        exif = image.getexif().tobytes().removeprefix(b"Exif\0\0")
        stored = np.asarray(image)
    for broken in (b"garbage", b"", exif[:9]):
        again = encoded(Image.fromarray(stored), "PNG", exif=broken)
        with warnings.catch_warnings(action="ignore"):  # Pillow's, of corrupt EXIF data
            assert (np.asarray(decode(again, "RGB", 48)) == stored).all()


CUT = ["L JPEG", "RGB PNG", "P GIF", "RGB WebP", "RGB TIFF", "12 bits in 16 TIFF, LZW", "RGB BMP"]


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_is_cut_off_is_never_taken(name, kept):
    content = FILES[name].content
    assert reason(content[: int(len(content) * kept)]) == pictures.BROKEN


@pytest.mark.parametrize("name", ["L JPEG", "RGB PNG", "P GIF"])
def test_a_file_whose_rest_is_zeros_is_never_taken(name):
    content = FILES[name].content
    half = len(content) // 2
    assert reason(content[:half] + bytes(len(content) - half)) == pictures.BROKEN


@pytest.mark.parametrize("name", ["L JPEG", "RGB PNG", "P GIF", "RGB WebP", "RGB BMP"])
def test_random_bytes_in_a_file_give_a_picture_or_a_reason(name):
    rng = np.random.default_rng(1)
    for _ in range(60):
        content = bytearray(FILES[name].content)
        for place in rng.integers(0, min(len(content), 200), 4):
            content[place] = rng.integers(256)
        try:
            with warnings.catch_warnings(action="ignore"):
                image = decode(bytes(content), "RGB", 16)
        except UndecodableError as error:
            assert str(error) in pictures.REASONS
        else:
            assert image.mode == "RGB" and min(image.size) > 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (struct.pack("<6sHHBBB", b"GIF89a", 0, 0, 0, 0, 0) + b";", pictures.BROKEN),
        (png_of_16_bits(np.zeros((0, 4, 1)), 0), pictures.BROKEN),
        (b"\x89PNG\r\n\x1a\n", pictures.BROKEN),
        (encoded(Image.fromarray(COLOURS), "PPM"), pictures.NOT_A_PICTURE),
        (encoded(Image.fromarray(COLOURS), "JPEG2000"), pictures.NOT_A_PICTURE),
        (encoded(Image.fromarray(COLOURS), "ICO"), pictures.NOT_A_PICTURE),
        (bytes(128) + b"DICM", pictures.NOT_A_PICTURE),
    ],
    ids=["no size", "no rows", "the mark alone", "PPM", "JPEG 2000", "ICO", "DICOM"],
)
def test_what_gives_no_picture_has_its_reason(content, expected):
    assert reason(content) == expected


@pytest.mark.parametrize("side", [9000, 60_000])
def test_a_bomb_is_refused_by_its_header(side):
    assert reason(bomb(side)) == pictures.TOO_LARGE


def test_grey_and_colour_of_one_file_agree():
    assert (np.asarray(decode(FILES["L PNG"].content, "RGB", 16)) == of_grey(GREY)).all()
