"""One million reviews of 60,000 products, from dumps to shards: the real steps, one JSON line.

The dumps are made up by the bench itself, cheaply: they have the size and the layout of real ones,
not their meaning. `ratio` is to decompressing the same files and counting their lines, in the same
process; `ratio_to_parse` to parsing them with DuckDB and throwing the values away.
"""

import argparse
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from isal import igzip

HOST = "https://images-na.ssl-images-amazon.com/images/I/"
LINES_AT_ONCE = 20_000
PARTS = 8


def sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Texts of 1 to 400 words, 45 on average."""
    words = [f"word{number}" for number in range(3000)]
    lengths = np.clip(rng.geometric(1 / 45, count), 1, 400)
    return [" ".join(words[k] for k in rng.integers(0, 3000, n)) for n in lengths]


def write(folder: Path, reviews: int, products: int) -> None:
    """Write Bench.json.gz and meta_Bench.json.gz; 3 % of the products are listed twice."""
    rng = np.random.default_rng(0)
    texts = sentences(rng, 2000)
    with igzip.open(folder / "Bench.json.gz", "wb", compresslevel=1) as file:
        for start in range(0, reviews, LINES_AT_ONCE):
            count = min(LINES_AT_ONCE, reviews - start)
            file.write(review_lines(rng, texts, start, count, reviews, products))
    with igzip.open(folder / "meta_Bench.json.gz", "wb", compresslevel=1) as file:
        for number in range(products):
            line = json.dumps(metadata(texts, number)) + "\n"
            file.write(line.encode() * (2 if number % 33 == 0 else 1))


def review_lines(
    rng: np.random.Generator, texts: list[str], start: int, count: int, reviews: int, products: int
) -> bytes:
    columns = (
        (products * rng.random(count) ** 2).astype(int),
        rng.integers(0, reviews * 6 // 10, count),
        rng.choice(5, count, p=[0.06, 0.05, 0.08, 0.16, 0.65]) + 1,
        rng.integers(11_000, 17_800, count),
        rng.integers(0, len(texts), count),
        rng.geometric(0.2, count),
        rng.random(count),
    )
    lines = []
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for number, (asin, reviewer, star, day, text, votes, draw) in enumerate(rows, start):
        vote = f'"vote": "{votes}", ' if draw < 0.15 else ""
        image = f'"image": ["{HOST}{number}._SY88.jpg"], ' if draw < 0.02 else ""
        style = '"style": {"Size:": " 7.0 oz"}, ' if draw > 0.5 else ""
        lines.append(
            f'{{{image}"overall": {star}.0, {vote}"verified": {"true" if draw > 0.1 else "false"}, '
            f'"reviewTime": "{day % 12 + 1:02d} {day % 28 + 1}, {1970 + day // 365}", '
            f'"reviewerID": "A{reviewer:013d}", "asin": "B{asin:09d}", {style}'
            f'"reviewerName": "Name {reviewer}", "reviewText": "{texts[text]} {number}", '
            f'"summary": "{texts[text - 1][:40]}", "unixReviewTime": {day * 86_400}}}\n'
        )
    return "".join(lines).encode()


def metadata(texts: list[str], number: int) -> dict[str, object]:
    also = [f"B{other:09d}" for other in range(number, number + 40)]
    return {
        "category": ["Office Products", "<span>Paper</span>"],
        "tech1": f"<table><tr><td>{texts[number % len(texts)]}</td></tr></table>",
        "description": [texts[number * 3 % len(texts)]],
        "title": f"<b>Product</b> {number}",
        "also_buy": also,
        "brand": "by\n\nAcme",
        "feature": [texts[number * 7 % len(texts)]],
        "rank": ["1,234 in Office Products ("],
        "also_view": also,
        "price": "$5.49" if number % 2 else "$5 - $9",
        "asin": f"B{number:09d}",
        "imageURL": [f"{HOST}p{number}-{k}._US40_.jpg" for k in range(4)],
        "imageURLHighRes": [f"{HOST}p{number}-{k}.jpg" for k in range(4)],
    }


def read_plainly(paths: list[Path]) -> float:
    """Seconds to decompress the files and count their lines."""
    started = time.perf_counter()
    for path in paths:
        with igzip.open(path, "rb") as file:
            while block := file.read(1 << 20):
                block.count(b"\n")
    return time.perf_counter() - started


def parse(paths: list[Path], threads: int) -> float:
    """Seconds to parse the files and throw the values away."""
    from preprocessing.datasets.amazon.dumps import PRODUCT_KEYS, REVIEW_KEYS, Dump
    from preprocessing.engine.duckdb import connect

    con = connect(threads=threads)
    started = time.perf_counter()
    for path, keys in zip(paths, (REVIEW_KEYS, PRODUCT_KEYS), strict=True):
        sizes = ", ".join(f"sum(length({key}))" for key in keys)
        con.sql(f"SELECT {sizes} FROM {Dump(path, '').sql(keys)}").fetchall()
    return time.perf_counter() - started


def measure(folder: Path, threads: int, memory_limit: str) -> dict[str, object]:
    """Run the steps on what `write` made."""
    from tests.preprocessing.amazon_pipeline import commands, run

    paths = [folder / "Bench.json.gz", folder / "meta_Bench.json.gz"]
    engine = ["--threads", str(threads), "--memory-limit", memory_limit]
    engine += ["--temp-dir", str(folder / "tmp")]
    read_plainly(paths)  # So that the files are in the page cache for what is compared.
    plain, parsed = read_plainly(paths), parse(paths, threads)
    cpu = time.process_time()
    steps = commands(
        *paths, folder / "images", folder, stage="pretrain", parts=PARTS, engine=engine
    )
    seconds = run(steps)
    wall = sum(seconds.values())
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "plain_read_s": round(plain, 2),
        "ratio": round(wall / plain, 1),
        "parse_s": round(parsed, 2),
        "ratio_to_parse": round(wall / parsed, 1),
        "steps_s": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="1GB", help="of a step")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        # In processes of their own: the peak is to be that of the steps.
        fresh = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            process.submit(write, folder, options.reviews, options.products).result()
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            job = process.submit(measure, folder, options.threads, options.memory_limit)
            print(json.dumps({"reviews": options.reviews, **job.result()}))


if __name__ == "__main__":
    main()
