"""The steps of one review category by their command lines, from dumps to manifest, in a process.

    python -m tests.preprocessing.amazon_pipeline REVIEWS METADATA IMAGES OUTPUT

A metadata file or folder of pictures that is not there is left out.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from preprocessing.__main__ import app

CATEGORY = "All_Beauty"


def commands(
    reviews: Path,
    metadata: Path,
    images: Path,
    output: Path,
    *,
    stage: str = "finetune",
    require: Sequence[str] = ("text",),
    parts: int = 2,
    engine: Sequence[str] = (),
    source: str = "user_or_product",
) -> dict[str, list[str]]:
    """The arguments of each step by its name, in order."""
    shards, interim = output / "shards" / CATEGORY, output / "interim" / CATEGORY
    links = ["--links", str(interim / "links.parquet")]

    def part(option: str, folder: Path) -> list[str]:
        paths = [str(folder / f"part-{number:05d}.parquet") for number in range(parts)]
        return [word for path in paths for word in (option, path)]

    def told(step: str) -> list[str]:
        ledger = output / "ledger" / f"amazon_{step}_{CATEGORY}.json"
        return ["--facts", str(interim / f"{step}.json"), "--ledger", str(ledger)]

    read = ["--reviews", str(reviews), "--products", str(interim / "products.parquet"), *links]
    read += ["--metadata", str(metadata)] if metadata.is_file() else []
    cleaned = part("--reviews", interim / "reviews")
    identifiers = ["--identifiers", str(shards / "identifiers.parquet")]
    pictures = [*links, "--images", str(images), "--px", "32"]
    tables = [
        word for name in ("text", "tabular", "images") for word in part(f"--{name}", shards / name)
    ]
    wanted = ["--stage", stage, *(word for name in require for word in ("--require", name))]
    read += ["--image-source", source, *engine]
    step_options = {
        "reviews": [*read, *part("--output", interim / "reviews")],
        "text": [*cleaned, *part("--output", shards / "text")],
        "tabular": [*cleaned, *identifiers, *part("--output", shards / "tabular")],
        "images": [*pictures, *part("--output", shards / "images")],
        "samples": [*cleaned, *tables, *links, *wanted, *part("--output", shards / "samples")],
    }
    manifest = ["--shards", str(output / "shards"), "--facts", str(output / "interim")]
    manifest += ["--output", str(output / "shards" / "manifest.json")]
    return {
        **{step: [*options, *told(step)] for step, options in step_options.items()},
        "manifest": [*manifest, "--category", CATEGORY, "--scale", "smoke"],
    }


def run(steps: dict[str, list[str]]) -> dict[str, float]:
    """Run the steps; returns the seconds that each took."""
    seconds = {}
    for step, options in steps.items():
        started = time.perf_counter()
        app([f"amazon-{step}", *options], standalone_mode=False)
        seconds[step] = round(time.perf_counter() - started, 2)
    return seconds


if __name__ == "__main__":
    run(commands(*map(Path, sys.argv[1:5])))
