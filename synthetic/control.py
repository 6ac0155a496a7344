"""A task on which pretraining must help: the positive control of the product, see docs/control.md.

A hidden class of 8 stands behind the words, the picture and the series of a row. Four classes are
positive with a probability of 0.95, four with 0.05: who knows the class reaches an AUROC of 95 on
average. Few rows have an answer and many have none, so that what the classes look like must be
learned from rows without one. Each modality shows the class in a way of its own, among more that
means nothing:

    words     12, half of them from the class's 60, the others from 80 that all classes use
    picture   a grating of the class's direction and frequency; phase, contrast and noise are free
    series    16 steps of 4 variables, waves of the class's period and shifts, a free start, noise;
              a fifth of the values is not seen

Rows without an answer lack each modality with a probability of 0.3. An arm says which modalities
show the class; in the others each row draws a class of its own, which means nothing.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
from PIL import Image
from typer import Option

from preprocessing.errors import ConfigError
from synthetic.model import stream

CLASSES = 8
LIKELY = 0.95  # probability of a positive answer in the first half of the classes
MISSING = 0.3
WORDS, COMMON, LENGTH = 60, 80, 12
SIDE, PICTURE_NOISE = 24, 0.3
STEPS, VARIABLES, SEEN = 16, 4, 0.8
DESCRIPTION = Path(__file__).with_suffix(".yaml")
PERIODS = np.array([4, 5.5, 7, 9])

Modality = Literal["text", "image", "timeseries"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "timeseries")
Numbers = np.ndarray


@dataclass(frozen=True)
class Arm:
    """What the rows of an arm show.

    Attributes:
        shows: modalities that show the class; the others mean nothing.
        scrambled: whether rows without an answer show nothing: words of any class, pixels and
            steps in any order.
        noise: standard deviation of the noise of series, whose waves are 0.5 to 1.5 high.
        parallel: share of the rows without an answer that have every modality, the others having
            one; None = each modality is missing by itself.
    """

    shows: tuple[Modality, ...] = MODALITIES
    scrambled: bool = False
    noise: float = 1.0
    parallel: float | None = None


ARMS: Mapping[str, Arm] = {
    "all": Arm(noise=1.5),
    "placebo": Arm(scrambled=True, noise=1.5),
    "text": Arm(("text",)),
    "image": Arm(("image",)),
    "timeseries": Arm(("timeseries",)),
    "apart": Arm(parallel=0.02),
}


def generate(
    arm: Annotated[str, Option(help="What rows show: " + ", ".join(ARMS))],
    output: Annotated[Path, Option("--output-dir", help="Folder of rows, series and pictures")],
    *,
    labeled: Annotated[int, Option(min=1, help="Rows of train with an answer")] = 64,
    valid: Annotated[int, Option(min=1, help="Rows of valid")] = 128,
    test: Annotated[int, Option(min=1, help="Rows of test")] = 1000,
    unlabeled: Annotated[int, Option(min=1, help="Rows of train without an answer")] = 3000,
    seed: Annotated[int, Option(min=0, help="Seed of the data")] = 0,
) -> None:
    """Write rows, series, pictures, their description, and classes.parquet, the hidden truth.

    Raises:
        ConfigError: there is no such arm.
    """
    if arm not in ARMS:
        raise ConfigError(f"--arm: found {arm!r}, allowed is one of {', '.join(ARMS)}.")
    counts = {"train": labeled, "valid": valid, "test": test, "unlabeled": unlabeled}
    split = np.repeat(list(counts), list(counts.values()))
    bare = split == "unlabeled"
    rng = stream(seed, "control", arm)
    hidden = rng.integers(CLASSES, size=len(split))
    scrambled = bare & ARMS[arm].scrambled
    shown = {
        name: hidden if name in ARMS[arm].shows else rng.integers(CLASSES, size=len(split))
        for name in MODALITIES
    }
    there = draw_presence(ARMS[arm], bare, rng)
    positive = rng.random(len(split)) < np.where(hidden < CLASSES // 2, LIKELY, 1 - LIKELY)
    rows = pl.DataFrame(
        {
            "row": np.arange(len(split)),
            "split": np.where(bare, "train", split),
            "positive": np.where(positive, "yes", "no"),
            "words": write_words(shown["text"], scrambled, rng),
            "picture": [f"pictures/{row}.png" for row in range(len(split))],
        }
    ).with_columns(
        positive=pl.when(pl.Series(~bare)).then("positive"),
        words=pl.when(pl.Series(there["text"])).then("words"),
        picture=pl.when(pl.Series(there["image"])).then("picture"),
    )
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    pictures = draw_gratings(shown["image"], scrambled, rng)
    for pixels, path in zip(pictures, rows["picture"], strict=True):
        if path:
            Image.fromarray(pixels).save(output / path)
    rows.write_parquet(output / "rows.parquet")
    values = draw_waves(shown["timeseries"], scrambled, ARMS[arm].noise, rng)
    list_seen(values, there["timeseries"], rng).write_parquet(output / "series.parquet")
    pl.DataFrame({"row": rows["row"], "hidden": hidden}).write_parquet(output / "classes.parquet")
    shutil.copyfile(DESCRIPTION, output / "rows.yaml")


def draw_presence(arm: Arm, bare: Numbers, rng: np.random.Generator) -> dict[Modality, Numbers]:
    """Which rows have a modality, (N,) bool; those with an answer have all."""
    if arm.parallel is None:
        return {name: ~bare | (rng.random(len(bare)) >= MISSING) for name in MODALITIES}
    whole = ~bare | (rng.random(len(bare)) < arm.parallel)
    only = rng.integers(len(MODALITIES), size=len(bare))
    return {name: whole | (only == number) for number, name in enumerate(MODALITIES)}


def write_words(classes: Numbers, scrambled: Numbers, rng: np.random.Generator) -> list[str]:
    """A text for each class; of those that are scrambled each word has a class of its own."""
    shape = (len(classes), LENGTH)
    each = rng.integers(CLASSES, size=shape)
    own = rng.integers(WORDS, size=shape) + WORDS * np.where(
        scrambled[:, None], each, classes[:, None]
    )
    common = rng.integers(COMMON, size=shape) + WORDS * CLASSES
    tells = rng.permuted(np.broadcast_to(np.arange(LENGTH) < LENGTH // 2, shape), axis=1)
    return [" ".join(f"w{word:03}" for word in line) for line in np.where(tells, own, common)]


def draw_gratings(classes: Numbers, scrambled: Numbers, rng: np.random.Generator) -> Numbers:
    """A picture for each class, (N, SIDE, SIDE) uint8; scrambled ones have pixels in any order."""

    def free(low: float, high: float) -> Numbers:
        return rng.uniform(low, high, (len(classes), 1, 1))

    def near(values: Numbers, deviation: float) -> Numbers:
        return (values + rng.normal(0, deviation, len(classes)))[:, None, None]

    direction = near(np.pi * (classes % 4) / 4, 0.08)
    frequency = np.exp(near(np.log(np.where(classes < 4, 2, 4)), 0.05))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    along = np.cos(direction) * x + np.sin(direction) * y
    wave = np.sin(2 * np.pi * frequency * along + free(0, 2 * np.pi))
    grey = 0.5 + 0.35 * free(0.3, 1) * wave + rng.normal(0, PICTURE_NOISE, wave.shape)
    pixels = (255 * grey.clip(0, 1)).astype(np.uint8).reshape(len(classes), -1)
    pixels[scrambled] = rng.permuted(pixels[scrambled], axis=1)
    return pixels.reshape(wave.shape)


def draw_waves(
    classes: Numbers, scrambled: Numbers, noise: float, rng: np.random.Generator
) -> Numbers:
    """A series for each class, (N, STEPS, VARIABLES); scrambled ones have steps in any order."""
    rows = (len(classes), 1, 1)
    period = PERIODS[classes % 4].reshape(rows)
    shift = np.where(classes < 4, 0, np.pi / 2).reshape(rows) * np.arange(VARIABLES)
    angle = 2 * np.pi * np.arange(STEPS)[:, None] / period + shift
    wave = rng.uniform(0.5, 1.5, rows) * np.sin(angle + rng.uniform(0, 2 * np.pi, rows))
    values = wave + rng.normal(0, noise, wave.shape)
    values[scrambled] = rng.permuted(values[scrambled], axis=1)
    return values


def list_seen(values: Numbers, there: Numbers, rng: np.random.Generator) -> pl.DataFrame:
    """The values that are seen, one per line, of the rows that have a series."""
    seen = (rng.random(values.shape) < SEEN) & there[:, None, None]
    row, step, variable = np.nonzero(seen)
    return pl.DataFrame(
        {
            "row": row,
            "hour": step.astype(np.float64),
            "variable": np.array([f"v{number}" for number in range(VARIABLES)])[variable],
            "value": values[row, step, variable],
        }
    )
