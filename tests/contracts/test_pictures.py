"""A picture file gives a model equal pixels in training, through preprocessing, and afterwards."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from lanistr.data.arrays import decoded, write_pixels
from lanistr.data.manifest import read_manifest
from lanistr.inference.encode import fitted
from preprocessing.datasets.amazon.image_paths import local_name
from preprocessing.datasets.amazon.images import resize_pictures
from tests.preprocessing.own_rows import parcels, write_own
from tests.preprocessing.test_amazon_images import links_of
from tests.preprocessing.test_mimic_images import film, release, run
from tests.preprocessing.test_rows_shards import shards_of
from tests.reading.files import FILES, encoded

PX = 16


def large() -> Image.Image:
    """Of more than the scale at which a JPEG is decoded, and not square."""
    values = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((500, 400), Image.Resampling.BICUBIC)


PICTURES = {
    **{name: file.content for name, file in FILES.items()},
    "large JPEG": encoded(large(), "JPEG"),
    "large PNG": encoded(large(), "PNG"),
    "small JPEG": encoded(large().resize((5, 6)), "JPEG"),
    "JPEG of the very size": encoded(large().resize((PX, PX)), "JPEG"),
    "JPEG of the very size and quality": encoded(large().resize((PX, PX)), "JPEG", quality=95),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each picture under a name that says nothing of its format."""
    folder = tmp_path_factory.mktemp("files")
    paths = {name: folder / f"{number}.jpg" for number, name in enumerate(PICTURES)}
    for name, path in paths.items():
        path.write_bytes(PICTURES[name])
    return paths


def differing(pixels: dict[str, np.ndarray], channels: int, files: dict[str, Path]) -> list[str]:
    """The pictures that a model is shown otherwise, as a path or as bytes."""
    assert pixels.keys() == PICTURES.keys()
    return [
        name
        for name, seen in pixels.items()
        if not np.array_equal(fitted(str(files[name]), PX, channels), seen)
        or not np.array_equal(fitted(PICTURES[name], PX, channels), seen)
    ]


def test_own_rows(files: dict[str, Path], tmp_path: Path) -> None:
    rows = parcels(len(files))
    rows["picture"] = [f"{number}.jpg" for number in range(len(files))]
    own = write_own(tmp_path, rows, image_px=PX)
    for name, number in zip(files, rows["picture"], strict=True):
        (tmp_path / "pictures" / number).write_bytes(PICTURES[name])
    folder, _ = shards_of(own)
    write_pixels(read_manifest(folder / "manifest.json"), tmp_path, threads=2)
    pixels = np.load(tmp_path / "pixels.npy")
    samples = pl.read_parquet(folder / "samples/part-*.parquet").filter(stage="finetune")
    weight = dict(samples.select("sample_id", "weight").rows())  # a kilogram for every other row
    names = dict(zip(rows["weight"], files, strict=True))
    stored = pl.read_parquet(folder / "images/part-*.parquet")["sample_id"]
    seen = {names[weight[sample]]: pixels[row] for row, sample in enumerate(stored)}
    assert not differing(seen, 3, files)


def test_radiographs(files: dict[str, Path], tmp_path: Path) -> None:
    names = {f"a{number:03}": name for number, name in enumerate(files)}
    films = [film(dicom_id=dicom) for dicom in names]
    contents = {dicom: PICTURES[name] for dicom, name in names.items()}
    rows, *_ = run(tmp_path, release(tmp_path / "cxr", films, contents))
    stored = zip(rows["dicom_id"], rows["jpeg"], strict=True)
    seen = {names[dicom]: decoded(jpeg, (PX, PX)) for dicom, jpeg in stored}
    assert not differing(seen, 1, files)


def test_reviews(files: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    urls = {f"https://example.org/{number}.jpg": name for number, name in enumerate(files)}
    for url, name in urls.items():
        (folder / local_name(url)).write_bytes(PICTURES[name])
    part = tmp_path / "part.parquet"
    resize_pictures(
        links_of(tmp_path, *([url] for url in urls)),
        folder,
        px=PX,
        outputs=[part],
        facts=tmp_path / "facts.json",
        ledger_path=tmp_path / "ledger.json",
        threads=2,
    )
    names = {Path(local_name(url)).stem: name for url, name in urls.items()}
    stored = pl.read_parquet(part).select("image_id", "jpeg").rows()
    seen = {names[image]: decoded(jpeg, (PX, PX, 3)) for image, jpeg in stored}
    assert not differing(seen, 3, files)
