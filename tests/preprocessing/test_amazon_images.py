import io
import json
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from preprocessing.datasets.amazon import images
from preprocessing.datasets.amazon.image_paths import local_name

HOST = "https://images.example.org/I/"


def links_of(folder: Path, *urls: list[str]) -> Path:
    path = folder / "links.parquet"
    schema = {"sample_id": pl.Int64, "asin": pl.String, "urls": pl.List(pl.String)}
    rows = {"sample_id": range(len(urls)), "asin": [None] * len(urls), "urls": urls}
    pl.DataFrame(rows, schema=schema).write_parquet(path)
    return path


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (80, 60)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(path, "JPEG", quality=95)


def test_pictures_on_disk_become_small_squares_in_colour(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    red, cut, absent = (f"{HOST}{name}.jpg" for name in ("red", "cut", "absent"))
    picture(folder / local_name(red), (200, 10, 10))
    picture(folder / local_name(cut), (10, 10, 200), (800, 600))
    (folder / local_name(cut)).write_bytes((folder / local_name(cut)).read_bytes()[:-100])
    picture(folder / "not wanted.jpg", (0, 0, 0))
    outputs = [tmp_path / f"part-0000{number}.parquet" for number in range(2)]
    images.resize_pictures(
        links_of(tmp_path, [red], [cut], [absent], [absent, red]),
        folder,
        px=16,
        outputs=outputs,
        facts=tmp_path / "facts.json",
        ledger_path=tmp_path / "ledger.json",
        threads=2,
    )
    (row,) = pl.concat(pl.read_parquet(path) for path in outputs).iter_rows(named=True)
    assert row["image_id"] + ".jpg" == local_name(red)
    pixels = np.asarray(Image.open(io.BytesIO(row["jpeg"])))
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels.mean((0, 1)) - (200, 10, 10)).max() < 4
    entries = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    counts = {entry["reason"]: (entry["rows_before"], entry["rows_after"]) for entry in entries}
    assert counts["no file on disk for any of the addresses"] == (4, 3)
    assert counts["picture file truncated or undecodable"] == (2, 1)
    assert json.loads((tmp_path / "facts.json").read_text()) == {"rows": 1, "px": 16, "channels": 3}


def test_a_folder_that_is_not_there_holds_no_picture(tmp_path: Path) -> None:
    images.resize_pictures(
        links_of(tmp_path, [f"{HOST}a.jpg"]),
        tmp_path / "none",
        px=16,
        outputs=[tmp_path / "part.parquet"],
        facts=tmp_path / "facts.json",
        ledger_path=tmp_path / "ledger.json",
        threads=1,
    )
    assert pl.read_parquet(tmp_path / "part.parquet").is_empty()
