"""One file to one square: what comes out, and every way in which it can be refused."""

import io

import numpy as np
import pytest
from PIL import Image

from preprocessing.errors import SourceMissingError
from preprocessing.images import square_or_reason
from reading import pictures, squares
from reading.pictures import UndecodableError
from reading.squares import GreySquare, colour_square, grey_square


def smooth(width: int, height: int, seed: int = 0) -> Image.Image:
    """Grey structure of a size that survives scaling."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def reason(tmp_path, content: bytes) -> str:
    path = tmp_path / "film.jpg"
    path.write_bytes(content)
    with pytest.raises(UndecodableError) as caught:
        grey_square(path, 32)
    return str(caught.value)


def levels(square: GreySquare) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(square.jpeg))).astype(int)


@pytest.mark.parametrize("size", [(320, 390), (700, 500), (64, 64), (20, 30), (33, 2000)])
def test_result_is_the_centre_square_of_the_full_decode(tmp_path, size):
    image = smooth(*size)
    path = tmp_path / "film.jpg"
    path.write_bytes(encoded(image))
    side = min(size)
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    whole = Image.open(path).resize(
        (32, 32), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
    )
    square = grey_square(path, 32)
    assert np.abs(levels(square) - np.asarray(whole).astype(int)).max() <= 6


def test_large_files_are_decoded_at_reduced_scale(tmp_path, monkeypatch):
    path = tmp_path / "film.jpg"
    path.write_bytes(encoded(smooth(1024, 1300)))
    sizes = []
    centre = squares._centre
    monkeypatch.setattr(
        squares, "_centre", lambda image, px: sizes.append(image.size) or centre(image, px)
    )
    grey_square(path, 32)
    assert sizes == [(128, 163)]  # 1/8, the smallest scale of JPEG


def test_colour_becomes_grey_and_the_histogram_counts_every_pixel(tmp_path):
    path = tmp_path / "film.jpg"
    path.write_bytes(encoded(Image.new("RGB", (100, 100), (200, 200, 200))))
    square = grey_square(path, 16)
    assert levels(square).shape == (16, 16)
    assert square.histogram[200] == square.histogram.sum() == 16 * 16


def test_same_file_gives_same_bytes(tmp_path):
    path = tmp_path / "film.jpg"
    path.write_bytes(encoded(smooth(300, 200)))
    assert grey_square(path, 64).jpeg == grey_square(path, 64).jpeg


def test_missing_file(tmp_path):
    with pytest.raises(UndecodableError, match=pictures.MISSING):
        grey_square(tmp_path / "none.jpg", 32)


@pytest.mark.parametrize("content", [b"", b"not an image", b"<!DOCTYPE html>", b"%!PS-Adobe-3.0"])
def test_not_a_picture(tmp_path, content):
    assert reason(tmp_path, content) == pictures.NOT_A_PICTURE


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("filler", [b"", b"\0"])
def test_truncated_file_is_never_accepted(tmp_path, kept, filler):
    whole = encoded(smooth(400, 400))
    cut = whole[: int(len(whole) * kept)]
    assert reason(tmp_path, cut + filler * (len(whole) - len(cut))) == pictures.BROKEN


@pytest.mark.parametrize("tail", [b"\0\0\n", b"a film \xff\xda\xff\xda"])
def test_bytes_after_the_end_of_the_image_are_no_truncation(tmp_path, tail):
    path = tmp_path / "film.jpg"
    path.write_bytes(encoded(smooth(64, 64)) + tail)
    assert levels(grey_square(path, 32)).shape == (32, 32)


def test_header_cut_off(tmp_path):
    assert reason(tmp_path, encoded(smooth(64, 64))[:30]) == pictures.BROKEN


def test_far_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 64 * 64 - 1)
    assert reason(tmp_path, encoded(smooth(64, 64))) == pictures.TOO_LARGE


def test_decompression_bomb_is_refused_by_its_header(tmp_path):
    bomb = bytearray(encoded(smooth(64, 64)))
    frame = bomb.index(b"\xff\xc0") + 5
    bomb[frame : frame + 4] = b"\xff\xdc\xff\xdc"  # 65,500 pixels each way
    assert reason(tmp_path, bytes(bomb)) == pictures.TOO_LARGE


def test_a_broken_mount_stops_the_run_and_names_no_patient(tmp_path):
    folder = tmp_path / "p10000032/s50000001.jpg"
    folder.mkdir(parents=True)
    with pytest.raises(SourceMissingError, match=r"Is a directory.*mount") as caught:
        square_or_reason(grey_square, folder, 32, tmp_path)
    assert "10000032" not in str(caught.value)


def test_what_was_stored_is_not_encoded_again():
    stored = colour_square(encoded(smooth(90, 70).convert("RGB"), "PNG"), 32)
    assert colour_square(stored, 32) == stored
    assert colour_square(stored, 31) != stored
    assert grey_square(stored, 32).jpeg != stored
    weaker = io.BytesIO()
    smooth(32, 32).save(weaker, "JPEG", quality=80)
    assert grey_square(weaker.getvalue(), 32).jpeg != weaker.getvalue()
