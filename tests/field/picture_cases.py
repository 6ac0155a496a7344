"""Files of pictures, as phones, shops and radiology departments write them."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
from PIL import Image

from lanistr.data.arrays import decoded
from lanistr.errors import LanistrError
from lanistr.inference.encode import Encoder, fitted
from lanistr.inference.rows import confined
from preprocessing.datasets.amazon.image_paths import local_name
from preprocessing.datasets.amazon.schemas import Links
from tests.field.case import SECRET, Seen, case, run_step
from tests.field.dump_cases import lines, read_dumps, written
from tests.reading.files import BLOCK, FILES, bomb, encoded

KIND = "Pictures"
PX = 32
NOT_A_PICTURE = "not a picture file (JPEG, PNG, GIF, WebP, TIFF or BMP)"
BROKEN = "picture file truncated or undecodable"


def stored(folder: Path, contents: Sequence[bytes | None]) -> tuple[Seen, list[np.ndarray]]:
    """What `amazon-images` makes of files, None for none, and the pixels that training sees."""
    urls = [f"https://example.org/{number}.jpg" for number in range(len(contents))]
    (folder / "images").mkdir()
    for url, content in zip(urls, contents, strict=True):
        if content is not None:
            (folder / "images" / local_name(url)).write_bytes(content)
    links = {"sample_id": range(len(urls)), "asin": ["a"] * len(urls), "urls": [[u] for u in urls]}
    schema = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}
    assert set(schema) == set(Links.to_schema().columns)
    pl.DataFrame(links, schema=schema).write_parquet(folder / "links.parquet")
    files = {
        "--links": folder / "links.parquet",
        "--images": folder / "images",
        "--output": folder / "images.parquet",
        "--facts": folder / "facts.json",
        "--ledger": folder / "ledger.json",
    }
    words = [word for pair in files.items() for word in pair]
    seen = run_step(folder, ["amazon-images", "--px", str(PX), *words])
    jpegs = dict(pl.read_parquet(folder / "images.parquet").select("image_id", "jpeg").rows())
    names = [Path(local_name(url)).stem for url in urls]
    return seen, [decoded(jpegs[name], (PX, PX, 3)) for name in names if name in jpegs]


def read_alike(words: str, says: str, begins: str, *others: str) -> None:
    """Declare that these pictures are seen as they are meant, the same in training and later."""

    def see(folder: Path) -> Seen:
        names = [name for name in FILES if name.startswith((begins, *others))]
        assert names
        seen, pixels = stored(folder, [FILES[name].content for name in names])
        for name, trained in zip(names, pixels, strict=True):
            file = FILES[name]
            assert np.array_equal(fitted(file.content, PX, 3), trained), name
            meant = file.seen[:, BLOCK:-BLOCK].astype(int)  # the square in the middle
            assert np.abs(trained - meant).mean() < 12, name  # colours of blocks run in a JPEG
        return seen

    case(KIND, words, "read", says)(see)


read_alike(
    "transparent pictures (PNG, GIF, WebP, TIFF; alpha, palettes, one colour)",
    "on white, for training and for `predict`",
    *("RGBA", "RGBa", "LA", "PA", "P PNG, ind", "P GIF, an", "RGB PNG, a colour", "L PNG, a"),
)
read_alike(
    "pictures that a phone stored turned or mirrored, with the EXIF tag of it",
    "upright, for training and for `predict`",
    "orientation",
)
read_alike(
    "grey pictures of 16 bits, of 12 bits in 16, of 32 bits and of floats",
    "their lowest value is black and their highest white",
    *("I;16", "I ", "F ", "12 bits"),
)
read_alike(
    "CMYK, palettes, one bit, LAB, colours of 16 bits, values where white is zero",
    "the colours that are meant",
    *("CMYK", "P ", "1 ", "LAB", "RGB PNG, 16", "L TIFF, white"),
)
read_alike("animations and files of several pages", "the first picture", "GIF,", "PNG, ani")


def lost(words: str, reason: str, make: Callable[[], bytes | None]) -> None:
    """Declare that a picture is lost for a reason beside one that is not."""

    def see(folder: Path) -> Seen:
        seen, pixels = stored(folder, [make(), FILES["RGB PNG"].content])
        assert len(pixels) == 1
        return seen

    case(KIND, words, "dropped", reason)(see)


lost(
    "a page, or a format that is not read, under the name of a picture",
    NOT_A_PICTURE,
    lambda: b"<!DOCTYPE html>",
)
lost("a picture cut off", BROKEN, lambda: FILES["RGB PNG"].content[:-40])
lost("a picture without a pixel", BROKEN, lambda: bomb(0))
lost(
    "a picture of more than 80 million pixels",
    "picture larger than the decompression limit",
    lambda: bomb(9000),
)
lost(
    "a picture of floats, one of which is no number",
    "picture with values that are not finite",
    lambda: encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"),
)
case(KIND, "no picture on disk", "dropped", "no file on disk for any of the addresses")(
    lambda folder: stored(folder, [None])[0]
)


def asked(source: str | bytes) -> Seen:
    """What a model says to a row with this picture."""
    facts = SimpleNamespace(image=SimpleNamespace(px=PX, channels=3))
    encoder = Encoder(cast(Any, facts), cast(Any, None), cast(Any, None), {}, False)
    try:
        encoder.images(pl.DataFrame({"image": [source]}), np.zeros(1, int))
    except LanistrError as error:
        return Seen(str(error))
    return Seen()


UNREAD = "rows: the image of row 0 (from 0) cannot be read: {}. Give the path of a picture file..."


@case(KIND, "`predict`: a path without a file", "refused", UNREAD.format("file missing on disk"))
def predict_without_a_file(folder: Path) -> Seen:
    return asked(str(folder / f"{SECRET}.jpg"))


@case(KIND, "`predict`: a picture cut off", "refused", UNREAD.format(BROKEN))
def predict_cut_off(folder: Path) -> Seen:
    return asked(FILES["RGB JPEG"].content[:-40])


@case(KIND, "`predict`: a folder for a picture", "refused", UNREAD.format("Is a directory"))
def predict_a_folder(folder: Path) -> Seen:
    return asked(str(folder))


@case(
    KIND,
    "addresses of a review's pictures that are not http(s): a script, a file, a path",
    "noted",
    "picture whose address is not http(s), left out",
)
def unusable_addresses(folder: Path) -> Seen:
    urls = ["javascript:void(0)", f"file:///{SECRET}", f"../{SECRET}", "https://example.org/a.jpg"]
    seen = read_dumps(
        folder, gzip.compress(lines() + written(reviewerID="A99", image=urls).encode())
    )
    assert seen.noted["picture whose address is not http(s), left out"] == 3
    assert pl.read_parquet(folder / "l.parquet")["urls"].to_list() == [urls[3:]]
    return seen


@case(
    KIND,
    "`predict`: a path of a picture that leads out of the folder of the rows, or of `--pictures`",
    "refused",
    "rows: 2 paths of pictures lead out of ..., such as that of row 1 (from 0). Give paths ...",
)
def predict_outside(folder: Path) -> Seen:
    (folder / "inside").mkdir()
    (folder / f"{SECRET}.jpg").write_bytes(FILES["RGB JPEG"].content)
    (folder / "inside/link.jpg").symlink_to(folder / f"{SECRET}.jpg")
    rows = pl.DataFrame({"image": ["a.jpg", f"../{SECRET}.jpg", "link.jpg", None]})
    try:
        confined(rows, folder / "inside")
    except LanistrError as error:
        return Seen(str(error))
    return Seen()
