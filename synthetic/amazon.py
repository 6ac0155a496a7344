"""Synthetic Amazon Reviews 2018: three categories in the exact layouts, dirt included.

The planted signal. Every review has one latent opinion q, and each modality sees it through noise
of its own:

    q         ~ N(0, 1)
    stars     = 1 + number of the category's cut points below q; their shares are STARS
    q_m | q   ~ N(q, NOISE[m]^2)    for m in text, image, columns

The q_m are independent of each other and of the stars given q. What a modality shows depends on
q_m and nuisance variables alone: a sentence is one of praise with probability sigmoid(q_text), a
picture is brighter and less scratched as q_image grows, and as q_columns grows a review is more
often verified, gets fewer votes and is written later. An ideal reader of several q_m orders
reviews by sum(q_m / NOISE[m]^2). Two things follow the stars themselves, as in the real data: the
summary, which often is "Five Stars", and its near absence of other words. Nothing here was chosen
to reach a published number.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

import numpy as np
from isal import igzip
from PIL import Image
from typer import Option

from commandline import Made
from preprocessing.datasets.amazon.image_paths import candidates, local_name
from preprocessing.errors import ConfigError
from synthetic.amazon_dirt import HOST, Product, metadata, spoiled
from synthetic.model import sigmoid, stream
from synthetic.write import MARKER

NOISE = {"text": 0.9, "image": 1.1, "columns": 1.4}
DAY = 86_400
# 2008-01-01 and the number of days to the end of 2017.
FIRST_DAY, DAYS = 13_879, 3_653
NUMBERS = ("One Star", "Two Stars", "Three Stars", "Four Stars", "Five Stars")
PRAISE = ("great", "sturdy", "lovely", "perfect", "comfortable", "excellent", "smooth", "reliable")
BLAME = ("flimsy", "broken", "cheap", "awful", "scratchy", "useless", "disappointing", "crooked")
FRAMES = (
    "The {noun} is {word}.",
    "I found it {word}!",
    "{word} {noun}, bought it in {month}",
    "My sister says this {noun} looks {word}.",
    "Arrived on a {day} and it was {word}.",
)
MONTHS = ("January", "March", "May", "June", "August", "October")
DAYS_OF_WEEK = ("Monday", "Tuesday", "Thursday", "Saturday")


@dataclass(frozen=True)
class Mix:
    """What sells in a category.

    Attributes:
        stars: shares of one to five stars.
        nouns: kinds of product; the colour of a kind is fixed.
        styles: the keys of `style`, with their values.
        reviews_per_product: on average; long-tailed.
    """

    stars: tuple[float, ...]
    nouns: tuple[str, ...]
    styles: dict[str, tuple[str, ...]]
    reviews_per_product: int


MIXES = {
    "Office_Products": Mix(
        (0.07, 0.04, 0.08, 0.16, 0.65),
        ("stapler", "pen", "printer", "binder", "chair", "label", "desk lamp"),
        {"Size:": (" Letter", " A4"), "Color:": (" Black", " Blue")},
        12,
    ),
    "All_Beauty": Mix(
        (0.10, 0.05, 0.08, 0.13, 0.64),
        ("shampoo", "lotion", "razor", "perfume", "brush"),
        {"Size:": (" 7.0 oz", " 12 oz"), "Scent Name:": (" Rose", " Classic Ice Blue")},
        8,
    ),
    "AMAZON_FASHION": Mix(
        (0.11, 0.08, 0.12, 0.17, 0.52),
        ("dress", "sneaker", "belt", "scarf", "watch", "hat"),
        {"Size:": (" S", " M", " XL"), "Color:": (" Red", " Navy")},
        5,
    ),
}


def chosen_sizes(
    office: Annotated[int, Option(min=1, help="Reviews of Office_Products")] = 3000,
    beauty: Annotated[int, Option(min=1, help="Reviews of All_Beauty")] = 2000,
    fashion: Annotated[int, Option(min=1, help="Reviews of AMAZON_FASHION")] = 2000,
) -> dict[str, int]:
    """Lines of each category's reviews."""
    return {"Office_Products": office, "All_Beauty": beauty, "AMAZON_FASHION": fashion}


def generate(
    root: Annotated[
        Path, Option("--output", help="Folder to write reviews, metadata and images/ to")
    ],
    sizes: Annotated[dict[str, int], Made(chosen_sizes)],
    *,
    seed: Annotated[int, Option(min=0, help="Seed of the reviews")] = 0,
    image_share: Annotated[
        float,
        Option(min=0, max=1, help="Share of reviews with a picture; about 0.02 in reality"),
    ] = 0.6,
    px: Annotated[
        int, Option("--image-px", min=16, help="Shorter side of a picture, in pixels")
    ] = 96,
) -> None:
    """Write `<Category>.json.gz`, `meta_<Category>.json.gz` and `images/`.

    Args:
        root: the folder, which must be empty or generated before.
        sizes: lines of each category's reviews, repetitions and malformed ones included.
        seed: the same seed gives the same bytes.
        image_share: share of reviews whose writer added a picture.
        px: shorter side of the pictures.

    Raises:
        ConfigError: the folder holds data that were not generated.
    """
    _prepare(root)
    for category, count in sizes.items():
        mix = MIXES[category]
        products = _products(seed, category, max(2, count // mix.reviews_per_product))
        reviews = _reviews(seed, category, products, count, image_share, root / "images", px)
        _write_lines(root / f"{category}.json.gz", spoiled(seed, category, reviews))
        _write_lines(root / f"meta_{category}.json.gz", metadata(seed, category, products))
        _product_pictures(seed, category, products, root / "images", px)


def _prepare(root: Path) -> None:
    found = [*root.glob("*.json.gz"), *root.glob("images/*.jpg")]
    if found and not (root / MARKER).is_file():
        raise ConfigError(
            f"{root} holds {len(found)} dumps or pictures but no {MARKER}: these may be real "
            "data, nothing was written. Name another folder, or move them away."
        )
    for path in found:
        path.unlink()
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / MARKER).write_text("Synthetic reviews, made by generate-amazon.\n", encoding="utf-8")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    packed = io.BytesIO()
    # Neither name nor time in the header: the same lines give the same bytes.
    with igzip.IGzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as file:
        file.write(("\n".join(lines) + "\n").encode())
    path.write_bytes(packed.getvalue())


def _products(seed: int, category: str, count: int) -> list[Product]:
    rng = stream(seed, "products", category)
    nouns = MIXES[category].nouns
    numbers = rng.choice(36**5, size=count, replace=False).tolist()
    kinds = rng.integers(len(nouns), size=count).tolist()
    pictured = rng.integers(0, 4, size=count).tolist()
    return [
        Product(
            asin=f"B0{category[0]}{category[-1].upper()}{_base36(number):>06}",
            noun=nouns[kind],
            pictures=tuple(f"p{category[0]}{number}-{k}L" for k in range(many)),
        )
        for number, kind, many in zip(numbers, kinds, pictured, strict=True)
    ]


def _base36(number: int) -> str:
    """Digits and capitals, as in an asin.

    >>> _base36(35), _base36(36)
    ('Z', '10')
    """
    head, last = divmod(number, 36)
    return (_base36(head) if head else "") + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[last]


def _stars(q: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """One to five, so that each has its share.

    >>> _stars(np.array([-3.0, 0.0, 3.0]), (0.2, 0.2, 0.2, 0.2, 0.2)).tolist()
    [1, 3, 5]
    """
    cuts = [NormalDist().inv_cdf(share) for share in np.cumsum(shares)[:-1]]
    return np.searchsorted(cuts, q) + 1


def _reviews(
    seed: int,
    category: str,
    products: Sequence[Product],
    count: int,
    image_share: float,
    folder: Path,
    px: int,
) -> list[dict[str, Any]]:
    """The reviews, in the order of their products as upstream; writes the reviewers' pictures."""
    rng = stream(seed, "reviews", category)
    mix = MIXES[category]
    q = rng.standard_normal(count)
    seen = {name: q + noise * rng.standard_normal(count) for name, noise in NOISE.items()}
    stars = _stars(q, mix.stars).tolist()
    popularity = 1 / np.arange(1, len(products) + 1) ** 0.7
    chosen = np.sort(rng.choice(len(products), size=count, p=popularity / popularity.sum()))
    days = np.clip(rng.normal(2500 + 150 * seen["columns"], 700, count), 0, DAYS - 1).astype(int)
    # Reviewers are common to all categories.
    writers = (rng.pareto(1.2, count) * count / 4).astype(int) % (3 * count)
    pictured = rng.random(count) < image_share
    reviews = []
    for row in range(count):
        product = products[chosen[row]]
        views = {name: float(values[row]) for name, values in seen.items()}
        review = _columns(rng, views["columns"], int(days[row]))
        review |= {"reviewerID": f"A{writers[row]:013d}", "asin": product.asin}
        review |= _style(rng, mix) | {"reviewerName": f"Reader {writers[row]}"}
        review |= _words(rng, views["text"], stars[row], product.noun)
        if pictured[row]:
            name = f"u{category[0]}{category[-1]}{row}L"
            review |= {"image": [f"{HOST}{name}._SY88.jpg"]}
            _picture(rng, folder, name, views["image"], mix.nouns.index(product.noun), px)
        reviews.append({"overall": float(stars[row]), **review})
    return reviews


def _columns(rng: np.random.Generator, opinion: float, day: int) -> dict[str, Any]:
    day += FIRST_DAY
    date = datetime.fromtimestamp(day * DAY, UTC)
    columns: dict[str, Any] = {
        "verified": bool(rng.random() < sigmoid(np.array(1.5 + 0.7 * opinion))),
        # The month is padded, the day is not.
        "reviewTime": f"{date.month:02d} {date.day}, {date.year}",
        "unixReviewTime": day * DAY,
    }
    if rng.random() < sigmoid(np.array(-1.5 - 0.7 * opinion)):
        votes = 1 + int(rng.exponential(4 * np.exp(-0.4 * opinion)))
        # A few reviews are famous, and upstream then writes a comma.
        columns["vote"] = f"{votes * (400 if rng.random() < 0.005 else 1):,}"
    return columns


def _style(rng: np.random.Generator, mix: Mix) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {}
    return {"style": {key: values[rng.integers(len(values))] for key, values in mix.styles.items()}}


def _words(rng: np.random.Generator, opinion: float, stars: int, noun: str) -> dict[str, str]:
    sentences = []
    for _ in range(1 + rng.geometric(0.35)):
        praise = rng.random() < sigmoid(np.array(opinion))
        word = (PRAISE if praise else BLAME)[rng.integers(8)]
        frame = FRAMES[rng.integers(len(FRAMES))]
        month, day = MONTHS[rng.integers(6)], DAYS_OF_WEEK[rng.integers(4)]
        sentences.append(frame.format(noun=noun, word=word, month=month, day=day))
    kind = rng.random()
    # One "N Stars" of 300 tells another number than the label, as in the real data.
    told = stars if rng.random() < 0.997 else int(rng.integers(1, 6))
    summary = NUMBERS[told - 1] if kind < 0.3 else f"{sentences[0].rstrip('.!')} ..."
    words = {"reviewText": " ".join(sentences), "summary": summary}
    if kind > 0.99:
        del words["summary"]
    elif kind > 0.98:
        del words["reviewText"]
    return words


def _picture(
    rng: np.random.Generator, folder: Path, name: str, opinion: float, kind: int, px: int
) -> None:
    """A thing in the colour of its kind before a wall: the fate of the file is part of the dirt."""
    height, width = px, px + int(rng.integers(0, px // 2))
    wall = rng.integers(90, 200, size=3)
    pixels = np.broadcast_to(wall, (height, width, 3)).astype(np.float32).copy()
    top, left = height // 5, width // 5
    thing = pixels[top:-top, left:-left]
    thing[:] = np.array([90, 110, 130]) + 60 * np.cos(kind + np.array([0, 2, 4]))
    for _ in range(rng.poisson(np.exp(1.2 - 0.6 * opinion))):
        at = rng.integers(thing.shape[0])
        thing[at : at + max(1, px // 24)] = 20
    pixels += 14 * opinion + rng.normal(0, 6, size=(height, width, 1))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    high, low = candidates(user=[f"{HOST}{name}._SY88.jpg"])
    fate = rng.random()
    if fate < 0.03:
        return  # A dead link.
    path = folder / local_name(low if fate < 0.1 else high)
    image.save(path, "JPEG", quality=85)
    if fate > 0.99:
        path.write_bytes(path.read_bytes()[:-200])


def _product_pictures(
    seed: int, category: str, products: Sequence[Product], folder: Path, px: int
) -> None:
    rng = stream(seed, "product pictures", category)
    nouns = MIXES[category].nouns
    for product in products:
        for name in product.pictures[:1]:
            _picture(rng, folder, name, 0.0, nouns.index(product.noun), px)
