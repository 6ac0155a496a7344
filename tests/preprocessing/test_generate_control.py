"""The control's rows show what they say, to a reader who knows how they were made."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from preprocessing.errors import ConfigError
from synthetic import control
from synthetic.control import ARMS, CLASSES, WORDS, generate

COUNTS = {"labeled": 64, "valid": 40, "test": 900, "unlabeled": 600}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folders: dict[str, Path] = {}

    def make(arm: str) -> Path:
        if arm not in folders:
            folders[arm] = tmp_path_factory.mktemp(arm)
            generate(arm, folders[arm], **COUNTS)
        return folders[arm]

    return make


def rows(folder: Path) -> pl.DataFrame:
    both = (pl.read_parquet(folder / f"{name}.parquet") for name in ("rows", "classes"))
    return next(both).join(next(both), on="row", maintain_order="left")


def read_class(words: str) -> int:
    """The class that most words are of."""
    numbers = np.array([int(word.removeprefix("w")) for word in words.split()]) // WORDS
    return int(np.bincount(numbers[numbers < CLASSES], minlength=CLASSES).argmax())


def share_read(frame: pl.DataFrame) -> float:
    texts = frame.drop_nulls("words")
    return np.mean([read_class(t) == h for t, h in texts.select("words", "hidden").rows()])


def test_who_knows_the_class_reaches_the_ceiling(made):
    """AUROC of the class alone: 0.95^2 + 0.95 * 0.05."""
    test = rows(made("all")).filter(split="test")
    positive = test["positive"] == "yes"
    low = test["hidden"] < CLASSES // 2
    right = (positive & low).sum() / positive.sum(), (~positive & ~low).sum() / (~positive).sum()
    auroc = right[0] * right[1] + (right[0] * (1 - right[1]) + right[1] * (1 - right[0])) / 2
    assert auroc == pytest.approx(0.95, abs=0.02)


def test_words_show_the_class_where_the_arm_says_so(made):
    assert share_read(rows(made("all"))) > 0.99
    assert share_read(rows(made("text"))) > 0.99
    assert share_read(rows(made("image"))) < 0.2
    placebo = rows(made("placebo"))
    assert share_read(placebo.drop_nulls("positive")) > 0.99
    assert share_read(placebo.filter(pl.col("positive").is_null())) < 0.2


def test_pictures_and_series_show_the_class(made):
    """Spectra averaged over a class are told apart: the free phase does not matter to them."""
    frame = rows(made("all")).filter(split="test")
    folder = made("all")
    pictures = np.array([np.asarray(Image.open(folder / path)) for path in frame["picture"]])
    spectra = np.abs(np.fft.rfft2(pictures - pictures.mean((1, 2), keepdims=True)))
    assert nearest_mean(spectra.reshape(len(frame), -1), frame["hidden"].to_numpy()) > 0.5
    series = pl.read_parquet(folder / "series.parquet").join(frame, on="row", how="semi")
    grid = np.zeros((len(frame), control.STEPS, control.VARIABLES))
    place = {row: number for number, row in enumerate(frame["row"])}
    for row, hour, variable, value in series.rows():
        grid[place[row], int(hour), int(variable[1:])] = value
    flat = np.abs(np.fft.rfft2(grid)).reshape(len(frame), -1)
    assert nearest_mean(flat, frame["hidden"].to_numpy()) > 0.5


def nearest_mean(features: np.ndarray, classes: np.ndarray) -> float:
    """Share of the second half that lies nearest to the mean of its class in the first."""
    half = len(features) // 2
    first, known = features[:half], classes[:half]
    means = np.array([first[known == each].mean(axis=0) for each in range(CLASSES)])
    distance = ((features[half:, None] - means) ** 2).sum(axis=2)
    return float((distance.argmin(axis=1) == classes[half:]).mean())


def test_rows_without_an_answer_lack_modalities(made):
    frame = rows(made("all"))
    bare = frame.filter(pl.col("positive").is_null())
    assert len(bare) == COUNTS["unlabeled"]
    assert bare["words"].null_count() / len(bare) == pytest.approx(0.3, abs=0.06)
    assert frame.drop_nulls("positive")["words"].null_count() == 0
    apart = rows(made("apart")).filter(pl.col("positive").is_null())
    both = apart.drop_nulls(["words", "picture"])
    assert 0 < len(both) < 0.05 * len(apart)


def test_the_same_seed_makes_the_same_rows(made, tmp_path):
    generate("all", tmp_path, **COUNTS)
    for name in ("rows", "series", "classes"):
        ours, theirs = (pl.read_parquet(f / f"{name}.parquet") for f in (tmp_path, made("all")))
        assert ours.equals(theirs)


def test_an_arm_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=f"allowed is one of {', '.join(ARMS)}"):
        generate("none", tmp_path)
